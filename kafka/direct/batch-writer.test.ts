import fc from 'fast-check';
import { expect, test } from 'vitest';
import { messageOf } from '../contract.ts';
import { scanBatches } from './batches.ts';
import { BatchWriter } from './batch-writer.ts';
import { MemoryPool } from './memory-pool.ts';
import { toRecordBatch } from './records.ts';
import { encodeBatch } from './log-batch-suite.ts';

const tp = { topic: 't', partition: 0 };
const identity = { producerId: 7n, producerEpoch: 3 };
const bytes = fc.uint8Array({ maxLength: 300 });
const message = fc.record({
  key: fc.option(bytes),
  value: fc.option(bytes),
  timestampMs: fc.integer({ min: 0, max: 4e12 }),
  headers: fc.array(fc.tuple(fc.string({ minLength: 1 }), bytes), { maxLength: 3 }),
});

test('a batch is read back as it was written, whatever is in it', () => {
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 40 }), (messages) => {
      const writer = new BatchWriter(64, new MemoryPool(1e6));
      for (const { timestampMs, ...rest } of messages) writer.append({ ...tp, ...rest }, timestampMs);
      const sealed = writer.seal(identity, 12);
      const scanned = scanBatches(
        sealed,
        { start: 0, end: sealed.length, aborted: [] },
        { fromOffset: 0, checksCrc: true },
      );
      const read = toRecordBatch(tp, { bytes: sealed, batches: scanned.batches }, 0);
      expect(read?.count).toBe(messages.length);
      const part = (start?: Int32Array, end?: Int32Array, i = 0) =>
        (start?.[i] ?? -1) < 0 ? null : new Uint8Array(read?.bytes.subarray(start?.[i], end?.[i]) ?? []);
      messages.forEach(({ key, value, timestampMs, headers }, i) => {
        expect(part(read?.keyStart, read?.keyEnd, i)).toEqual(key);
        expect(part(read?.valueStart, read?.valueEnd, i)).toEqual(value);
        expect(read?.timestampsMs[i]).toBe(timestampMs);
        expect(read?.offsetDeltas[i]).toBe(i);
        expect(read?.headers?.[i] ?? []).toEqual(headers);
      });
    }),
  );
});

test('a message of text and a part of a block is the same record as its bytes', () => {
  const text = fc.record({
    key: fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ minLength: 200, maxLength: 300 })),
    value: bytes,
    before: fc.nat(3),
    timestampMs: fc.integer({ min: 0, max: 4e12 }),
  });
  fc.assert(
    fc.property(fc.array(text, { minLength: 1, maxLength: 40 }), (messages) => {
      const [writer, expected] = [new BatchWriter(64, new MemoryPool(1e6)), new BatchWriter(64, new MemoryPool(1e6))];
      for (const { key, value, before, timestampMs } of messages) {
        const block = Buffer.concat([Buffer.alloc(before, 1), value, Buffer.from('rest')]);
        const out = { topic: 't', key, block, start: before, end: before + value.length };
        writer.appendText(out, timestampMs);
        expected.append(messageOf(out, 0), timestampMs);
      }
      expect(writer.count).toBe(messages.length);
      expect(writer.seal(identity, 12)).toEqual(expected.seal(identity, 12));
    }),
  );
});

test('the header says who wrote it, the place of its first record in his line, and its times', () => {
  const writer = new BatchWriter(64, new MemoryPool(1e6));
  for (const timestampMs of [1_700_000_000_500, 1_700_000_000_000])
    writer.append({ ...tp, key: null, value: Buffer.from('v') }, timestampMs);
  const sealed = writer.seal(identity, 12);
  expect(sealed.readBigInt64BE(43)).toBe(7n);
  expect([sealed.readInt16BE(51), sealed.readInt32BE(53), sealed.readInt32BE(57)]).toEqual([3, 12, 2]);
  expect(sealed.readBigInt64BE(27)).toBe(1_700_000_000_500n);
  expect(sealed.readBigInt64BE(35)).toBe(1_700_000_000_500n);
  // Written from the format's own description: the records are the same bytes.
  const records = [1_700_000_000_500, 1_700_000_000_000].map((timestampMs) => ({ value: 'v', timestampMs }));
  const expected = encodeBatch({ baseOffset: 0, records, baseTimestampMs: 1_700_000_000_500 });
  expect(sealed.subarray(61)).toEqual(expected.subarray(61));
});
