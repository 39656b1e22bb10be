import type { Aggregate } from './aggregate.ts';

/** A number, or beyond ±(2^53 − 1) the decimal text of an integer. */
export type Sum = number | string;

/**
 * The sum. Of integers it is exact however large it gets: a number, or decimal text beyond ±(2^53 − 1). With a fraction in it,
 * it is a double, and stays at ±1.8e308 rather than becoming infinite.
 */
export const sum: Aggregate<number, Sum, Sum> = {
  name: 'sum',
  init: () => 0,
  add: plus,
  merge: plus,
  result: (state) => state,
};

function plus(a: Sum, b: Sum): Sum {
  if (typeof a === 'number' && typeof b === 'number') {
    const total = a + b;
    if (Number.isSafeInteger(total) || !Number.isInteger(a) || !Number.isInteger(b)) return bounded(total);
  }
  return isWhole(a) && isWhole(b) ? normal(BigInt(a) + BigInt(b)) : bounded(Number(a) + Number(b));
}

const isWhole = (value: Sum): boolean => typeof value === 'string' || Number.isInteger(value);
const normal = (total: bigint): Sum => (Number.isSafeInteger(Number(total)) ? Number(total) : String(total));
const bounded = (total: number): number => Math.min(Math.max(total, -Number.MAX_VALUE), Number.MAX_VALUE);
