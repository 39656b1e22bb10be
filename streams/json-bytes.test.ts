import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fieldNames, JsonBytes } from './json-bytes.ts';

const decoder = new TextDecoder();

test('numbers, texts and values are written as JSON.stringify writes them', () => {
  const json = new JsonBytes();
  const number = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.constantFrom(0, -0, 9, 10, 1e9, 1e9 - 1, 1e15, 1e21),
  );
  const text = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.string(),
    fc.constantFrom('\ud800', '"', '\\', '\u007f', 'ü€'),
  );
  fc.assert(
    fc.property(number, text, fc.jsonValue(), (a, b, c) => {
      json.ascii('[').number(a).ascii(',').text(b).ascii(',').value(c).ascii(']');
      expect(decoder.decode(json.take())).toBe(JSON.stringify([a, b, c]));
    }),
    { numRuns: 1_500 },
  );
});

test('an object of numbers and flags is written as JSON.stringify writes it, between others', () => {
  const json = new JsonBytes();
  const names = Array.from({ length: 30 }, (_, i) => `${'n'.repeat(i + 1)}_${i % 3 === 0 ? 'is' : 'of'}`);
  const isFlag = (name: string): boolean => name.endsWith('is');
  const fields = fieldNames(names, isFlag);
  const value = fc.oneof(fc.double(), fc.nat(), fc.integer(), fc.constantFrom(0, -0, 1, NaN, Infinity, 2 ** 31, 1 / 3));
  fc.assert(
    fc.property(fc.array(value, { minLength: 30, maxLength: 30 }), (row) => {
      const told = names.map((name, i) => [name, isFlag(name) && !Number.isNaN(row[i]) ? row[i] === 1 : row[i]]);
      json.ascii('[{').named(fields, row).ascii('},1]');
      expect(decoder.decode(json.take())).toBe(JSON.stringify([Object.fromEntries(told), 1]));
    }),
    { numRuns: 1_000 },
  );
});

test('what was taken stays as it is, and a value may be larger than a block', () => {
  const json = new JsonBytes();
  const taken = Array.from({ length: 300 }, (_, i) => json.text(`${i}`.repeat(5_000)).take());
  taken.push(
    json.text('x'.repeat(700_000)).take(),
    json
      .text('é'.repeat(700_000))
      .raw(new Uint8Array([0x31]))
      .take(),
  );
  expect(taken.slice(0, 300).map((bytes) => decoder.decode(bytes))).toEqual(
    Array.from({ length: 300 }, (_, i) => JSON.stringify(`${i}`.repeat(5_000))),
  );
  expect(taken[300]).toHaveLength(700_002);
  expect(decoder.decode(taken[301])).toBe(`"${'é'.repeat(700_000)}"1`);
});
