// The standard deviation: from exact sums of the values and of their squares, so that nothing cancels and no order matters.
import type { Aggregate } from './aggregate.ts';
import { addPartial, addSquare, exactOf } from './partials.ts';

export interface StddevState {
  count: number;
  readonly sum: number[];
  readonly squares: number[];
}

/** Beyond this a value counts as this: its square must be a double. */
const VALUE_MAX = 1e150;

/**
 * The standard deviation of all values, as a population; null of nothing. The one double nearest to it but for the last bit,
 * whatever the order (squares below 1e-290 lose digits).
 */
export const stddev: Aggregate<number, StddevState, number | null> = {
  name: 'stddev',
  init: () => ({ count: 0, sum: [], squares: [] }),
  add(state, value) {
    const bounded = Math.min(Math.max(value, -VALUE_MAX), VALUE_MAX);
    state.count++;
    addPartial(state.sum, bounded);
    addSquare(state.squares, bounded);
    return state;
  },
  merge(into, from) {
    into.count += from.count;
    for (const partial of from.sum) addPartial(into.sum, partial);
    for (const partial of from.squares) addPartial(into.squares, partial);
    return into;
  },
  result: ({ count, sum, squares }) => (count === 0 ? null : rootOf(count, exactOf(sum), exactOf(squares))),
};

type Exact = ReturnType<typeof exactOf>;

/** √(n · Σx² − (Σx)²) / n, in whole numbers up to the root. */
function rootOf(count: number, sum: Exact, squares: Exact): number {
  const exponent = Math.min(2 * sum.exponent, squares.exponent);
  const ofSquares = (BigInt(count) * squares.units) << BigInt(squares.exponent - exponent);
  const squareOfSum = (sum.units * sum.units) << BigInt(2 * sum.exponent - exponent);
  const spread = ofSquares - squareOfSum;
  if (spread <= 0n) return 0;
  // The root takes even powers of two only: drop the low bits beyond some hundred, add one where the exponent is odd.
  const surplus = Math.max(0, spread.toString(16).length * 4 - 104);
  const odd = Math.abs(exponent + surplus) % 2;
  const top = Number(spread >> BigInt(surplus)) * 2 ** odd;
  return (Math.sqrt(top) * 2 ** ((exponent + surplus - odd) / 2)) / count;
}
