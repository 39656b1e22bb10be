/**
 * The contract of everything that records are read from: a broker, the archive, a fake. Pulled, never pushed:
 * back-pressure is the caller's own loop. Reading again from the same offset gives the same records.
 */

/** A topic partition as `topic-partition` text, e.g. `payments-3`: the form that order entries and metrics carry. */
export type TopicPartitionName = string;

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export type Header = readonly [name: string, value: Uint8Array];

/**
 * Consecutive records of one partition, as columns. `bytes` may be shared with other batches and is only good until the
 * next batch of the same stream is taken: who keeps a slice copies it. Offsets rise, with holes where a topic has control
 * records. Column arrays may be longer than `count`.
 */
export interface RecordBatch {
  readonly topic: string;
  readonly partition: number;
  readonly count: number;
  /** Offset of record i is `baseOffset + BigInt(offsetDeltas[i])`. */
  readonly baseOffset: bigint;
  readonly offsetDeltas: Int32Array;
  /** Append time (LogAppendTime) or create time in ms, as the topic keeps it. */
  readonly timestampsMs: Float64Array;
  readonly timestampType: 'append' | 'create' | 'unknown';
  /** [keyStart, keyEnd) in `bytes`; keyStart −1: no key. */
  readonly keyStart: Int32Array;
  readonly keyEnd: Int32Array;
  /** [valueStart, valueEnd) in `bytes`; valueStart −1: no value (a tombstone). */
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  readonly bytes: Uint8Array;
  /** Headers of record i, or null when no record of the batch has any. */
  readonly headers: readonly (readonly Header[])[] | null;
  /** The offset after the last record and the holes that follow it: where reading goes on. */
  readonly nextOffset: bigint;
  /** True: it stays good until `release`, so it needs no copy to be kept. */
  readonly isOwn?: boolean;
  /** For the last one who needs it: its memory is used again then. Never called, it is let go of like any other object. */
  readonly release?: (() => void) | undefined;
}

/** One partition being read. At most one reader of a stream at a time. */
export interface PartitionStream {
  readonly topic: string;
  readonly partition: number;
  /** The next records if some are here, else null; never waits. Throws a `SourceError` once the stream cannot go on. */
  poll(): RecordBatch | null;
  /** As `poll`, waiting up to `maxWaitMs`. One call in flight. */
  next(maxWaitMs: number): Promise<RecordBatch | null>;
  /** The end of the partition (last stable offset) as last heard, or −1n before anything was heard. */
  endOffset(): bigint;
  close(): void;
}

export interface Source {
  /** Starts reading at `fromOffset`, which may lie beyond the end (then waits for it). One stream per partition and source. */
  read(topicPartition: TopicPartition, fromOffset: bigint): PartitionStream;
  /** Resolves true as soon as any open stream has something to poll (or an error to throw), false after `maxWaitMs`. */
  wait(maxWaitMs: number): Promise<boolean>;
  /** The first offset still held and the one after the last readable. */
  bounds(topicPartition: TopicPartition): Promise<{ readonly lowOffset: bigint; readonly endOffset: bigint }>;
  /** How many partitions the topic has now; 0 when it does not exist. */
  partitionCount(topic: string): Promise<number>;
  close(): Promise<void>;
}

/**
 * Why a stream cannot go on. `offset_out_of_range`: asked below the first offset held (read the archive); `gap`: records
 * between the asked offset and the next one are gone; `topic_recreated`: the topic was deleted and made anew; `log_truncated`: the
 * partition now ends before what was read; `topic_missing`; `not_authorised`; `closed`; `unavailable` (retryable): the broker
 * or store does not answer.
 */
export type SourceErrorCode =
  | 'offset_out_of_range'
  | 'gap'
  | 'topic_recreated'
  | 'log_truncated'
  | 'topic_missing'
  | 'closed'
  | 'unavailable'
  | 'not_authorised';

export class SourceError extends Error {
  readonly code: SourceErrorCode;
  readonly retryable: boolean;
  constructor(
    code: SourceErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryable?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'SourceError';
    this.code = code;
    this.retryable = options.retryable ?? code === 'unavailable';
  }
}

/** `payments-3`. */
export const topicPartitionName = (tp: TopicPartition): TopicPartitionName => `${tp.topic}-${tp.partition}`;

/** The inverse of `topicPartitionName`; topics may hold dashes, the partition is what follows the last one. */
export function parseTopicPartition(name: TopicPartitionName): TopicPartition {
  const dash = name.lastIndexOf('-');
  return { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) };
}
