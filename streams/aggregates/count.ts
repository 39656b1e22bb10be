import type { Aggregate } from './aggregate.ts';

/** How many. */
export const count: Aggregate<unknown, number, number> = {
  name: 'count',
  init: () => 0,
  add: (state) => state + 1,
  merge: (into, from) => into + from,
  result: (state) => state,
};
