import { compressionsAlgorithmsByBitmask } from '@platformatic/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchError, scanBatches } from './batches.ts';
import { decompress, isCodecRead } from './codecs.ts';
import { encodeBatch, marker, type TestBatch } from './log-batch-suite.ts';
import { MemoryPool } from './memory-pool.ts';
import { toRecordBatch } from './records.ts';

const tp = { topic: 't', partition: 0 };

interface Read {
  readonly fromOffset?: number;
  readonly aborted?: readonly { readonly producerId: bigint; readonly firstOffset: number }[];
  readonly cut?: number;
}

function read(batches: readonly TestBatch[], { fromOffset = 0, aborted = [], cut = 0 }: Read = {}) {
  const bytes = Buffer.concat([Buffer.from('before'), ...batches.map(encodeBatch), Buffer.from('after')]);
  const range = { start: 6, end: bytes.length - 5 - cut, aborted };
  const scanned = scanBatches(bytes, range, { fromOffset, checksCrc: true });
  const records = scanned.batches.flatMap((batch) => {
    const plain = batch.codec === 0 ? { bytes, batches: [batch] } : decompress(bytes, batch);
    const columns = toRecordBatch(tp, plain, fromOffset);
    if (!columns) return [];
    const text = (start: number, end: number) =>
      start < 0 ? null : Buffer.from(columns.bytes.subarray(start, end)).toString();
    return Array.from({ length: columns.count }, (_, i) => ({
      offset: Number(columns.baseOffset) + (columns.offsetDeltas[i] as number),
      timestampMs: columns.timestampsMs[i] as number,
      key: text(columns.keyStart[i] as number, columns.keyEnd[i] as number),
      value: text(columns.valueStart[i] as number, columns.valueEnd[i] as number),
      headers: (columns.headers?.[i] ?? []).map(([name, value]) => [name, Buffer.from(value).toString()]),
    }));
  });
  return { records, fetchOffset: scanned.fetchOffset };
}

const offsets = (batches: readonly TestBatch[], options?: Read) =>
  read(batches, options).records.map(({ offset }) => offset);
const three = (baseOffset: number, more: Partial<TestBatch> = {}): TestBatch => ({
  baseOffset,
  records: [{ value: 'a' }, { value: 'b' }, { value: 'c' }],
  ...more,
});

