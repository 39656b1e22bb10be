import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  SourceError,
  type Header,
  type PartitionStream,
  type RecordBatch,
  type Source,
  type TopicPartition,
} from './source.ts';
import type { MemoryRecord } from './memory.ts';

/** What a source under test brings along. */
export interface SourceUnderTest {
  readonly source: Source;
  /** Makes records readable at the end of a partition, from offset 0 on. */
  append(place: TopicPartition, records: readonly MemoryRecord[]): Promise<void>;
  /** Forgets what is before an offset everywhere. */
  trim(place: TopicPartition, lowOffset: bigint): Promise<void>;
  stop(): Promise<void>;
}

interface FlatRecord {
  readonly recordOffset: bigint;
  readonly key: string | null;
  readonly value: string | null;
  readonly timestampMs: number;
  readonly headers: readonly (readonly [string, string])[];
}

const maxWaitMs = 60_000;

/** The contract of sources.ts: what every source and each fake does. */
export function sourceSuite(name: string, setUp: () => Promise<SourceUnderTest>): void {
  describe(`${name} is a source`, () => {
    const place = { topic: 'payments', partition: 1 };
    let under: SourceUnderTest;
    beforeEach(async () => {
      under = await setUp();
    });
    afterEach(() => under.stop());

    const numbered = (from: number, count: number): MemoryRecord[] =>
      Array.from({ length: count }, (_, i) => ({
        key: `k${from + i}`,
        value: `v${from + i}`,
        timestampMs: 1_000 + from + i,
      }));

    test('gives records with exact bytes, keys, times and headers', async () => {
      const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
      await under.append(place, [
        {
          key: bytes,
          value: bytes,
          timestampMs: 1_764_000_000_123,
          headers: [
            ['h', bytes],
            ['', new Uint8Array()],
          ],
        },
        { key: null, value: '', timestampMs: 0 },
        { key: '', value: null, timestampMs: 1 },
      ]);
      const [first, second, third] = await take(under.source.read(place, 0n), 3);
      const latin1 = Buffer.from(bytes).toString('latin1');
      expect(first).toEqual({
        recordOffset: 0n,
        key: latin1,
        value: latin1,
        timestampMs: 1_764_000_000_123,
        headers: [
          ['h', latin1],
          ['', ''],
        ],
      });
      expect(second).toMatchObject({ recordOffset: 1n, key: null, value: '', timestampMs: 0, headers: [] });
      expect(third).toMatchObject({ recordOffset: 2n, key: '', value: null, timestampMs: 1 });
    });

    test('starts anywhere, in order, and gives the same again', async () => {
      await under.append(place, numbered(0, 5_000));
      const first = await readOnce(under.source, place, 1_234n, 3_766);
      expect(first.map(({ value }) => value)).toEqual(Array.from({ length: 3_766 }, (_, i) => `v${1_234 + i}`));
      expect(await readOnce(under.source, place, 1_234n, 3_766)).toEqual(first);
    });

    test('waits for what comes later', async () => {
      await under.append(place, numbered(0, 1));
      const stream = under.source.read(place, 0n);
      await take(stream, 1);
      expect(await stream.next(10)).toBeNull();
      await under.append(place, numbered(1, 1));
      expect(await take(stream, 1)).toMatchObject([{ recordOffset: 1n, value: 'v1' }]);
    });

    test('wakes who waits for any stream', async () => {
      await under.append(place, numbered(0, 1));
      const stream = under.source.read(place, 0n);
      expect(await under.source.wait(maxWaitMs)).toBe(true);
      expect(await take(stream, 1)).toHaveLength(1);
      expect(await under.source.wait(20)).toBe(false);
      const woken = under.source.wait(maxWaitMs);
      await under.append(place, numbered(1, 1));
      expect(await woken).toBe(true);
      expect(stream.poll()).not.toBeNull();
    });

    test('reads partitions side by side', async () => {
      const other = { topic: 'payments', partition: 0 };
      await under.append(place, numbered(0, 3));
      await under.append(other, numbered(100, 2));
      const [one, two] = [under.source.read(place, 0n), under.source.read(other, 0n)];
      expect(await take(one, 3)).toMatchObject([{ value: 'v0' }, { value: 'v1' }, { value: 'v2' }]);
      expect(await take(two, 2)).toMatchObject([{ value: 'v100' }, { value: 'v101' }]);
      expect(await under.source.partitionCount('payments')).toBe(2);
    });

    test('knows its bounds', async () => {
      await under.append(place, numbered(0, 10));
      expect(await under.source.bounds(place)).toEqual({ lowOffset: 0n, endOffset: 10n });
      await under.trim(place, 4n);
      expect(await under.source.bounds(place)).toEqual({ lowOffset: 4n, endOffset: 10n });
      expect(await readOnce(under.source, place, 4n, 6)).toMatchObject([{ value: 'v4' }, {}, {}, {}, {}, {}]);
    });

    test('says so when the asked offset is gone', async () => {
      await under.append(place, numbered(0, 10));
      await under.trim(place, 4n);
      const stream = under.source.read(place, 2n);
      const error = await take(stream, 1).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(SourceError);
      expect(['offset_out_of_range', 'gap']).toContain((error as SourceError).code);
      stream.close();
    });

    test('a closed stream says so, and its partition can be read again', async () => {
      await under.append(place, numbered(0, 2));
      const stream = under.source.read(place, 0n);
      stream.close();
      expect(() => stream.poll()).toThrow(SourceError);
      expect(await readOnce(under.source, place, 0n, 2)).toHaveLength(2);
    });
  });
}

async function readOnce(source: Source, place: TopicPartition, from: bigint, count: number): Promise<FlatRecord[]> {
  const stream = source.read(place, from);
  try {
    return await take(stream, count);
  } finally {
    stream.close();
  }
}

/** The next `count` records; throws when they do not come. Asserts that batches join. */
export async function take(stream: PartitionStream, count: number): Promise<FlatRecord[]> {
  const records: FlatRecord[] = [];
  const deadlineMs = performance.now() + maxWaitMs;
  while (records.length < count) {
    if (performance.now() > deadlineMs) throw new Error(`${records.length} of ${count} records came`);
    const batch = await stream.next(200);
    if (batch) records.push(...flatten(batch));
  }
  records.forEach(({ recordOffset }, i) => {
    if (i > 0 && recordOffset <= (records[i - 1]?.recordOffset ?? -1n)) throw new Error('offsets do not rise');
  });
  return records;
}

/** A batch as records of its own; bytes as latin1 text. */
export function flatten(batch: RecordBatch): FlatRecord[] {
  const text = (starts: Int32Array, ends: Int32Array, i: number): string | null => {
    const start = starts[i] ?? -1;
    return start < 0 ? null : Buffer.from(batch.bytes.subarray(start, ends[i])).toString('latin1');
  };
  return Array.from({ length: batch.count }, (_, i) => ({
    recordOffset: batch.baseOffset + BigInt(batch.offsetDeltas[i] ?? 0),
    key: text(batch.keyStart, batch.keyEnd, i),
    value: text(batch.valueStart, batch.valueEnd, i),
    timestampMs: batch.timestampsMs[i] ?? -1,
    headers: (batch.headers?.[i] ?? []).map(
      ([name, value]: Header) => [name, Buffer.from(value).toString('latin1')] as const,
    ),
  }));
}
