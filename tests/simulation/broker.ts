import { SourceError, parseTopicPartition, topicPartitionName } from '../../sources/source.ts';
import type { PartitionStream, RecordBatch, Source, TopicPartition } from '../../sources/source.ts';
import type { SimProcess, VirtualTime } from './virtual-time.ts';

/** A record in the simulated broker. */
export interface SimRecord {
  readonly offset: bigint;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly timestampMs: number;
}

export interface SimPartition {
  records: SimRecord[];
  /** Offset of the next record; above the last one's by more than 1 after a hole. */
  endOffset: bigint;
  lowOffset: bigint;
  readonly watchers: Set<() => void>;
}

/** Kafka as seen by several processes, with the faults that it is allowed to have. */
export interface SimBroker {
  readonly partitions: Map<string, SimPartition>;
  partition(tp: TopicPartition): SimPartition;
  /** What a partition held before its topic was made anew. */
  former(name: string): readonly SimRecord[];
  append(tp: TopicPartition, message: Pick<SimRecord, 'key' | 'value'>): bigint;
  /** An offset without a record, as a transaction marker leaves. */
  hole(tp: TopicPartition): void;
  createTopic(topic: string, count: number): void;
  count(topic: string): number;
  /** Loses all from an offset on, as an unclean election does. */
  truncate(tp: TopicPartition, endOffset: bigint): void;
  /** Deletes a topic and makes it anew, empty, offsets from 0. */
  recreate(topic: string): void;
  /** From now on nothing that was on its way lands. */
  die(): void;
}

export function createSimBroker(
  time: VirtualTime,
  onAppend: (tp: TopicPartition, message: Pick<SimRecord, 'key' | 'value'>) => void = () => {},
): SimBroker {
  const partitions = new Map<string, SimPartition>();
  const counts = new Map<string, number>();
  const former = new Map<string, readonly SimRecord[]>();
  let isDead = false;
  const partition = (tp: TopicPartition): SimPartition => {
    const name = topicPartitionName(tp);
    const made = partitions.get(name) ?? { records: [], endOffset: 0n, lowOffset: 0n, watchers: new Set() };
    partitions.set(name, made);
    return made;
  };
  return {
    partitions,
    partition,
    former: (name) => former.get(name) ?? [],
    append(tp, { key, value }) {
      const at = partition(tp);
      const offset = at.endOffset;
      if (isDead) return offset;
      at.records.push({ offset, key, value, timestampMs: time.nowMs() });
      at.endOffset = offset + 1n;
      onAppend(tp, { key, value });
      for (const watch of [...at.watchers]) watch();
      return offset;
    },
    hole(tp) {
      partition(tp).endOffset += 1n;
    },
    createTopic: (topic, count) => counts.set(topic, count),
    count: (topic) => counts.get(topic) ?? 0,
    truncate(tp, endOffset) {
      const at = partition(tp);
      at.records = at.records.filter(({ offset }) => offset < endOffset);
      at.endOffset = endOffset;
    },
    recreate(topic) {
      for (const [name, at] of partitions) {
        if (parseTopicPartition(name).topic !== topic) continue;
        former.set(name, [...(former.get(name) ?? []), ...at.records]);
        at.records = [];
        at.endOffset = at.lowOffset = 0n;
      }
    },
    die: () => void (isDead = true),
  };
}

/** What goes wrong; `isOn` false: nothing does. */
export interface Faults {
  isOn(): boolean;
  random(): number;
  count(kind: string): void;
}

/** A reader of one process. */
export function createSimSource(
  broker: Pick<SimBroker, 'partition' | 'count'>,
  process: SimProcess,
  faults: Faults,
): Source {
  const open = new Map<string, SimPartition>();
  const later = <T>(value: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      process.after(1 + faults.random() * 4, () => {
        try {
          resolve(value());
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
      });
    });
  const mayFail = (): void => {
    if (!faults.isOn() || faults.random() > 0.01) return;
    faults.count('unavailable');
    throw new SourceError('unavailable', 'simulated');
  };
  return {
    read(tp, fromOffset) {
      const name = topicPartitionName(tp);
      if (open.has(name)) throw new Error(`${name} is being read already`);
      const partition = broker.partition(tp);
      open.set(name, partition);
      return createStream(partition, tp, fromOffset, {
        process,
        faults,
        later,
        mayFail,
        onClose: () => open.delete(name),
      });
    },
    wait: (maxWaitMs) => arrival(process, [...open.values()], maxWaitMs),
    bounds: (tp) =>
      later(() => {
        mayFail();
        const { lowOffset, endOffset } = broker.partition(tp);
        return { lowOffset, endOffset };
      }),
    partitionCount: (topic) => later(() => broker.count(topic)),
    close: () => Promise.resolve(),
  };
}

