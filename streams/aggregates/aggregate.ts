/**
 * The contract of aggregates: `add` and `merge` give the next state (they may change and return the one that they get), and
 * `merge(init(), s)` equals s. States are plain values, Maps and typed arrays, so that any codec keeps them; the same calls give
 * the same state. `add` and `merge` never throw for values of their kind (numbers: finite).
 */
export interface Aggregate<Value, State, Result> {
  /** Part of the state shape, with its parameters: `count`, `top-k(10)`. */
  readonly name: string;
  init(): State;
  add(state: State, value: Value): State;
  merge(into: State, from: State): State;
  /** JSON-safe; never changes the state. */
  result(state: State): Result;
}

/** What of an event goes into which aggregate. */
export interface Field<E> {
  readonly of: (event: E) => unknown;
  readonly aggregate: Aggregate<unknown, unknown, unknown>;
}

/** Ties an aggregate to what it reads; the types are checked here and are no longer known below. */
export const field = <E, Value, State, Result>(
  aggregate: Aggregate<Value, State, Result>,
  of: (event: E) => Value,
): Field<E> => ({ of, aggregate: aggregate as Aggregate<unknown, unknown, unknown> });
