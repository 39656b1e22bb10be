import {
  SourceError,
  topicPartitionName,
  type Header,
  type PartitionStream,
  type RecordBatch,
  type Source,
  type TopicPartition,
} from './source.ts';
import { buildBatch, type RecordInput } from './batch.ts';
import { createSignal, type Signal } from './signal.ts';

/**
 * A source held in memory: for tests and for anything small. Guarantees what the contract says, and can be made to fail as
 * a broker does: retention (`trim`), holes, an outage.
 * Reading again gives the same records.
 */
export interface MemorySource extends Source {
  /** Appends records; gives the first one's offset. Creates the topic's partitions up to this one. */
  append(place: TopicPartition, records: readonly MemoryRecord[]): bigint;
  /** As control records do: the next record's offset is `offsets` further. */
  skip(place: TopicPartition, offsets: number): void;
  /** Retention: forgets everything before `lowOffset`. */
  trim(place: TopicPartition, lowOffset: bigint): void;
  /** While down, bounds and counts reject and streams give nothing. */
  setDown(isDown: boolean): void;
  /** The same records for another reader: each source may read a partition once at a time. */
  reader(): Source;
}

export interface MemoryRecord {
  readonly key?: Uint8Array | string | null;
  readonly value: Uint8Array | string | null;
  readonly timestampMs?: number;
  readonly headers?: readonly Header[];
}

interface Log {
  records: RecordInput[];
  lowOffset: bigint;
  endOffset: bigint;
}

interface Shared {
  readonly logs: Map<string, Log>;
  readonly partitionCounts: Map<string, number>;
  readonly signals: Set<() => void>;
  readonly batchRecordsMax: number;
  isDown: boolean;
}

/** An empty one. `batchRecordsMax`: how many records one poll gives at most. */
export function createMemorySource(options: { readonly batchRecordsMax?: number } = {}): MemorySource {
  const shared: Shared = {
    logs: new Map(),
    partitionCounts: new Map(),
    signals: new Set(),
    batchRecordsMax: options.batchRecordsMax ?? 1_000,
    isDown: false,
  };
  const changed = (): void => shared.signals.forEach((notify) => notify());
  return {
    ...createReader(shared),
    reader: () => createReader(shared),
    append: (place, records) => {
      const log = logOf(shared, place);
      const first = log.endOffset;
      for (const record of records) log.records.push(toInput(record, log.endOffset++));
      changed();
      return first;
    },
    skip: (place, offsets) => {
      logOf(shared, place).endOffset += BigInt(offsets);
      changed();
    },
    trim: (place, lowOffset) => {
      const log = logOf(shared, place);
      log.records = log.records.filter(({ recordOffset }) => recordOffset >= lowOffset);
      log.lowOffset = lowOffset;
      if (log.endOffset < lowOffset) log.endOffset = lowOffset;
      changed();
    },
    setDown: (isDown) => {
      shared.isDown = isDown;
      changed();
    },
  };
}

function createReader(shared: Shared): Source {
  const streams = new Map<string, MemoryStream>();
  const signal = createSignal();
  shared.signals.add(signal.notify);
  const bounds = async (place: TopicPartition) => {
    if (shared.isDown) throw new SourceError('unavailable', 'the memory source is down');
    const { lowOffset, endOffset } = logOf(shared, place);
    return { lowOffset, endOffset };
  };
  return {
    read: (place, fromOffset) => {
      const name = topicPartitionName(place);
      if (streams.has(name)) throw new Error(`${name} is read already`);
      const stream = new MemoryStream(shared, place, fromOffset, signal.wait, () => streams.delete(name));
      streams.set(name, stream);
      return stream;
    },
    wait: (maxWaitMs) => signal.wait(() => [...streams.values()].some((stream) => stream.isReady()), maxWaitMs),
    bounds,
    partitionCount: async (topic) => {
      if (shared.isDown) throw new SourceError('unavailable', 'the memory source is down');
      return shared.partitionCounts.get(topic) ?? 0;
    },
    close: async () => {
      for (const stream of [...streams.values()]) stream.close();
      shared.signals.delete(signal.notify);
    },
  };
}

class MemoryStream implements PartitionStream {
  readonly topic: string;
  readonly partition: number;
  readonly #shared: Shared;
  readonly #wait: Signal['wait'];
  readonly #onClose: () => void;
  #nextOffset: bigint;
  #wasInRange = false;
  #isClosed = false;

  constructor(shared: Shared, place: TopicPartition, fromOffset: bigint, wait: Signal['wait'], onClose: () => void) {
    this.topic = place.topic;
    this.partition = place.partition;
    this.#shared = shared;
    this.#nextOffset = fromOffset;
    this.#wait = wait;
    this.#onClose = onClose;
  }

  poll(): RecordBatch | null {
    if (this.#isClosed) throw new SourceError('closed', 'the stream is closed');
    if (this.#shared.isDown) return null;
    const log = logOf(this.#shared, this);
    if (this.#nextOffset < log.lowOffset)
      throw new SourceError(
        this.#wasInRange ? 'gap' : 'offset_out_of_range',
        `${this.topic} begins at ${log.lowOffset}`,
      );
    if (this.#nextOffset >= log.endOffset) return null;
    this.#wasInRange = true;
    const from = log.records.findIndex(({ recordOffset }) => recordOffset >= this.#nextOffset);
    if (from < 0) return null;
    const records = log.records.slice(from, from + this.#shared.batchRecordsMax);
    const following = log.records[from + records.length];
    this.#nextOffset = following?.recordOffset ?? log.endOffset;
    return buildBatch(this, 'create', records, this.#nextOffset);
  }

  isReady(): boolean {
    if (this.#isClosed || this.#shared.isDown) return false;
    const log = logOf(this.#shared, this);
    return this.#nextOffset < log.lowOffset || log.records.some(({ recordOffset }) => recordOffset >= this.#nextOffset);
  }

  async next(maxWaitMs: number): Promise<RecordBatch | null> {
    await this.#wait(() => this.#isClosed || this.isReady(), maxWaitMs);
    return this.poll();
  }

  endOffset(): bigint {
    return logOf(this.#shared, this).endOffset;
  }

  close(): void {
    this.#isClosed = true;
    this.#onClose();
  }
}

function logOf(shared: Shared, { topic, partition }: TopicPartition): Log {
  const name = topicPartitionName({ topic, partition });
  const found = shared.logs.get(name) ?? { records: [], lowOffset: 0n, endOffset: 0n };
  shared.logs.set(name, found);
  shared.partitionCounts.set(topic, Math.max(shared.partitionCounts.get(topic) ?? 0, partition + 1));
  return found;
}

const toBytes = (value: Uint8Array | string | null): Uint8Array | null =>
  typeof value === 'string' ? Buffer.from(value) : value;

const toInput = (record: MemoryRecord, recordOffset: bigint): RecordInput => ({
  recordOffset,
  timestampMs: record.timestampMs ?? 0,
  key: toBytes(record.key ?? null),
  value: toBytes(record.value),
  headers: record.headers ?? [],
});
