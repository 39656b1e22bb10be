import type { OperatorFunction } from 'rxjs';
import type { StreamBatch } from '../streams/batch.ts';

/**
 * The contract of a processor: a pure, synchronous RxJS operator over batches. It adds outputs to each batch and changes
 * nothing else; it uses no clock, randomness, I/O or Promise; given the same batches it gives the same outputs.
 */
export interface Processor<E> {
  /** Named after the insight, e.g. `revenue`. */
  readonly name: string;
  /** Raised whenever its results for the same input change. */
  readonly version: number;
  /** The topics that it reads. */
  readonly inputs: readonly string[];
  /** Inputs whose records say nothing about event time (rules): they are read first, and neither hold nor move the watermark. */
  readonly timelessInputs?: readonly string[];
  /** The event types that it takes; others on its inputs are ignored (and counted). */
  readonly eventTypes: readonly string[];
  /** Of a type named here only these fields, beside the envelope, are read: others may be missing. Absent: all are. */
  readonly fieldsRead?: Readonly<Record<string, readonly string[]>>;
  /** What shapes its state, as plain JSON: keys, windows, aggregates, limits. Hashed into the snapshot's name. */
  readonly stateShape: unknown;
  /** The oldest event, in ms behind the watermark, that any of its windows still accepts: the dedupe horizon's floor. */
  readonly acceptsBehindMs: number;
  /** One task's instance. */
  create(): ProcessorInstance<E>;
}

export interface ProcessorInstance<E> {
  readonly operator: OperatorFunction<StreamBatch<E>, StreamBatch<E>>;
  /** State as plain values, Maps and typed arrays (msgpack). Taken between batches. */
  snapshot(): unknown;
  /** Only before the first batch. */
  restore(state: unknown): void;
  /** Totals since the first entry of the task, e.g. `{ folded, late }`: they are part of the state. */
  counters(): Readonly<Record<string, number>>;
}
