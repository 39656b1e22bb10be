// A quantile from a deterministic compactor sketch. Guarantees: exact while no more values came than a buffer holds; beyond, the
// rank of what it gives is off by at most levels / (2 · bufferMax) of all values: 0.5 % of a million, 1 % of 10^9; by twice that
// where it was merged of many small ones (so 1 % of a million). DDSketch bounds the error of the value instead: of values
// that lie within 1 % of each other it tells no rank.
import type { Aggregate } from './aggregate.ts';

/** Buffers of values by level: one of level h stands for 2^h values. */
export interface QuantileState {
  count: number;
  /** `levels[h]`, sorted but for level 0. */
  readonly levels: number[][];
  /** By level, which of each pair the next compaction keeps: taking turns, errors cancel. */
  readonly turns: number[];
}

/**
 * The value at rank ⌈q · n⌉ of n values (q from 0 to 1); null of nothing. Buffers as in KLL (Karnin, Lang, Liberty 2016), of one
 * size and compacted in turns instead of by coin (Manku, Rajagopalan, Lindsay 1998): a compaction at level h moves a rank by 0 or
 * 2^h, up in one turn and down in the next, and needs bufferMax · 2^h values. At most 8 · `bufferMax` bytes a level. Beyond a
 * buffer other orders may give other values, within the bound.
 */
export function quantile(q: number, bufferMax = 1_024): Aggregate<number, QuantileState, number | null> {
  if (!(q >= 0 && q <= 1)) throw new RangeError(`a quantile lies between 0 and 1, not at ${q}`);
  return {
    name: `quantile(${q},${bufferMax})`,
    init: () => ({ count: 0, levels: [[]], turns: [0] }),
    add(state, value) {
      state.count++;
      (state.levels[0] as number[]).push(value);
      if ((state.levels[0] as number[]).length > bufferMax) compactFrom(state, bufferMax);
      return state;
    },
    merge(into, from) {
      into.count += from.count;
      from.levels.forEach((values, level) => {
        into.levels[level] = level === 0 ? [...levelOf(into, 0), ...values] : merged(levelOf(into, level), values);
      });
      compactFrom(into, bufferMax);
      return into;
    },
    result: (state) => valueAt(state, Math.max(1, Math.ceil(q * state.count))),
  };
}

function levelOf({ levels, turns }: QuantileState, level: number): number[] {
  while (levels.length <= level) {
    levels.push([]);
    turns.push(0);
  }
  return levels[level] as number[];
}

function compactFrom(state: QuantileState, bufferMax: number): void {
  for (let level = 0; level < state.levels.length; level++)
    if ((state.levels[level] as number[]).length > bufferMax) compact(state, level);
}

/** Half of the level's values, each for two, join the next level; an odd one out stays, now at one end, now at the other. */
function compact(state: QuantileState, level: number): void {
  const values = state.levels[level] as number[];
  if (level === 0) values.sort((a, b) => a - b);
  const turn = state.turns[level] as number;
  const isOdd = values.length % 2 === 1;
  const stays = isOdd ? [turn === 0 ? (values.pop() as number) : (values.shift() as number)] : [];
  const kept: number[] = [];
  for (let i = turn; i < values.length; i += 2) kept.push(values[i] as number);
  state.turns[level] = 1 - turn;
  state.levels[level] = stays;
  state.levels[level + 1] = merged(levelOf(state, level + 1), kept);
}

/** Two sorted lists as one. */
function merged(a: readonly number[], b: readonly number[]): number[] {
  const all: number[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    if (j >= b.length || (i < a.length && (a[i] as number) <= (b[j] as number))) all.push(a[i++] as number);
    else all.push(b[j++] as number);
  }
  return all;
}

/** The value whose weight, with those of all before it, first reaches `rank`. */
function valueAt({ levels }: QuantileState, rank: number): number | null {
  const weighted = levels.flatMap((values, level) => values.map((value) => [value, 2 ** level] as const));
  weighted.sort(([a], [b]) => a - b);
  let reached = 0;
  for (const [value, weight] of weighted) {
    reached += weight;
    if (reached >= rank) return value;
  }
  return weighted.at(-1)?.[0] ?? null;
}