interface StreamParts {
  readonly process: SimProcess;
  readonly faults: Faults;
  readonly later: <T>(value: () => T) => Promise<T>;
  readonly mayFail: () => void;
  readonly onClose: () => void;
}

function createStream(
  partition: SimPartition,
  tp: TopicPartition,
  fromOffset: bigint,
  parts: StreamParts,
): PartitionStream {
  let next = fromOffset;
  let end = -1n;
  let isClosed = false;
  const poll = (): RecordBatch | null => {
    if (isClosed) throw new SourceError('closed', 'closed');
    parts.mayFail();
    if (next < partition.lowOffset) throw new SourceError('offset_out_of_range', `begins at ${partition.lowOffset}`);
    if (next > partition.endOffset && end >= 0n)
      throw new SourceError('offset_out_of_range', `ends at ${partition.endOffset}`);
    end = partition.endOffset;
    if (next >= end) return null;
    const first = firstAtOrAfter(partition.records, next);
    const max = 1 + Math.floor(parts.faults.random() * 20);
    const taken = partition.records.slice(first, first + max);
    next = partition.records[first + max]?.offset ?? end;
    return toBatch(tp, taken, next);
  };
  return {
    ...tp,
    poll,
    async next(maxWaitMs) {
      await parts.later(() => undefined);
      const found = poll();
      if (found) return found;
      await arrival(parts.process, [partition], maxWaitMs);
      return parts.later(poll);
    },
    endOffset: () => end,
    close() {
      if (!isClosed) parts.onClose();
      isClosed = true;
    },
  };
}

/** Resolves when one of the partitions gets a record, false after `maxWaitMs`. */
function arrival(process: SimProcess, partitions: readonly SimPartition[], maxWaitMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isArrival: boolean): void => {
      for (const { watchers } of partitions) watchers.delete(watch);
      if (isArrival) process.after(1, () => resolve(true));
      else resolve(false);
    };
    const watch = (): void => settle(true);
    for (const { watchers } of partitions) watchers.add(watch);
    process.after(maxWaitMs, () => settle(false));
  });
}

function firstAtOrAfter(records: readonly SimRecord[], offset: bigint): number {
  let [low, high] = [0, records.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((records[middle]?.offset ?? offset) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Records as the columns of a batch. */
export function toBatch(tp: TopicPartition, records: readonly SimRecord[], nextOffset: bigint): RecordBatch {
  const baseOffset = records[0]?.offset ?? nextOffset;
  const parts: Uint8Array[] = [];
  let length = 0;
  const column = (): Int32Array => new Int32Array(records.length).fill(-1);
  const [keyStart, keyEnd, valueStart, valueEnd] = [column(), column(), column(), column()];
  const put = (bytes: Uint8Array | null, start: Int32Array, end: Int32Array, i: number): void => {
    if (!bytes) return;
    start[i] = length;
    length += bytes.length;
    end[i] = length;
    parts.push(bytes);
  };
  for (const [i, { key, value }] of records.entries()) {
    put(key, keyStart, keyEnd, i);
    put(value, valueStart, valueEnd, i);
  }
  return {
    ...tp,
    count: records.length,
    baseOffset,
    offsetDeltas: Int32Array.from(records, ({ offset }) => Number(offset - baseOffset)),
    timestampsMs: Float64Array.from(records, ({ timestampMs }) => timestampMs),
    timestampType: 'append',
    ...{ keyStart, keyEnd, valueStart, valueEnd },
    bytes: Buffer.concat(parts),
    headers: null,
    nextOffset,
  };
}