describe('batches of the log', () => {
  it('give keys, values, their absence, times and headers, whatever their lengths', () => {
    const text = fc.option(fc.string({ maxLength: 300 }), { nil: null });
    const baseTimestampMs = 1_700_000_000_000;
    const record = fc.record({
      key: text,
      value: text,
      timestampMs: fc.integer({ min: 0, max: 2 * baseTimestampMs }),
      headers: fc.array(fc.tuple(fc.string(), fc.string()), { maxLength: 3 }),
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 20 }), fc.nat(1_000_000), (records, baseOffset) => {
        const found = read([{ baseOffset, records, baseTimestampMs }]).records;
        expect(found).toEqual(records.map((one, i) => ({ ...one, offset: baseOffset + i })));
      }),
      { numRuns: 300 },
    );
  });

  it('begin at the asked offset, inside a batch, and leave a batch that is cut off to the next fetch', () => {
    expect(offsets([three(0), three(3)], { fromOffset: 4 })).toEqual([4, 5]);
    expect(read([three(0), three(3)], { cut: 1 })).toMatchObject({ fetchOffset: 3, records: [{}, {}, {}] });
    expect(read([three(0)], { cut: 1 })).toEqual({ fetchOffset: 0, records: [] });
  });

  it('go on after the holes that compaction left', () => {
    expect(read([three(10, { offsetDeltas: [0, 4, 9] })])).toMatchObject({
      fetchOffset: 20,
      records: [{ offset: 10 }, { offset: 14 }, { offset: 19 }],
    });
  });

  it('have the append time where the broker stamps it', () => {
    const found = read([three(0, { isAppendTime: true, baseTimestampMs: 500 })]).records;
    expect(found.map(({ timestampMs }) => timestampMs)).toEqual([599, 599, 599]);
  });

  it('of aborted transactions and control batches are hidden, those of others are not', () => {
    const of = (producerId: number) => ({ producerId, isTransactional: true });
    const end = (baseOffset: number, producerId: number, kind: 'abort' | 'commit'): TestBatch => ({
      ...{ baseOffset, records: [{ key: marker(kind), value: '' }], isControl: true, ...of(producerId) },
    });
    const log = [
      three(0, of(1)),
      three(3, of(2)),
      three(6),
      end(9, 1, 'abort'),
      three(10, of(1)),
      end(13, 2, 'commit'),
      end(14, 1, 'commit'),
    ];
    const aborted = [{ producerId: 1n, firstOffset: 0 }];
    expect(offsets(log, { aborted })).toEqual([3, 4, 5, 6, 7, 8, 10, 11, 12]);
    expect(read(log, { aborted }).fetchOffset).toBe(15);
  });

  it('are refused when a byte has changed, or when they are of an old format', () => {
    const bytes = encodeBatch(three(0));
    const scan = (changed: Buffer) =>
      scanBatches(changed, { start: 0, end: changed.length, aborted: [] }, { fromOffset: 0, checksCrc: true });
    for (let i = 21; i < bytes.length; i++) {
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] as number) ^ 1;
      expect(() => scan(changed)).toThrow('the checksum of the batch at offset 0 is wrong');
    }
    const old = Buffer.from(bytes);
    old[16] = 1;
    expect(() => scan(old)).toThrow('record format v1');
  });

  it('have columns whose memory is used again once they were released, and not before', () => {
    const pool = new MemoryPool(1e6);
    const many = (baseOffset: number): Buffer =>
      encodeBatch({ baseOffset, records: Array.from({ length: 300 }, (_, i) => ({ key: `k${i}`, value: `v${i}` })) });
    let released = 0;
    const columnsOf = (baseOffset: number) => {
      const bytes = many(baseOffset);
      const { batches } = scanBatches(
        bytes,
        { start: 0, end: bytes.length, aborted: [] },
        { fromOffset: 0, checksCrc: true },
      );
      return toRecordBatch(tp, { bytes, batches, release: () => void released++ }, baseOffset + 10, pool);
    };
    const [first, second] = [columnsOf(0), columnsOf(300)];
    expect([first?.count, first?.baseOffset, second?.baseOffset]).toEqual([290, 10n, 310n]);
    expect(second?.valueStart.buffer).not.toBe(first?.valueStart.buffer);
    first?.release?.();
    first?.release?.();
    expect(released).toBe(1);
    const [third, fourth] = [columnsOf(600), columnsOf(900)];
    expect(third?.valueStart.buffer).toBe(first?.valueStart.buffer);
    expect(fourth?.valueStart.buffer).not.toBe(third?.valueStart.buffer);
    expect([...(third?.offsetDeltas.subarray(0, 290) ?? [])]).toEqual(Array.from({ length: 290 }, (_, i) => i));
  });

  it('never read outside themselves, whatever their records say', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 80 }), fc.nat(20), (body, count) => {
        const batch = encodeBatch({ baseOffset: 0, records: [], compress: () => Buffer.from(body) });
        const log = { baseOffset: 0, lastOffset: 0, count, codec: 0, isAppendTime: false };
        const times = { baseTimestampMs: 0, maxTimestampMs: 0 };
        const range = { start: 61, end: batch.length };
        try {
          toRecordBatch(tp, { bytes: batch, batches: [{ ...log, ...times, ...range }] }, 0);
        } catch (error) {
          expect(error).toBeInstanceOf(BatchError);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([1, 2, 3, 4])('are read with codec %i where it is there', (codec) => {
    if (!isCodecRead(codec)) return expect(() => read([three(0, { codec })])).toThrow(BatchError);
    const compress = (plain: Buffer) => Buffer.from(compressionsAlgorithmsByBitmask[codec]?.compressSync(plain) ?? '');
    expect(offsets([three(0, { codec, compress }), three(3)])).toEqual([0, 1, 2, 3, 4, 5]);
    expect(() => read([three(0, { codec, compress: () => Buffer.from('rubbish') })])).toThrow(BatchError);
  });

  it('are read with the framing that Java gives snappy', () => {
    const compress = (plain: Buffer) => {
      const half = plain.length >> 1;
      const blocks = [plain.subarray(0, half), plain.subarray(half)].map((part) =>
        Buffer.from(compressionsAlgorithmsByBitmask[2]?.compressSync(part) ?? ''),
      );
      const length = (block: Buffer) => {
        const bytes = Buffer.alloc(4);
        bytes.writeInt32BE(block.length);
        return bytes;
      };
      const head = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0, 0, 0, 0, 1, 0, 0, 0, 1]);
      return Buffer.concat([head, ...blocks.flatMap((block) => [length(block), block])]);
    };
    expect(offsets([three(0, { codec: 2, compress })])).toEqual([0, 1, 2]);
  });
});
