import type { Aggregate } from './aggregate.ts';

/** How often a value came, at most; and by how much that may be too high. */
export type Counter = readonly [count: number, error: number];
export type TopKState = Map<string, Counter>;

export interface TopKEntry {
  readonly value: string;
  /** Never below the true number. */
  readonly count: number;
  /** The true number is at least `count − errorMax`; 0: it is exact. */
  readonly errorMax: number;
}

/**
 * The `k` most frequent values, by the space-saving algorithm (Metwally, Agrawal, El Abbadi 2005), merged as in Agarwal et
 * al. 2012. Exact until `counters` different values have come; every value with more than 1/`counters` of all is then still
 * in it. Ties go to the lower value by UTF-16 code units.
 */
export const topK = (k: number, counters = k * 10): Aggregate<string, TopKState, readonly TopKEntry[]> => ({
  name: `top-k(${k},${counters})`,
  init: () => new Map(),
  add(state, value) {
    const known = state.get(value);
    if (known) return state.set(value, [known[0] + 1, known[1]]);
    if (state.size < counters) return state.set(value, [1, 0]);
    const [rarest, count] = leastOf(state);
    state.delete(rarest);
    return state.set(value, [count + 1, count]);
  },
  merge(into, from) {
    const missingInto = floorOf(into, counters);
    const missingFrom = floorOf(from, counters);
    const merged: TopKState = new Map();
    for (const value of new Set([...into.keys(), ...from.keys()])) {
      const [countA, errorA] = into.get(value) ?? [missingInto, missingInto];
      const [countB, errorB] = from.get(value) ?? [missingFrom, missingFrom];
      merged.set(value, [countA + countB, errorA + errorB]);
    }
    return new Map(ranked(merged).slice(0, counters));
  },
  result: (state) =>
    ranked(state)
      .slice(0, k)
      .map(([value, [count, errorMax]]) => ({ value, count, errorMax })),
});

/** How often a value that is not in `state` may have come. */
const floorOf = (state: TopKState, counters: number): number => (state.size < counters ? 0 : leastOf(state)[1]);

function leastOf(state: TopKState): [value: string, count: number] {
  let rarest: string | undefined;
  let least = Infinity;
  for (const [value, [count]] of state) {
    if (count > least || (count === least && rarest !== undefined && value <= rarest)) continue;
    rarest = value;
    least = count;
  }
  return [rarest ?? '', least];
}

const ranked = (state: TopKState): [string, Counter][] =>
  [...state].sort(([valueA, [a]], [valueB, [b]]) => b - a || (valueA < valueB ? -1 : 1));
