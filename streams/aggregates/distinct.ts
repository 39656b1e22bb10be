import type { Aggregate } from './aggregate.ts';
import { addToSketch, emptySketch, estimate, mergeSketch } from './hyperloglog.ts';

/** The values themselves while they are few, then a sketch. One of the two is null. */
export interface DistinctState {
  values: Map<string, true> | null;
  sketch: Uint8Array | null;
}

/**
 * How many different values: exact up to `exactMax`, beyond that a whole number with a standard error of 0.81 % (16 KB a
 * state). The order of adding and merging changes nothing.
 */
export function distinct(exactMax = 256): Aggregate<string, DistinctState, number> {
  const add = (state: DistinctState, value: string): DistinctState => {
    if (state.sketch) addToSketch(state.sketch, value);
    else state.values?.set(value, true);
    if (state.values && state.values.size > exactMax) sketched(state);
    return state;
  };
  return {
    name: `distinct(${exactMax})`,
    init: () => ({ values: new Map(), sketch: null }),
    add,
    merge(into, from) {
      if (from.sketch) mergeSketch(sketched(into), from.sketch);
      else for (const value of from.values?.keys() ?? []) add(into, value);
      return into;
    },
    result: ({ values, sketch }) => (sketch ? Math.round(estimate(sketch)) : (values?.size ?? 0)),
  };
}

/** The sketch of `state`, made of its values if there was none. */
function sketched(state: DistinctState): Uint8Array {
  if (state.sketch) return state.sketch;
  const sketch = emptySketch();
  for (const value of state.values?.keys() ?? []) addToSketch(sketch, value);
  state.values = null;
  state.sketch = sketch;
  return sketch;
}
