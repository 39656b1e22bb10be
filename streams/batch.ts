/**
 * What flows between the operators of a pipeline: one batch per order entry. A stream's elements are records and
 * watermarks, in-band: here as columns, `watermarkMs[i]` being the task's watermark when record i is judged. So nothing
 * that an operator computes can depend on where one batch ends and the next begins.
 */

/** What the order log says about the batch: the only clock, order and idleness that a fold may use. */
export interface EntryContext {
  readonly orderOffset: bigint;
  readonly epoch: number;
  readonly entryId: string;
  /** The logged clock in ms; never goes back. */
  readonly clockMs: number;
  /** True when every input partition of the task is logged idle. */
  readonly isAllIdle: boolean;
}

/** The minimum that streams need of an event. */
export interface TimedEvent {
  readonly id: string;
  readonly source: string;
  readonly eventTimeMs: number;
  readonly key: string;
}

/** A record: an event and where it was read. */
export interface StreamRecord<E> {
  readonly event: E;
  readonly topic: string;
  readonly partition: number;
  readonly recordOffset: bigint;
  readonly timestampMs: number;
}

/** An output of the fold before it has its position: `body` is a result of `events/results.ts` without `revision` and `producer`. */
export interface Output {
  readonly topic: string;
  /** Decides the partition: results of one key keep their order. */
  readonly key: string;
  /** At most one output per topic and identity leaves an entry. */
  readonly identity: string;
  readonly body: object;
}

export interface StreamBatch<E> {
  readonly entry: EntryContext;
  /** Decoded, valid, first-seen records in fold order. */
  readonly records: readonly StreamRecord<E>[];
  /** The task's watermark just before record i (−Infinity before the first). Non-decreasing. */
  readonly watermarkMs: Float64Array;
  /** The task's watermark after the entry. */
  readonly endWatermarkMs: number;
  /** Windows that end at or before this may be published as final: the watermark, or further by a tick. Lateness is judged by the watermark only. */
  readonly publishUpToMs: number;
  /** Inputs of this task with an accepted gap: windows that began before this event time are not complete; −Infinity when none. */
  readonly incompleteBeforeMs: number;
  /** Outputs so far: dead letters, quarantined, then what operators add. */
  readonly outputs: readonly Output[];
}
