import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { createMemorySource } from '../sources/memory.ts';
import type { MemorySource } from '../sources/memory.ts';
import type { RecordBatch, Source } from '../sources/source.ts';
import { systemClock } from '../telemetry/clock.ts';
import type { OrderRange } from './contract.ts';
import { createInputs, readRange } from './inputs.ts';
import type { Inputs } from './inputs.ts';
import { sumOf, valueAt } from './range.ts';

const tp = { topic: 'in', partition: 0 };
const open: Inputs[] = [];
afterEach(() => {
  for (const inputs of open.splice(0)) inputs.close();
});

function inputsOver(source: MemorySource, archive?: MemorySource, queueBytesMax = 1e6): Inputs {
  const inputs = createInputs({
    source: source.reader(),
    archive: archive && (() => archive.reader()),
    clock: systemClock,
    queueBytesMax,
    onArrival: () => {},
  });
  open.push(inputs);
  return inputs;
}
const filled = (values: readonly string[], batchRecordsMax = 3): MemorySource => {
  const source = createMemorySource({ batchRecordsMax });
  source.append(
    tp,
    values.map((value) => ({ key: 'k', value })),
  );
  return source;
};
const rangeOf = async (source: MemorySource, from: bigint, to: bigint): Promise<OrderRange> => {
  const { count, crc } = sumOf(await readRange(source.reader(), tp, from, to));
  return ['in-0', String(from), String(to), count, crc];
};
const valuesOf = async (taken: ReturnType<Inputs['take']>): Promise<string[]> =>
  (await taken).flatMap((batch) =>
    Array.from({ length: batch.count }, (_, i) => Buffer.from(valueAt(batch, i) ?? []).toString()),
  );

/** As a reader that uses memory again: what is released holds something else at once. */
function reusing(source: Source): { source: Source; released(): number } {
  let released = 0;
  const owned = (batch: RecordBatch | null): RecordBatch | null => {
    if (!batch) return null;
    const bytes = new Uint8Array(batch.bytes);
    const release = (): void => {
      released++;
      bytes.fill(0x21);
    };
    return { ...batch, bytes, isOwn: true, release };
  };
  const read: Source['read'] = (...at) => {
    const stream = source.read(...at);
    return {
      ...{ topic: stream.topic, partition: stream.partition, close: () => stream.close() },
      poll: () => owned(stream.poll()),
      next: async (maxWaitMs) => owned(await stream.next(maxWaitMs)),
      endOffset: () => stream.endOffset(),
    };
  };
  const of: Source = {
    ...{ read, wait: (maxWaitMs) => source.wait(maxWaitMs), bounds: (at) => source.bounds(at) },
    ...{ partitionCount: (topic) => source.partitionCount(topic), close: () => source.close() },
  };
  return { source: of, released: () => released };
}

