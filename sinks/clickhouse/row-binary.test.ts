import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createRowReader } from '../../sources/archive/row-binary-reader.ts';
import { createRowBuffer } from './row-binary.ts';

test('what is written is read back, whatever the bytes and however the buffer grows', () => {
  const row = fc.record({
    bytes: fc.option(fc.uint8Array({ maxLength: 300 }), { nil: null }),
    text: fc.string({ unit: 'grapheme' }),
    offset: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    count: fc.nat(1_000_000),
  });
  fc.assert(
    fc.property(fc.array(row, { maxLength: 50 }), (rows) => {
      const buffer = createRowBuffer();
      for (const { bytes, text, offset, count } of rows) {
        buffer.nullableBytes(bytes ?? new Uint8Array(), bytes === null ? -1 : 0, bytes?.length ?? -1);
        buffer.text(text);
        buffer.i64(offset);
        buffer.length(count);
        buffer.endRow();
      }
      const all = Buffer.from(buffer.slice(0, buffer.rows));
      const reader = createRowReader(all);
      const cut = (): Buffer => {
        const start = reader.bytes();
        return all.subarray(start, reader.position());
      };
      for (const { bytes, text, offset, count } of rows) {
        expect(reader.u8() === 1 ? null : new Uint8Array(cut())).toEqual(bytes);
        expect(cut().toString('utf8')).toBe(Buffer.from(text).toString('utf8'));
        expect(reader.i64()).toBe(offset);
        expect(reader.length()).toBe(count);
      }
      expect(reader.isAtEnd()).toBe(true);
    }),
  );
});

test('a buffer gives any range of its rows and starts anew', () => {
  const buffer = createRowBuffer();
  for (const text of ['a', 'bb', 'ccc']) {
    buffer.text(text);
    buffer.endRow();
  }
  buffer.text('unfinished');
  buffer.dropRow();
  expect(Buffer.from(buffer.slice(1, 3)).toString()).toBe('\u0002bb\u0003ccc');
  expect(buffer.slice(0, 0)).toHaveLength(0);
  expect(buffer.size()).toBe(9);
  buffer.reset();
  expect([buffer.rows, buffer.size()]).toEqual([0, 0]);
});

test('a row that is cut off is refused', () => {
  expect(() => createRowReader(Buffer.from([5, 1])).bytes()).toThrow(RangeError);
});
