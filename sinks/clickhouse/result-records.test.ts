import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readResult } from './result-records.ts';
import { createRowBuffer } from './row-binary.ts';
import { writeWindow } from './tables.ts';
import {
  testAlert,
  testDecision,
  testDelivery,
  testList,
  testPrediction,
  testScore,
} from './testbed-insights-suite.ts';
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

const others = [testDecision(1), testAlert(1), testDelivery(), testList(1), testPrediction(1), testScore(1)];

test.each(others.map((result) => [result.kind, result] as const))('a %s comes out as it went in', (_kind, result) => {
  expect(read(result)).toEqual({ kind: 'result', result });
});

test.each(others.map((result) => [result.kind, result] as const))(
  'of a %s nothing may be missing but where it is not stored',
  (kind, result) => {
    for (const field of Object.keys(result).filter((name) => name !== 'kind')) {
      const { [field]: _left, ...rest } = result as unknown as Record<string, unknown>;
      expect(read(rest), field).toMatchObject({ kind: 'reject', reason: expect.stringContaining(`${kind}: `) });
    }
  },
);

test.each([
  ['features', testDecision(1), { features: { a: 'text' } }],
  ['features', testDecision(1), { features: [1] }],
  ['amountMinor', testDecision(1), { amountMinor: 1.5 }],
  ['reasons', testAlert(1), { reasons: ['a', 1] }],
  ['transition', testAlert(1), { transition: 'gone' }],
  ['status', testDelivery(), { status: -1 }],
  ['isAnomaly', testPrediction(1), { isAnomaly: 1 }],
])('a result with wrong %s is refused: %#', (field, result, change) => {
  expect(read({ ...result, ...change })).toEqual({
    kind: 'reject',
    reason: `${result.kind}: ${field} is not as it must be`,
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
