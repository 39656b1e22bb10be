import type { Clock } from '../telemetry/clock.ts';
import type { OrderClaim, OrderEntry, OrderRecord } from './contract.ts';
import type { Failpoint } from './failpoint.ts';
import type { Judgement, JudgeState, judge } from './judge.ts';
import type { LogRecord, OrderAppender } from './order-log.ts';
import { ParkError, isRetryable } from './park.ts';

/**
 * What an owner has appended and not yet read back. Entries are pipelined: each continues the one before it as if that
 * counted already (`planned`). One read back as ignored, or another's that counts, voids all of them.
 */
export interface Writer {
  /** The judge's state as it will be once everything in flight counts. */
  planned(folded: JudgeState): JudgeState;
  canAppend(): boolean;
  claim(claim: OrderClaim): void;
  append(folded: JudgeState, entry: OrderEntry): void;
  /** To be told every record of the log, in order. `resync`: all in flight was dropped. */
  observe(logRecord: LogRecord, judgement: Judgement): 'own' | 'resync' | 'other';
  inFlight(): number;
  /** Nothing is sent again. What was sent may still count. */
  drop(): void;
  /** What ended the appending for good, or null. */
  failure(): Error | null;
}

export interface WriterOptions {
  readonly appender: OrderAppender;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly judge: typeof judge;
  readonly depth: number;
  /** Called when a failure has come. */
  readonly onFailure: () => void;
  /** Told the time from append to read-back. */
  readonly onReadBack: (ms: number) => void;
}

interface InFlight {
  readonly record: OrderRecord;
  readonly sentAtMs: number;
}

const retryMs = 200;

export function createWriter(options: WriterOptions): Writer {
  const { clock } = options;
  let inFlight: InFlight[] = [];
  let planned: JudgeState | null = null;
  let failure: Error | null = null;

  /** A lost acknowledgement sends the same record again: the copy is ignored by everyone. */
  const send = async (item: InFlight): Promise<void> => {
    while (inFlight.includes(item)) {
      try {
        await options.appender.append(item.record);
        await options.failpoint('after-append');
        return;
      } catch (error) {
        if (!isRetryable(error)) {
          failure ??= new ParkError('append_failed', 'the order log cannot be appended to', error);
          options.onFailure();
          return;
        }
        await clock.sleep(retryMs);
      }
    }
  };
  const start = (record: OrderRecord): void => {
    const item = { record, sentAtMs: clock.nowMs() };
    inFlight.push(item);
    void send(item);
  };
  const drop = (): void => {
    inFlight = [];
    planned = null;
  };

  return {
    planned: (folded) => planned ?? folded,
    canAppend: () => inFlight.length < options.depth,
    claim(claim) {
      drop();
      start(claim);
    },
    append(folded, entry) {
      const judged = options.judge(planned ?? folded, entry);
      if (judged.verdict === 'ignored')
        throw new ParkError('internal', `an entry was chosen that cannot count: ${judged.why}`);
      planned = judged.state;
      start(entry);
    },
    observe(logRecord, judgement) {
      const first = inFlight[0];
      if (!first) return 'other';
      const isFirst = first.record.id === logRecord.id;
      if (judgement.verdict === 'counts' && isFirst) {
        inFlight.shift();
        if (inFlight.length === 0) planned = null;
        options.onReadBack(clock.nowMs() - first.sentAtMs);
        return 'own';
      }
      const isOwn = inFlight.some((item) => item.record.id === logRecord.id);
      const isVoid = judgement.verdict === 'counts' ? first.record.kind === 'entry' : isOwn;
      if (!isVoid) return 'other';
      drop();
      return 'resync';
    },
    inFlight: () => inFlight.length,
    drop,
    failure: () => failure,
  };
}
