import { buildBatch } from '../sources/batch.ts';
import { topicPartitionName, type RecordBatch, type Source, type TopicPartition } from '../sources/source.ts';
import { systemClock } from '../telemetry/clock.ts';

export interface HeldRecord {
  readonly timestampMs: number;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

const pollRecords = 1_000;

/** Records as a broker would hand them over, a thousand at a time. */
export function recordBatches(place: TopicPartition, records: readonly HeldRecord[]): readonly RecordBatch[] {
  const batches: RecordBatch[] = [];
  for (let from = 0; from < records.length; from += pollRecords) {
    const some = records.slice(from, from + pollRecords);
    const placed = some.map((record, i) => ({ ...record, recordOffset: BigInt(from + i), headers: [] }));
    batches.push(buildBatch(place, 'append', placed, BigInt(from + some.length)));
  }
  return batches;
}

/** Batches of one partition, at hand, as a source: from the first one on, once. `onFirst` is told when that is asked for. */
export function sourceOfBatches(batches: readonly RecordBatch[], onFirst: () => void = () => {}): Source {
  const [{ topic, partition } = { topic: '', partition: 0 }] = batches;
  const end = batches.at(-1)?.nextOffset ?? 0n;
  let next = 0;
  const poll = (): RecordBatch | null => {
    if (next === 0) onFirst();
    return batches[next++] ?? null;
  };
  return {
    read: (asked) => {
      if (asked.topic !== topic || asked.partition !== partition)
        throw new Error(`${topicPartitionName(asked)} is not here`);
      return { topic, partition, poll, next: () => Promise.resolve(poll()), endOffset: () => end, close: () => {} };
    },
    wait: async (maxWaitMs) => {
      if (next < batches.length) return true;
      await systemClock.sleep(Math.min(maxWaitMs, 5));
      return false;
    },
    bounds: () => Promise.resolve({ lowOffset: 0n, endOffset: end }),
    partitionCount: () => Promise.resolve(1),
    close: () => Promise.resolve(),
  };
}
