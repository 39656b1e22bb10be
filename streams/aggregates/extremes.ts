// The extremes: numbers only, null of nothing, any order.
import type { Aggregate } from './aggregate.ts';

type Extreme = Aggregate<number, number | null, number | null>;

/** The smallest value; null of nothing. */
export const min: Extreme = extreme('min', (value, best) => value < best);

/** The largest value; null of nothing. */
export const max: Extreme = extreme('max', (value, best) => value > best);

function extreme(name: string, isBetter: (value: number, best: number) => boolean): Extreme {
  const better = (a: number | null, b: number | null): number | null => {
    if (a === null || b === null) return a ?? b;
    return isBetter(b, a) ? b : a;
  };
  return { name, init: () => null, add: better, merge: better, result: (state) => state };
}
