// The mean: kept as sum and count, divided only when it is asked for.
import type { Aggregate } from './aggregate.ts';
import { type Sum, sum } from './sum.ts';

export interface MeanState {
  sum: Sum;
  count: number;
}

/** The arithmetic mean, from an exact sum and a count: one rounding, whatever the order. null of nothing. */
export const mean: Aggregate<number, MeanState, number | null> = {
  name: 'mean',
  init: () => ({ sum: 0, count: 0 }),
  add(state, value) {
    state.sum = sum.add(state.sum, value);
    state.count++;
    return state;
  },
  merge(into, from) {
    into.sum = sum.merge(into.sum, from.sum);
    into.count += from.count;
    return into;
  },
  result: ({ sum: total, count }) => (count === 0 ? null : quotient(total, count)),
};

/** A sum may be larger than any double; a mean is not. */
function quotient(total: Sum, count: number): number {
  const ofDoubles = Number(total) / count;
  if (Number.isFinite(ofDoubles)) return ofDoubles;
  return Number(BigInt(String(total).replace(/\..*/, '')) / BigInt(count));
}
