import { parseTopicPartition } from '../sources/source.ts';
import type { Source, TopicPartition } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { TaskState } from './task.ts';
import type { TermView } from './term.ts';

/**
 * Alive but reading nothing: a client that hears nothing any more says so to nobody, and looks exactly like a silent topic. So who
 * watches asks the broker itself for the ends. `going`: something was folded, or there is nothing to fold; `stalled`: there is, and
 * nothing was folded for long, though the task does not wait for a broker or archive that is away. One that waits for its outputs is
 * given more time from each acknowledgement: their topic may have no leader while the inputs have one.
 */
export type Pulse = 'unknown' | 'going' | 'stalled';

export interface Watchdog {
  /** Called every second or so with what the task is doing. */
  look(state: TaskState, view: TermView | null): void;
  pulse(): Pulse;
}

export interface WatchdogOptions {
  readonly inputs: Pick<Source, 'bounds'>;
  readonly order: Pick<Source, 'bounds'>;
  readonly orderPartition: TopicPartition;
  readonly clock: Clock;
  /** So long may nothing be folded while there is something to fold. */
  readonly stallMs: number;
}

/** The broker is asked so often in a stall's time, and never while something is folded. */
const looksPerStall = 6;
/** So many stalls' times for one acknowledgement. */
const outputsPatience = 4;

/** For one task. */
export function createWatchdog(options: WatchdogOptions): Watchdog {
  const { clock, stallMs } = options;
  let pulse: Pulse = 'unknown';
  let last = { state: '' as TaskState | '', progress: '' };
  let sinceMs = clock.nowMs();
  let askedMs = sinceMs;
  let isAsking = false;

  const ask = async (state: TaskState, view: TermView): Promise<void> => {
    isAsking = true;
    const asked = last;
    try {
      const isBehind = await hasMore(options, state, view);
      if (asked !== last) return; // It has gone on, or another term has begun.
      if (isBehind && clock.nowMs() - sinceMs >= stallMs * patienceOf(view)) pulse = 'stalled';
      if (!isBehind) [pulse, sinceMs] = ['going', clock.nowMs()];
    } catch {
      sinceMs = clock.nowMs(); // Away: that is waited for, and said elsewhere.
    } finally {
      isAsking = false;
    }
  };
  return {
    pulse: () => pulse,
    look(state, view) {
      const nowMs = clock.nowMs();
      const progress = view === null ? '' : progressOf(state, view);
      const hasMoved = state !== last.state || progress !== last.progress;
      if (state === last.state && progress !== last.progress) pulse = 'going';
      if (hasMoved || view === null || !isReading(state) || isWaiting(view)) {
        if (hasMoved) last = { state, progress };
        [sinceMs, askedMs] = [nowMs, nowMs];
        return;
      }
      if (isAsking || nowMs - askedMs < stallMs / looksPerStall) return;
      askedMs = nowMs;
      void ask(state, view);
    },
  };
}

const isReading = (state: TaskState): boolean => state === 'owner' || state === 'catching_up' || state === 'claiming';

/** An owner appends entries without records as well: only records count, and acknowledgements. Who catches up reads the order log. */
function progressOf(state: TaskState, { replica, outputs }: TermView): string {
  const folded = state === 'owner' ? `${replica.counters().records} records` : `order offset ${replica.nextOffset()}`;
  return `${folded}, ${outputs.pending()} outputs`;
}

/** Held up by something that is known and passes: an input or the archive that is away. */
const isWaiting = ({ inputs }: TermView): boolean => [...inputs.all().values()].some((cursor) => cursor.isRetrying());

const patienceOf = ({ outputs }: TermView): number => (outputs.hasRoom() ? 1 : outputsPatience);

async function hasMore(options: WatchdogOptions, state: TaskState, { replica }: TermView): Promise<boolean> {
  if (state !== 'owner') return (await options.order.bounds(options.orderPartition)).endOffset > replica.nextOffset();
  const { positions } = replica.judgeState();
  const bounds = await Promise.all(
    Object.keys(positions).map((name) => options.inputs.bounds(parseTopicPartition(name))),
  );
  return Object.values(positions).some((position, i) => (bounds[i]?.endOffset ?? 0n) > BigInt(position));
}
