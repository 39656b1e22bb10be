// The clock guard: an event from the future must not move the watermark, or it would make all honest ones late.
// Guarantees: judged only by what the order log and the record say, so a replay judges alike.
// Redelivery: the same entry gives the same verdict; an event sent again later may pass.
import type { RecordBatch } from '../sources/source.ts';

export interface ClockGuardOptions {
  /** An event further ahead of the clock than this is a dead letter. */
  readonly maxFutureMs: number;
  /**
   * Whether create times are as good as append times: true where only producers of ours write them, as on the embedded
   * broker. Elsewhere a producer could hide behind a false one, and only LogAppendTime counts beside the logged clock.
   */
  readonly isCreateTimeTrusted: boolean;
}

/** The latest event time that record `index` may have: `maxFutureMs` after the lower of the logged clock and its append time. */
export function latestAcceptedMs(
  options: ClockGuardOptions,
  clockMs: number,
  batch: RecordBatch,
  index: number,
): number {
  const isTimed = batch.timestampType === 'append' || (batch.timestampType === 'create' && options.isCreateTimeTrusted);
  const nowMs = isTimed ? Math.min(clockMs, batch.timestampsMs[index] as number) : clockMs;
  return nowMs + options.maxFutureMs;
}