describe('the inputs of a task', () => {
  it('give exactly the records of a range, however batches are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(5), { minLength: 1, maxLength: 8 }),
        fc.integer({ min: 1, max: 7 }),
        async (sizes, batchRecordsMax) => {
          const total = sizes.reduce((sum, size) => sum + size + 1, 0);
          const values = Array.from({ length: total }, (_, i) => `v${i}`);
          const source = filled(values, batchRecordsMax);
          const inputs = inputsOver(source);
          inputs.open({ 'in-0': '0' });
          let at = 0;
          for (const size of sizes) {
            const range = await rangeOf(source, BigInt(at), BigInt(at + size + 1));
            expect(await valuesOf(inputs.take([range]))).toEqual(values.slice(at, at + size + 1));
            at += size + 1;
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('wait for records that are ordered and not here yet', async () => {
    const source = filled(['a']);
    const whole = filled(['a', 'b', 'c']);
    const inputs = inputsOver(source);
    inputs.open({ 'in-0': '0' });
    const taken = inputs.take([await rangeOf(whole, 0n, 3n)]);
    source.append(tp, [
      { key: 'k', value: 'b' },
      { key: 'k', value: 'c' },
    ]);
    expect(await valuesOf(taken)).toEqual(['a', 'b', 'c']);
  });

  it('read a range larger than the queue', async () => {
    const values = Array.from({ length: 50 }, (_, i) => `${i}`.padStart(100, '-'));
    const source = filled(values, 5);
    const inputs = inputsOver(source, undefined, 300);
    inputs.open({ 'in-0': '0' });
    expect(await valuesOf(inputs.take([await rangeOf(source, 0n, 50n)]))).toEqual(values);
  });

  it('offer what is buffered as ranges bounded in records and bytes, at least one record', async () => {
    const source = filled(['aaaa', 'bbbb', 'cccc', 'dddd']);
    const inputs = inputsOver(source);
    inputs.open({ 'in-0': '1' });
    const cursor = inputs.get('in-0');
    await expect.poll(() => cursor?.peek(1n, 10, 1e6)?.count).toBe(3);
    expect(cursor?.peek(1n, 2, 1e6)).toMatchObject({ from: 1n, to: 3n, count: 2 });
    expect(cursor?.peek(2n, 10, 1)).toMatchObject({ from: 2n, to: 3n, count: 1 });
    expect(cursor?.peek(4n, 10, 1e6)).toBeNull();
    const planned = cursor?.peek(1n, 3, 1e6);
    expect([planned?.count, planned?.crc]).toEqual((await rangeOf(source, 1n, 4n)).slice(3));
  });

  it('pass holes at the end of what is there', async () => {
    const source = filled(['a']);
    source.skip(tp, 2);
    source.append(tp, [{ key: 'k', value: 'b' }]);
    const inputs = inputsOver(source);
    inputs.open({ 'in-0': '0' });
    expect(await valuesOf(inputs.take([await rangeOf(source, 0n, 4n)]))).toEqual(['a', 'b']);
  });

  it('take what the broker has no longer, or has otherwise, from the archive and go on behind it', async () => {
    for (const how of ['trimmed', 'changed', 'missing'] as const) {
      const archive = filled(['a', 'b', 'c']);
      const source = how === 'changed' ? filled(['a', 'X', 'c']) : filled(['a', 'b', 'c', 'd']);
      if (how === 'trimmed') source.trim(tp, 2n);
      if (how === 'changed') source.append(tp, [{ key: 'k', value: 'd' }]);
      const range = await rangeOf(archive, 0n, 2n);
      const inputs = inputsOver(source, how === 'missing' ? filled(['z']) : archive);
      inputs.open({ 'in-0': '0' });
      if (how === 'missing') {
        await expect(inputs.take([[...range.slice(0, 4), 1] as unknown as OrderRange])).rejects.toMatchObject({
          code: 'crc_mismatch',
        });
        continue;
      }
      expect(await valuesOf(inputs.take([range]))).toEqual(['a', 'b']);
      expect(await valuesOf(inputs.take([await rangeOf(source, 2n, 4n)]))).toEqual(['c', 'd']);
    }
  });

  it('park the task where neither has it', async () => {
    const source = filled(['a', 'b', 'c']);
    const range = await rangeOf(source, 0n, 2n);
    source.trim(tp, 2n);
    const inputs = inputsOver(source);
    inputs.open({ 'in-0': '0' });
    await expect(inputs.take([range])).rejects.toMatchObject({ name: 'ParkError', code: 'input_lost' });
  });

  it('releases what was taken to its end with the next take, and nothing that is still read', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 5 }), async (perBatch, perTake) => {
        const values = Array.from({ length: 12 }, (_, i) => `v${i}`);
        const source = filled(values, perBatch);
        const reused = reusing(source.reader());
        const inputs = createInputs({
          ...{ source: reused.source, clock: systemClock, queueBytesMax: 1e6, onArrival: () => {} },
        });
        open.push(inputs);
        inputs.open({ 'in-0': '0' });
        const read: string[] = [];
        for (let at = 0; at < 12; at += perTake) {
          const range = await rangeOf(source, BigInt(at), BigInt(Math.min(12, at + perTake)));
          const taken = inputs.take([range]);
          await taken;
          // Something else may happen before the entry is folded.
          await systemClock.sleep(0);
          read.push(...(await valuesOf(taken)));
        }
        expect(read).toEqual(values);
        const before = reused.released();
        await inputs.take([]);
        expect(reused.released()).toBeGreaterThan(before);
        expect(reused.released()).toBe(Math.ceil(12 / perBatch));
      }),
      { numRuns: 20 },
    );
  });
});
