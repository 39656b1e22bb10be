// The first operator: the record batches of one order entry become decoded, valid records in fold order.
// Guarantees: every record of the entry leaves here exactly once, as a record, a dead letter or quarantined; a decoder that
// throws costs one record, not the batch; order is the log's order.
// Redelivery: the same entry gives the same batch; duplicates are found later, by id.
import type { RecordBatch } from '../sources/source.ts';
import { topicPartitionName } from '../sources/source.ts';
import type { FoldEntry } from '../tasks/contract.ts';
import type { EntryContext, InputBatch, Rejected, StreamRecord, TimedEvent } from './batch.ts';
import { type ClockGuardOptions, latestAcceptedMs } from './clock-guard.ts';
import { type Stage, stageOf } from './stage.ts';

/** What a decoder makes of one value. */
export type Decoded<E> =
  | { readonly kind: 'event'; readonly event: E }
  | {
      readonly kind: 'dead';
      readonly reason: 'undecodable' | 'invalid' | 'unknown_type';
      readonly message: string;
      readonly fieldPath: string | null;
      readonly source: string | null;
    }
  | {
      readonly kind: 'quarantined';
      readonly eventType: string;
      readonly eventVersion: number;
      readonly newestKnownVersion: number;
    };

/** The event in `bytes[start, end)`. */
export type Decode<E> = (bytes: Uint8Array, start: number, end: number) => Decoded<E>;

export interface IngestOptions<E> {
  readonly decode: Decode<E>;
  /** As `decode`, where events may be lent: for processors that take record by record. */
  readonly lendingDecode?: Decode<E>;
  /** By topic, where values are no events of the catalog: results that a task reads. */
  readonly decodeOf?: ReadonlyMap<string, Decode<E>>;
  readonly clockGuard: ClockGuardOptions;
}

export interface IngestStage<E> extends Stage<FoldEntry, InputBatch<E>> {
  /** For who decodes by himself: counts the entry's records and gives its context. */
  open(entry: FoldEntry): EntryContext;
}

/** Decodes an entry and applies the clock guard. Counts `in`: every record that the task has read. */
export function ingest<E extends TimedEvent>(options: IngestOptions<E>): IngestStage<E> {
  let recordsIn = 0;
  const open = (entry: FoldEntry): EntryContext => {
    for (const batch of entry.batches) recordsIn += batch.count;
    return contextOf(entry);
  };
  const stage = stageOf({
    apply(entry: FoldEntry): InputBatch<E> {
      const context = open(entry);
      const records: StreamRecord<E>[] = [];
      const rejected: Rejected[] = [];
      for (const batch of entry.batches) ingestBatch(batch, entry.clockMs, options, records, rejected);
      return { entry: context, records, rejected, outputs: [] };
    },
    snapshot: () => recordsIn,
    restore: (state) => void (recordsIn = state as number),
    counters: () => ({ in: recordsIn }),
  });
  return { ...stage, open };
}

function ingestBatch<E extends TimedEvent>(
  batch: RecordBatch,
  clockMs: number,
  { decode: decodeAny, decodeOf, clockGuard }: IngestOptions<E>,
  records: StreamRecord<E>[],
  rejected: Rejected[],
): void {
  const decode = decodeOf?.get(batch.topic) ?? decodeAny;
  for (let index = 0; index < batch.count; index++) {
    const decoded = decodeRecord(decode, batch, index);
    if (decoded.kind !== 'event') {
      rejected.push({ batch, index, ...decoded });
      continue;
    }
    const { event } = decoded;
    // Written so that a time that is not a number is refused, too.
    if (event.eventTimeMs <= latestAcceptedMs(clockGuard, clockMs, batch, index)) {
      records.push({ event, batch, index });
      continue;
    }
    rejected.push(fromTheFuture(batch, index, event));
  }
}

/** A record that the clock guard refuses. */
export const fromTheFuture = (batch: RecordBatch, index: number, { source }: TimedEvent): Rejected => ({
  ...{ batch, index, kind: 'dead', reason: 'future', source },
  ...{ message: 'its event time is too far ahead of the clock', fieldPath: '/eventTimeMs' },
});

type Failed = Omit<Extract<Rejected, { kind: 'dead' }>, 'batch' | 'index'>;

/** As `decode`, for a record without a value and for a decoder that throws as well. */
export function decodeRecord<E>(decode: Decode<E>, batch: RecordBatch, index: number): Decoded<E> | Failed {
  const start = batch.valueStart[index] as number;
  if (start < 0) return { kind: 'dead', reason: 'undecodable', message: 'has no value', fieldPath: null, source: null };
  try {
    return decode(batch.bytes, start, batch.valueEnd[index] as number);
  } catch (error) {
    return { kind: 'dead', reason: 'failed', message: failureText('decoder', error), fieldPath: null, source: null };
  }
}

/** For a dead letter: what failed, without the message of the error, which may hold values. */
export const failureText = (part: string, error: unknown): string =>
  `the ${part} failed: ${error instanceof Error ? error.name : typeof error}`;

function contextOf(entry: FoldEntry): EntryContext {
  const read = new Set<string>();
  for (const batch of entry.batches) if (batch.count > 0) read.add(topicPartitionName(batch));
  const idle = entry.idle.filter((partition) => !read.has(partition));
  const isIdle = new Set(idle);
  return {
    orderOffset: entry.orderOffset,
    epoch: entry.epoch,
    entryId: entry.entryId,
    clockMs: entry.clockMs,
    partitions: entry.partitions,
    idle,
    isAllIdle: entry.partitions.length > 0 && entry.partitions.every((partition) => isIdle.has(partition)),
    hasRecords: read.size > 0,
    hasSkip: entry.hasSkip,
  };
}
