import type { Producer } from '../kafka/contract.ts';
import { SourceError } from '../sources/source.ts';
import type { PartitionStream, RecordBatch, Source, TopicPartition } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { OrderRecord } from './contract.ts';
import { decodeOrderRecord, encodeOrderRecord, orderRecordId } from './order-codec.ts';
import { ParkError, isRetryable, parkCodeOf } from './park.ts';
import { offsetAt, valueAt } from './range.ts';
import { createWake } from './wake.ts';
import type { Wake } from './wake.ts';

/** One record of the order log as read back, ignored ones included. */
export interface LogRecord {
  readonly orderOffset: bigint;
  /** Its id, or a checksum of what could not be decoded. */
  readonly id: string;
  readonly record: OrderRecord | null;
  /** When the broker appended it, where it says so. */
  readonly appendTimeMs: number | null;
}

/** Reads an order log from an offset on, without holes. */
export interface OrderReader {
  /** The next record if it is here. Throws what ended the reading: a `ParkError`, or a `SourceError` after a close. */
  poll(): LogRecord | null;
  /** As `poll`, waiting up to `maxWaitMs`. */
  next(maxWaitMs: number): Promise<LogRecord | null>;
  /** The end of the log as the last fetch heard it; −1n: not heard. */
  endOffset(): bigint;
  close(): void;
}

export interface OrderReaderOptions {
  /** The order topic, with the archive behind it where there is one. */
  readonly source: Source;
  readonly topicPartition: TopicPartition;
  readonly nextOffset: bigint;
  readonly clock: Clock;
  readonly onArrival: () => void;
}

/** Records decoded and not yet judged; beyond, reading pauses. */
const queueRecordsMax = 10_000;
const pollWaitMs = 1_000;
const retryMs = 250;

export function createOrderReader(options: OrderReaderOptions): OrderReader {
  const { source, topicPartition, clock } = options;
  const room = createWake(clock);
  const arrived = createWake(clock);
  let queue: LogRecord[] = [];
  let head = 0;
  let nextOffset = options.nextOffset;
  let stream: PartitionStream | null = null;
  let failure: Error | null = null;
  let isClosed = false;

  const readSome = async (): Promise<void> => {
    stream ??= source.read(topicPartition, nextOffset);
    const batch = await stream.next(pollWaitMs);
    if (isClosed || !batch || batch.nextOffset <= nextOffset) return;
    for (const record of decodeBatch(batch, nextOffset)) queue.push(record);
    nextOffset = batch.nextOffset;
    arrived.wake();
    options.onArrival();
  };
  const pump = async (): Promise<void> => {
    while (!isClosed && !failure) {
      try {
        if (queue.length - head < queueRecordsMax) await readSome();
        else await room.wait(pollWaitMs);
      } catch (error) {
        stream?.close();
        stream = null;
        if (isClosed) return;
        if (isRetryable(error)) await clock.sleep(retryMs);
        else failure = await explain(error, source, topicPartition, nextOffset);
      }
    }
    arrived.wake();
    options.onArrival();
  };
  void pump();

  const poll = (): LogRecord | null => {
    const record = queue[head];
    if (!record) {
      if (failure) throw failure;
      return null;
    }
    head++;
    if (head === queue.length || head > 1_000) {
      queue = queue.slice(head);
      head = 0;
      room.wake();
    }
    return record;
  };
  return {
    poll,
    next: (maxWaitMs) => pollUntil({ poll, arrived, clock, isClosed: () => isClosed }, maxWaitMs),
    endOffset: () => stream?.endOffset() ?? -1n,
    close() {
      isClosed = true;
      stream?.close();
      room.wake();
      arrived.wake();
    },
  };
}

interface Polled {
  readonly poll: () => LogRecord | null;
  readonly arrived: Wake;
  readonly clock: Clock;
  readonly isClosed: () => boolean;
}

/** A wake may be of what was taken already: it looks again until the time is over. */
async function pollUntil({ poll, arrived, clock, isClosed }: Polled, maxWaitMs: number): Promise<LogRecord | null> {
  const untilMs = clock.nowMs() + maxWaitMs;
  let found = poll();
  for (let nowMs = untilMs - maxWaitMs; !found && !isClosed() && nowMs < untilMs; nowMs = clock.nowMs()) {
    await arrived.wait(untilMs - nowMs);
    found = poll();
  }
  return found;
}

/** Order topics have no control records: a hole means that records are gone. */
function decodeBatch(batch: RecordBatch, from: bigint): LogRecord[] {
  const records: LogRecord[] = [];
  let expected = from;
  for (let i = 0; i < batch.count; i++) {
    const orderOffset = offsetAt(batch, i);
    if (orderOffset < from) continue;
    if (orderOffset !== expected)
      throw new ParkError('log_broken', `the order log lacks offsets ${expected} to ${orderOffset}`);
    expected = orderOffset + 1n;
    const bytes = valueAt(batch, i);
    const record = decodeOrderRecord(bytes);
    const appendTimeMs = batch.timestampType === 'append' ? (batch.timestampsMs[i] ?? null) : null;
    records.push({ orderOffset, id: orderRecordId(bytes, record), record, appendTimeMs });
  }
  return records;
}

/** What a stream's end means for the task. */
async function explain(error: unknown, source: Source, tp: TopicPartition, nextOffset: bigint): Promise<Error> {
  if (!(error instanceof SourceError)) return error instanceof Error ? error : new Error(String(error));
  if (error.code === 'topic_recreated')
    return new ParkError('topic_recreated', `the order topic was deleted and made anew`, error);
  const bounds = await source.bounds(tp).catch(() => null);
  if (bounds && bounds.endOffset < nextOffset)
    return new ParkError(
      'log_truncated',
      `the order log ends at ${bounds.endOffset}, ${nextOffset} was reached before`,
      error,
    );
  return new ParkError(parkCodeOf(error, 'log_broken'), `the order log cannot be read from ${nextOffset}`, error);
}

/** Appends to one order log. What counts is decided when it is read back, never by the acknowledgement. */
export interface OrderAppender {
  /** Resolves when the record is acknowledged; rejects when it may or may not have been appended. */
  append(record: OrderRecord): Promise<void>;
}

export function createOrderAppender(producer: Producer, topicPartition: TopicPartition): OrderAppender {
  return {
    async append(record) {
      const { topic, partition } = topicPartition;
      await producer.send([
        { topic, partition, key: null, value: encodeOrderRecord(record), timestampMs: record.clockMs },
      ]);
    },
  };
}
