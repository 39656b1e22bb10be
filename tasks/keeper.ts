import type { CheckpointStore } from '../checkpoints/store.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Failpoint } from './failpoint.ts';
import type { Outputs } from './outputs.ts';
import type { Replica } from './replica.ts';
import type { TaskCounters } from './snapshot.ts';

/**
 * The snapshot rhythm of an owner: state is captured between two entries, and saved only once every output before that
 * point is acknowledged. A snapshot that cannot be saved is counted and tried again at the next beat; old ones stay.
 */
export interface Keeper {
  /** Captures or saves if it is time; saving goes on in the background. */
  tick(nowMs: number): void;
  /** Saves what is folded now, if that is more than was saved. Resolves when it is durable, or has failed, or `isOver`. */
  saveNow(isOver: () => boolean): Promise<void>;
  /** Captures what is folded now, to be saved under a label. */
  mark(label: string): void;
}

export interface KeeperOptions {
  readonly replica: Replica;
  readonly outputs: Outputs;
  readonly store: CheckpointStore;
  readonly shard: number;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failpoint: Failpoint;
  readonly everyMs: number;
  /** Where the snapshot that this term started from was. */
  readonly savedOffset: bigint;
  readonly savedCounters: TaskCounters;
  readonly onSaved: (outcome: 'saved' | 'failed', bytes: number) => void;
}

interface Captured {
  readonly orderOffset: bigint;
  readonly epoch: number;
  readonly bytes: Uint8Array;
  readonly label?: string;
}

/** Entries without a record are cheap to fold again: so many of them are worth a snapshot. */
const emptyEntriesMax = 200;
/**
 * Capturing holds up the fold, so it is done less often where it takes long: so many times what it took lies between two, six pauses at most.
 * What takes no longer than this holds nobody up.
 */
const pausePerHold = 400;
const pausesMax = 6;
const holdMinMs = 20;
/** Marks whose outputs are not acknowledged yet; each holds a state. One more is not taken, and said so. */
const marksMax = 4;

export function createKeeper(options: KeeperOptions): Keeper {
  const { replica, outputs, store, failpoint } = options;
  let captured: Captured | null = null;
  const marked: Captured[] = [];
  let saving: Promise<void> | null = null;
  let lastMs = options.clock.nowMs();
  let pauseMs = options.everyMs;
  let savedOffset = options.savedOffset;
  let last = options.savedCounters;

  const capture = (nowMs: number): Captured => {
    lastMs = nowMs;
    last = replica.counters();
    const bytes = replica.capture();
    pauseMs = pauseAfter(options.clock.nowMs() - nowMs, options.everyMs);
    return { orderOffset: replica.nextOffset(), epoch: replica.judgeState().epoch, bytes };
  };
  const save = async ({ orderOffset, epoch, bytes, label }: Captured): Promise<void> => {
    const { pipeline, version, stateHash } = replica.fold();
    try {
      await failpoint('mid-snapshot');
      const id = { pipeline, version, stateHash, epoch, shard: options.shard, orderOffset };
      await store.save(label === undefined ? id : { ...id, label }, bytes);
      if (label === undefined) savedOffset = orderOffset;
      options.onSaved('saved', bytes.length);
      await failpoint('after-snapshot');
    } catch (error) {
      options.onSaved('failed', bytes.length);
      options.logger.warn(
        { err: error, orderOffset: orderOffset.toString() },
        'snapshot not saved, the ones before it stay',
      );
    }
  };
  const isWorthIt = (): boolean => {
    const { entries, records } = replica.counters();
    return records > last.records || entries - last.entries >= emptyEntriesMax;
  };
  const saveIfAcked = (): void => {
    const first = marked[0] ?? captured;
    if (!first || saving || !outputs.isAckedBefore(first.orderOffset)) return;
    const taken = first;
    if (marked.length > 0) marked.shift();
    else captured = null;
    saving = save(taken).finally(() => (saving = null));
  };

  return {
    tick(nowMs) {
      if (!captured && !saving && nowMs - lastMs >= pauseMs && isWorthIt()) captured = capture(nowMs);
      saveIfAcked();
    },
    mark(label) {
      if (!replica.judgeState().genesis) return;
      if (marked.length < marksMax) marked.push({ ...capture(options.clock.nowMs()), label });
      else options.logger.warn({ label }, 'too many snapshots are asked for at once: this one is not taken');
    },
    async saveNow(isOver) {
      while (saving && !isOver()) await options.clock.sleep(5);
      if (isOver() || !replica.judgeState().genesis) return;
      if (replica.nextOffset() !== savedOffset) captured = capture(options.clock.nowMs());
      while ((captured || saving || marked.length > 0) && !isOver() && !outputs.failure()) {
        saveIfAcked();
        await options.clock.sleep(5);
      }
    },
  };
}

/** How long no snapshot is captured after one that took `holdMs`. */
const pauseAfter = (holdMs: number, everyMs: number): number =>
  holdMs < holdMinMs ? everyMs : Math.max(everyMs, Math.min(pausesMax * everyMs, pausePerHold * holdMs));
