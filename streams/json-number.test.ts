import fc from 'fast-check';
import { expect, test } from 'vitest';
import { putFraction } from './json-number.ts';

const bytes = new Uint8Array(64);
const view = new DataView(bytes.buffer);
const decoder = new TextDecoder();
const written = (value: number): string =>
  decoder.decode(bytes.subarray(3, putFraction(view, 3, Float64Array.of(value), 0)));
const expectSame = (value: number): void => {
  if (!Number.isInteger(value) && written(value) !== String(value)) expect(written(value)).toBe(String(value));
};

test('means, shares, times, distances and what lies beside them are written as JavaScript writes them', () => {
  for (let i = 1; i < 400; i++)
    for (const sum of [1, 7, 99, 1_234, 56_789, 999_999, 123_456_789, 99_999_999_999]) {
      const of = sum + i * 37;
      for (const value of [of / i, of / 100, of / 1_000, i / of, Math.sqrt(of), of + 0.1, of - 1e-9]) expectSame(value);
    }
});

test('the neighbours of powers of two and ten, and of short decimals', () => {
  const double = new DataView(new ArrayBuffer(8));
  const near = (value: number): void => {
    double.setFloat64(0, value);
    const bits = double.getBigUint64(0);
    for (let step = -40n; step <= 40n; step++) {
      double.setBigUint64(0, bits + step);
      expectSame(double.getFloat64(0));
    }
  };
  for (let e = -9; e < 34; e++) near(2 ** e);
  for (let e = -5; e < 12; e++) for (const digit of [1, 2, 2.5, 5, 7.3, 9.9]) near(digit * 10 ** e);
});

test('any double', () => {
  fc.assert(fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), expectSame), { numRuns: 20_000 });
  for (const [min, max] of [
    [1, 2 ** 31],
    [2 ** -8, 1],
  ] as const)
    fc.assert(fc.property(fc.double({ min, max, noNaN: true }), expectSame), { numRuns: 50_000 });
});

test('short decimals, and ratios below one', () => {
  for (let i = 1; i < 20_000; i++) for (const by of [1_000, 10_000, 7, 20_011, 1e7, 1e9]) expectSame(i / by);
});
