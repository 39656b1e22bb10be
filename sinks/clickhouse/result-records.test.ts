import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readResult } from './result-records.ts';
import { createRowBuffer } from './row-binary.ts';
import { writeWindow } from './tables.ts';
import { testWindow } from './testbed-suite.ts';

const read = (value: unknown) => readResult(Buffer.from(JSON.stringify(value)));

test('a result comes out as it went in', () => {
  const window = testWindow(1);
  expect(read(window)).toEqual({ kind: 'result', result: window });
  expect(read(testWindow(1, { watermarkMs: -Infinity }))).toMatchObject({
    kind: 'result',
    result: { watermarkMs: null },
  });
});

test.each([
  ['version', { version: -1 }],
  ['version', { version: 1.5 }],
  ['revision', { revision: '-1' }],
  ['revision', { revision: 5 }],
  ['revision', { revision: '1e5' }],
  ['windowEndMs', { windowEndMs: 1e300 }],
  ['state', { state: 'open' }],
  ['complete', { complete: true }],
  ['values', { values: [] }],
  ['key', { key: null }],
  ['producer.orderOffset', { producer: { ...testWindow(1).producer, orderOffset: '9223372036854775808' } }],
  ['producer.shard', { producer: null }],
])('a window with a wrong %s is told from a result: %j', (field, change) => {
  expect(read({ ...testWindow(1), ...change })).toEqual({
    kind: 'reject',
    reason: `window: ${field} is not as it must be`,
  });
});

test('whatever is read as a window can be written', () => {
  const junk = fc.oneof(fc.jsonValue(), fc.maxSafeInteger(), fc.bigInt().map(String), fc.string());
  const fields = fc.constantFrom(...Object.keys(testWindow(1)));
  fc.assert(
    fc.property(fields, junk, (field, value) => {
      const found = read({ ...testWindow(1), [field]: value });
      if (found.kind === 'reject' || found.result.kind !== 'window') return;
      const buffer = createRowBuffer();
      writeWindow(buffer, found.result);
      expect(buffer.rows).toBe(1);
    }),
  );
});
