import fc from 'fast-check';
import { expect, test } from 'vitest';
import { JsonBytes } from './json-bytes.ts';
import { RowWriter } from './row-writer.ts';
import { WindowRow } from './window-rows.ts';

const value = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.string({ unit: 'binary' }),
  fc.constantFrom(null, undefined, -0, 0, 2 ** 53, { a: [1] }),
);
const row = fc
  .record({
    at: fc.record({ output: fc.constantFrom('a_1m', 'b"'), clockMs: fc.constantFrom(1, 2) }),
    span: fc.constantFrom({ startMs: 0, endMs: 60_000 }, { startMs: 1_767_225_600_000, endMs: 1_767_225_660_000 }),
    key: fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constantFrom('card-1', '')),
    state: fc.constantFrom('final' as const, 'provisional' as const, 'tombstone' as const),
    values: fc.dictionary(fc.oneof(fc.constantFrom('count', 'sum'), fc.string()), value),
    complete: fc.constantFrom(0 as const, 1 as const),
    watermarkMs: fc.constantFrom(0, 1_767_225_600_123),
  })
  .map(({ at, span, key, state, values, complete, watermarkMs }) =>
    Object.assign(new WindowRow(at, span, key, state, values), { complete, watermarkMs }),
  );

test('a window row is written as JSON.stringify writes it, whatever came before, and its bytes stay as they are', () => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
      const writer = new RowWriter();
      const into = new JsonBytes();
      const written = rows.map((one) => {
        writer.write(one, into);
        return into.take();
      });
      expect(written.map((bytes) => Buffer.from(bytes).toString())).toEqual(rows.map((one) => JSON.stringify(one)));
    }),
  );
});
