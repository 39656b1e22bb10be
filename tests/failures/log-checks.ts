import { topicPartitionName, type RecordBatch, type Source, type TopicPartition } from '../../sources/source.ts';
import type { OrderRange } from '../../tasks/contract.ts';
import { readRange } from '../../tasks/inputs.ts';
import { emptyJudgeState, judge } from '../../tasks/judge.ts';
import { decodeOrderRecord } from '../../tasks/order-codec.ts';
import { valueAt } from '../../tasks/range.ts';

/** What the order logs of one pipeline say, all shards together. */
export interface LogFindings {
  readonly faults: readonly string[];
  /** Claims that counted. */
  readonly claims: number;
  /** Records that nobody folds: of stale owners, of lost races. */
  readonly ignored: number;
}

/**
 * Whether one writer at a time was accepted in each order log, and every input record stands in exactly one range that counts. What a
 * record says of its writer is the part of its id before the dot.
 */
export async function checkOrderLogs(
  reader: Source,
  { order, input, shards }: { readonly order: string; readonly input: string; readonly shards: number },
): Promise<LogFindings> {
  const faults: string[] = [];
  const counted = new Map<string, { readonly shard: number; readonly range: OrderRange }[]>();
  let [claims, ignored] = [0, 0];
  for (let shard = 0; shard < shards; shard++) {
    let state = emptyJudgeState;
    let writer = '';
    for (const value of await valuesOf(reader, { topic: order, partition: shard })) {
      const record = decodeOrderRecord(value);
      const judgement = judge(state, record);
      state = judgement.state;
      if (judgement.verdict === 'ignored' || !record) {
        ignored += 1;
        continue;
      }
      const by = record.id.split('.')[0] ?? '';
      if (record.kind === 'claim') [writer, claims] = [by, claims + 1];
      if (by !== writer) faults.push(`shard ${shard}: entry ${record.id} counts, and ${writer} owns the task`);
      if (record.kind !== 'entry') continue;
      for (const range of record.ranges) counted.set(range[0], [...(counted.get(range[0]) ?? []), { shard, range }]);
    }
  }
  const count = await reader.partitionCount(input);
  for (let partition = 0; partition < count; partition++) {
    const tp = { topic: input, partition };
    const { endOffset } = await reader.bounds(tp);
    faults.push(...unbroken(topicPartitionName(tp), counted.get(topicPartitionName(tp)) ?? [], endOffset));
  }
  return { faults, claims, ignored };
}

function unbroken(
  name: string,
  ranges: readonly { readonly shard: number; readonly range: OrderRange }[],
  endOffset: bigint,
): readonly string[] {
  const shards = new Set(ranges.map(({ shard }) => shard));
  if (shards.size > 1) return [`${name} is read by shards ${[...shards].join(' and ')}`];
  let next = 0n;
  for (const { range } of ranges) {
    const [, from, to] = range;
    if (BigInt(from) !== next) return [`${name}: ${from} is ordered after ${next}`];
    next = BigInt(to);
  }
  return next === endOffset ? [] : [`${name}: ordered up to ${next}, it ends at ${endOffset}`];
}

/** Whether the numbers of each key rise along each partition; `numberOf` reads one from a record's bytes. */
export async function checkRising(
  reader: Source,
  topic: string,
  numberOf: (value: Buffer) => number | null,
): Promise<readonly string[]> {
  const faults: string[] = [];
  await eachRecord(reader, topic, (partition, key, value, last: Map<string, number>) => {
    const number = numberOf(value);
    const before = last.get(key) ?? -1;
    if (number === null) return;
    if (number < before) faults.push(`${topic}-${partition}: ${key} has ${number} after ${before}`);
    last.set(key, number);
  });
  return faults;
}

/**
 * Whether what a result topic holds of each key goes on from position to position. After a crash results come again: then each must be,
 * byte for byte, one that was there before. `numberOf` tells a number that has to rise too; null: the record is not looked at.
 */
export async function checkResults(
  reader: Source,
  topic: string,
  numberOf: (value: Buffer) => number | null = () => 0,
): Promise<{ readonly faults: readonly string[]; readonly repeats: number }> {
  const faults: string[] = [];
  const known = new Map<string, string>();
  let repeats = 0;
  await eachRecord(
    reader,
    topic,
    (partition, key, value, last: Map<string, Position & { readonly number: number }>) => {
      const number = numberOf(value);
      if (number === null) return;
      const text = value.toString();
      const { producer } = JSON.parse(text) as { readonly producer: Position };
      const id = `${partition} ${producer.shard}/${producer.epoch}/${producer.orderOffset}/${producer.index}`;
      const before = last.get(key);
      if (before && before.shard !== producer.shard)
        faults.push(`${key} is of shards ${before.shard} and ${producer.shard}`);
      if (before && !isAfter(producer, before)) {
        repeats += 1;
        if (known.get(id) !== text) faults.push(`${topic}-${partition}: ${key} goes back to ${id} with other bytes`);
        return;
      }
      if (before && number < before.number)
        faults.push(`${topic}-${partition}: ${key} has ${number} after ${before.number}`);
      known.set(id, text);
      last.set(key, { ...producer, number });
    },
  );
  return { faults, repeats };
}

interface Position {
  readonly shard: number;
  readonly epoch: number;
  readonly orderOffset: string;
  readonly index: number;
}

function isAfter(a: Position, b: Position): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  const [at, before] = [BigInt(a.orderOffset), BigInt(b.orderOffset)];
  return at === before ? a.index > b.index : at > before;
}

async function eachRecord<T>(
  reader: Source,
  topic: string,
  look: (partition: number, key: string, value: Buffer, memory: T) => void,
): Promise<void> {
  const count = await reader.partitionCount(topic);
  for (let partition = 0; partition < count; partition++) {
    const memory = new Map() as T;
    for (const batch of await batchesOf(reader, { topic, partition }))
      for (let i = 0; i < batch.count; i++) look(partition, keyAt(batch, i), bytesAt(batch, i), memory);
  }
}

async function valuesOf(reader: Source, tp: TopicPartition): Promise<readonly Buffer[]> {
  const batches = await batchesOf(reader, tp);
  return batches.flatMap((batch) => Array.from({ length: batch.count }, (_, i) => bytesAt(batch, i)));
}

async function batchesOf(reader: Source, tp: TopicPartition): Promise<readonly RecordBatch[]> {
  const { lowOffset, endOffset } = await reader.bounds(tp);
  if (lowOffset > 0n) throw new Error(`${topicPartitionName(tp)} begins at ${lowOffset}`);
  return readRange(reader, tp, 0n, endOffset);
}

const bytesAt = (batch: RecordBatch, i: number): Buffer => Buffer.from(valueAt(batch, i) ?? []);
const keyAt = (batch: RecordBatch, i: number): string =>
  Buffer.from(batch.bytes.subarray(batch.keyStart[i], batch.keyEnd[i])).toString();
