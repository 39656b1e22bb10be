import type { OutMessage, Producer } from '../../kafka/contract.ts';
import { KafkaError } from '../../kafka/contract.ts';
import { SourceError, topicPartitionName } from '../../sources/source.ts';
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
  readonly records: SimRecord[];
  /** Offset of the next record; above the last one's by more than 1 after a hole. */
  endOffset: bigint;
  lowOffset: bigint;
  readonly watchers: Set<() => void>;
}

/** Kafka as seen by several processes, with the faults that it is allowed to have. */
export interface SimBroker {
  readonly partitions: Map<string, SimPartition>;
  partition(tp: TopicPartition): SimPartition;
  append(tp: TopicPartition, message: Pick<SimRecord, 'key' | 'value'>): bigint;
  /** An offset without a record, as a transaction marker leaves. */
  hole(tp: TopicPartition): void;
  createTopic(topic: string, count: number): void;
  count(topic: string): number;
}

export function createSimBroker(time: VirtualTime): SimBroker {
  const partitions = new Map<string, SimPartition>();
  const counts = new Map<string, number>();
  const partition = (tp: TopicPartition): SimPartition => {
    const name = topicPartitionName(tp);
    const made = partitions.get(name) ?? { records: [], endOffset: 0n, lowOffset: 0n, watchers: new Set() };
    partitions.set(name, made);
    return made;
  };
  return {
    partitions,
    partition,
    append(tp, { key, value }) {
      const at = partition(tp);
      const offset = at.endOffset;
      at.records.push({ offset, key, value, timestampMs: time.nowMs() });
      at.endOffset = offset + 1n;
      for (const watch of [...at.watchers]) watch();
      return offset;
    },
    hole(tp) {
      partition(tp).endOffset += 1n;
    },
    createTopic: (topic, count) => counts.set(topic, count),
    count: (topic) => counts.get(topic) ?? 0,
  };
}

/** What goes wrong; `isOn` false: nothing does. */
export interface Faults {
  isOn(): boolean;
  random(): number;
  count(kind: string): void;
}

/** A reader of one process. */
export function createSimSource(broker: SimBroker, process: SimProcess, faults: Faults): Source {
  const open = new Set<string>();
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
      open.add(name);
      return createStream(broker.partition(tp), tp, fromOffset, {
        process,
        faults,
        later,
        mayFail,
        onClose: () => open.delete(name),
      });
    },
    wait: () => Promise.resolve(false),
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
      await new Promise<void>((resolve) => {
        const watch = (): void => {
          partition.watchers.delete(watch);
          resolve();
        };
        partition.watchers.add(watch);
        parts.process.after(maxWaitMs, watch);
      });
      return parts.later(poll);
    },
    endOffset: () => end,
    close() {
      if (!isClosed) parts.onClose();
      isClosed = true;
    },
  };
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

type Rejection = 'none' | 'lost_before' | 'lost_after';
const refused = (): KafkaError => new KafkaError('kafka_timed_out', 'simulated');

/**
 * Appends to order logs: harsher than a real producer. A record may be lost, may land though its acknowledgement is lost,
 * may land long after, and later ones may overtake it.
 */
export function createSimOrderProducer(
  broker: SimBroker,
  time: VirtualTime,
  process: SimProcess,
  faults: Faults,
  onSend: (message: OutMessage) => void,
): Producer {
  const roll = (): Rejection => {
    if (!faults.isOn()) return 'none';
    const at = faults.random();
    return at < 0.08 ? 'lost_before' : at < 0.2 ? 'lost_after' : 'none';
  };
  return producerOf(broker, process, (messages) => {
    for (const message of messages) onSend(message);
    const outcome = roll();
    if (outcome !== 'none') faults.count(outcome);
    const isLate = faults.isOn() && faults.random() < 0.1;
    if (isLate) faults.count('late');
    const delayMs = 1 + faults.random() * (isLate ? 900 : 6);
    return new Promise((resolve, reject) => {
      if (outcome !== 'lost_before')
        time.at(time.nowMs() + delayMs, () => messages.forEach((m) => broker.append(m, m)));
      const ackMs = outcome === 'none' ? delayMs + 1 : 20 + faults.random() * 60;
      process.after(ackMs, () => (outcome === 'none' ? resolve([]) : reject(refused())));
    });
  });
}

/** Produces results, in order: a send that fails may have delivered any first part of itself. What was sent lands though the process dies. */
export function createSimProducer(broker: SimBroker, time: VirtualTime, process: SimProcess, faults: Faults): Producer {
  let landsAtMs = 0;
  return producerOf(broker, process, (messages) => {
    const isSlow = faults.isOn() && faults.random() < 0.1;
    landsAtMs = Math.max(landsAtMs, time.nowMs() + 1 + faults.random() * (isSlow ? 400 : 5));
    const isFailing = faults.isOn() && faults.random() < 0.1;
    const landing = isFailing ? messages.slice(0, Math.floor(faults.random() * (messages.length + 1))) : messages;
    if (isFailing) faults.count('output_lost');
    time.at(landsAtMs, () => landing.forEach((m) => broker.append(m, m)));
    return new Promise((resolve, reject) => {
      process.after(landsAtMs - time.nowMs() + 1, () => (isFailing ? reject(refused()) : resolve([])));
    });
  });
}

function producerOf(
  broker: SimBroker,
  process: SimProcess,
  send: (messages: readonly OutMessage[]) => ReturnType<Producer['send']>,
): Producer {
  return {
    send,
    partitionCount: (topic) => new Promise((resolve) => process.after(1, () => resolve(broker.count(topic)))),
    isGated: () => false,
    pendingMessages: () => 0,
    close: () => Promise.resolve(),
  };
}
