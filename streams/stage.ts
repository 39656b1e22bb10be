import { type OperatorFunction, map } from 'rxjs';

/**
 * One step of a pipeline: a synchronous RxJS operator over batches and the state inside it. `snapshot` is plain values,
 * Maps and typed arrays, and may share memory with the stage: whoever keeps it encodes it before the next batch.
 * `restore` happens before the first batch and takes what it is given over.
 */
export interface Stage<In, Out> {
  readonly operator: OperatorFunction<In, Out>;
  snapshot(): unknown;
  restore(state: unknown): void;
  /** Totals since the first entry of the task; part of the state. */
  counters(): Readonly<Record<string, number>>;
}

/** A stage whose state is private to an object: `apply` folds one batch. */
export interface StageCore<In, Out> {
  apply(batch: In): Out;
  snapshot(): unknown;
  restore(state: unknown): void;
  counters(): Readonly<Record<string, number>>;
}

/** `core` as a stage. A throw of `apply` ends the stream with that error. */
export function stageOf<In, Out>(core: StageCore<In, Out>): Stage<In, Out> {
  return {
    operator: map((batch: In) => core.apply(batch)),
    snapshot: () => core.snapshot(),
    restore: (state) => core.restore(state),
    counters: () => core.counters(),
  };
}
