// The first and the last value in event time, whatever the order in which they came.
import type { TimedEvent } from '../batch.ts';
import type { Aggregate } from './aggregate.ts';

/** A value and its place in time; of two at the same time, the one with the lower `tie` came first. */
export interface Dated {
  readonly eventTimeMs: number;
  readonly tie: string;
  readonly value: Plain;
}

export type Plain = string | number | boolean | null;
type Edge = Aggregate<Dated, Dated | null, Plain>;

/** `value` dated by its event; ties go by source, then id, by UTF-16 code units. */
export const dated = ({ eventTimeMs, source, id }: TimedEvent, value: Plain): Dated => ({
  ...{ eventTimeMs, tie: `${source}\u0000${id}`, value },
});

/** The value of the earliest event; null of nothing. */
export const first: Edge = edge('first', isBefore);

/** The value of the latest event; null of nothing. */
export const last: Edge = edge('last', (one, other) => isBefore(other, one));

function edge(name: string, isBetter: (one: Dated, other: Dated) => boolean): Edge {
  const better = (one: Dated | null, other: Dated | null): Dated | null => {
    if (one === null || other === null) return one ?? other;
    return isBetter(other, one) ? other : one;
  };
  return { name, init: () => null, add: better, merge: better, result: (state) => state?.value ?? null };
}

function isBefore(one: Dated, other: Dated): boolean {
  if (one.eventTimeMs !== other.eventTimeMs) return one.eventTimeMs < other.eventTimeMs;
  return one.tie < other.tie;
}
