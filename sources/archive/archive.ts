import type { ClickHouseClient } from '@clickhouse/client';
import type { Logger } from '../../telemetry/logger.ts';
import { createSignal, type Signal } from '../signal.ts';
import {
  SourceError,
  topicPartitionName,
  type PartitionStream,
  type RecordBatch,
  type Source,
  type TopicPartition,
} from '../source.ts';
import { archiveBounds, nextPageRows, readPage, type ArchivePlace } from './page.ts';

/**
 * The archive in ClickHouse as a source: input topics and order logs of one epoch, for replay, rebuild and verify. Guarantees
 * the bytes that were read from the broker, in order, and a `gap` error where the chain of previous offsets is broken. Rows
 * that redelivery wrote twice come once.
 */
export interface ArchiveSourceOptions {
  /** Stays open when the source is closed. */
  readonly client: ClickHouseClient;
  readonly database: string;
  /** Which incarnation of the topics. */
  readonly epoch: number;
  readonly logger: Logger;
  /** How long the end of the archive is taken for the end before it is asked again. */
  readonly pollEveryMs?: number;
}

/** Nothing is asked of ClickHouse before the first read. */
export function createArchiveSource(options: ArchiveSourceOptions): Source {
  const { client, database, epoch } = options;
  const streams = new Map<string, ArchiveStream>();
  const signal = createSignal();
  const placeOf = ({ topic, partition }: TopicPartition): ArchivePlace => ({
    topic,
    partition,
    database,
    epoch,
    table: topic.startsWith('millrace.order.') ? 'order_log' : 'events',
  });
  return {
    read: (tp, fromOffset) => {
      const name = topicPartitionName(tp);
      if (streams.has(name)) throw new Error(`${name} is read already`);
      const stream = new ArchiveStream(options, placeOf(tp), fromOffset, signal, () => streams.delete(name));
      streams.set(name, stream);
      return stream;
    },
    wait: (maxWaitMs) => {
      for (const stream of streams.values()) stream.prefetch();
      return signal.wait(() => [...streams.values()].some((stream) => stream.isReady()), maxWaitMs);
    },
    bounds: (tp) => asked(archiveBounds(client, placeOf(tp))),
    partitionCount: async (topic) => {
      const query = `SELECT max(partition) + 1 FROM ${database}.${placeOf({ topic, partition: 0 }).table}
        WHERE topic = {topic:String} AND epoch = {epoch:UInt32} HAVING count() > 0`;
      const result = await asked(client.query({ query, query_params: { topic, epoch }, format: 'JSONCompactEachRow' }));
      const [found] = await result.json<[string]>();
      return Number(found?.[0] ?? 0);
    },
    close: async () => {
      for (const stream of [...streams.values()]) stream.close();
    },
  };
}

const defaultPollEveryMs = 500;

/** Fetches one page ahead: the next one is on its way while a batch is used. */
class ArchiveStream implements PartitionStream {
  readonly topic: string;
  readonly partition: number;
  readonly #options: ArchiveSourceOptions;
  readonly #place: ArchivePlace;
  readonly #signal: Signal;
  readonly #onClose: () => void;
  #nextOffset: bigint;
  #endOffset = -1n;
  #ready: RecordBatch | null = null;
  #error: SourceError | null = null;
  #isFetching = false;
  #timer: NodeJS.Timeout | null = null;
  #pageRows = nextPageRows(null);

  constructor(
    options: ArchiveSourceOptions,
    place: ArchivePlace,
    fromOffset: bigint,
    signal: Signal,
    onClose: () => void,
  ) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.#options = options;
    this.#place = place;
    this.#nextOffset = fromOffset;
    this.#signal = signal;
    this.#onClose = onClose;
    this.prefetch();
  }

  poll(): RecordBatch | null {
    if (this.#error && !this.#ready) throw this.#error;
    const batch = this.#ready;
    this.#ready = null;
    this.prefetch();
    return batch;
  }

  async next(maxWaitMs: number): Promise<RecordBatch | null> {
    this.prefetch();
    await this.#signal.wait(() => this.isReady(), maxWaitMs);
    return this.poll();
  }

  isReady(): boolean {
    return this.#ready !== null || this.#error !== null;
  }

  endOffset(): bigint {
    return this.#endOffset;
  }

  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#ready = null;
    this.#error = new SourceError('closed', `the archive stream of ${topicPartitionName(this)} is closed`);
    this.#onClose();
    this.#signal.notify();
  }

  prefetch(): void {
    if (this.#isFetching || this.#timer || this.#ready || this.#error) return;
    this.#isFetching = true;
    void this.#fetch().finally(() => {
      this.#isFetching = false;
      this.#signal.notify();
    });
  }

  async #fetch(): Promise<void> {
    try {
      const batch = await asked(readPage(this.#options.client, this.#place, this.#nextOffset, this.#pageRows));
      if (this.#error) return;
      this.#ready = batch;
      if (batch) {
        this.#nextOffset = batch.nextOffset;
        this.#pageRows = nextPageRows({ bytes: batch.bytes.length, rows: batch.count });
      }
      if (this.#nextOffset > this.#endOffset) this.#endOffset = this.#nextOffset;
      if (!batch) this.#askAgainLater();
    } catch (error) {
      this.#error ??= error as SourceError; // `asked` throws nothing else
    }
  }

  #askAgainLater(): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.prefetch();
    }, this.#options.pollEveryMs ?? defaultPollEveryMs);
  }
}

/** What is no answer of the archive itself is `unavailable`: open the stream again later. */
async function asked<T>(answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    if (cause instanceof SourceError) throw cause;
    throw new SourceError('unavailable', 'the archive does not answer', { cause });
  }
}
