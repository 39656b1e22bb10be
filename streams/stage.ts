import { type OperatorFunction, map } from 'rxjs';
import type { RecordBatch } from '../sources/source.ts';
import { type BegunSnapshot, snapshotPieceBytes } from '../tasks/contract.ts';
import type { EntryContext, StreamBatch } from './batch.ts';
import { atOnce } from './pieces.ts';

/**
 * One step of a pipeline: a synchronous RxJS operator over batches and the state inside it. `snapshot` is plain values,
 * Maps and typed arrays, and may share memory with the stage: whoever keeps it encodes it before the next batch.
 * `restore` happens before the first batch and takes what it is given over.
 */
export interface Stage<In, Out> {
  readonly operator: OperatorFunction<In, Out>;
  snapshot(): unknown;
  restore(state: unknown): void;
  /** For a large state, which `snapshot` then gives as a `SlicedState`: see `Fold`. */
  beginSnapshot?(pieceBytes: number): BegunSnapshot;
  /** Totals since the first entry of the task; part of the state. */
  counters(): Readonly<Record<string, number>>;
}

/** Of one record at a time. As fields of one object two numbers cost nothing; as arguments each would be an object of its own. */
export class RecordTime {
  // Not whole, so that V8 keeps doubles here from the beginning.
  eventTimeMs = 0.5;
  /** The task's watermark just before the record. */
  watermarkMs = 0.5;
}

/**
 * What some stages can do record by record, with the same outcome: `open` with the entry, `take` each record in fold order, `close`
 * with the batch, whose `records` are then none. An event is only lent: it is another one with the next record.
 */
export interface RecordSteps<E> {
  /** What they do record by record: a stage that took them over and has another operator is not done by them. */
  readonly operator: Stage<StreamBatch<E>, StreamBatch<E>>['operator'];
  open(entry: EntryContext): void;
  /** The records of `batch` from `from` on come next: may look at what they need. Gives where it wants to be told again. Changes nothing. */
  approach?(batch: RecordBatch, from: number): number;
  take(event: E, batch: RecordBatch, index: number, time: RecordTime): void;
  close(batch: StreamBatch<E>): StreamBatch<E>;
}

interface Core<In, Out> {
  apply(batch: In): Out;
  restore(state: unknown): void;
  counters(): Readonly<Record<string, number>>;
}

/** A stage whose state is private to an object: `apply` folds one batch. */
export interface StageCore<In, Out> extends Core<In, Out> {
  snapshot(): unknown;
}

/** The same with a large state: see `Fold`. */
export interface SlicedCore<In, Out> extends Core<In, Out> {
  beginSnapshot(pieceBytes: number): BegunSnapshot;
}

/** `core` as a stage. A throw of `apply` ends the stream with that error. */
export function stageOf<In, Out>(core: StageCore<In, Out> | SlicedCore<In, Out>): Stage<In, Out> {
  const common = {
    operator: map((batch: In) => core.apply(batch)),
    restore: (state: unknown) => core.restore(state),
    counters: () => core.counters(),
  };
  if (!('beginSnapshot' in core)) return { ...common, snapshot: () => core.snapshot() };
  const beginSnapshot = (pieceBytes: number): BegunSnapshot => core.beginSnapshot(pieceBytes);
  return { ...common, snapshot: () => atOnce(beginSnapshot(snapshotPieceBytes)), beginSnapshot };
}
