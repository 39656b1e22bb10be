import type { OperatorFunction } from 'rxjs';
import type { StreamBatch } from '../streams/batch.ts';
import type { RecordSteps } from '../streams/stage.ts';
import type { BegunSnapshot } from '../tasks/contract.ts';

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
  /**
   * Set where it may run as several tasks. `message-key`: all of its state is kept by the message key of its inputs. A function: by these
   * keys of an event, any of which may be another task's; a router then sends each event to the tasks that hold one of them.
   */
  readonly shardedBy?: 'message-key' | ((event: E) => readonly string[]);
  /** Its input is a re-key topic, which so many routers write; `taskOf` says which task a key of its state belongs to. */
  readonly routedBy?: { readonly topic: string; readonly routers: number; readonly taskOf: (key: string) => number };
  /** It is a router: what it makes goes to this topic, which has so many partitions. */
  readonly routesTo?: { readonly topic: string; readonly partitions: number };
  /** How many tasks it runs as; the configuration says so, and it belongs to the version. Absent: 1. */
  readonly shards?: number;
  /**
   * Records of one order entry at most, where each makes much: what an entry makes is garbage before it gets old. Absent: as configured.
   */
  readonly entryRecordsMax?: number;
  /** One task's instance; `owns` says which keys are its own where a router shares them out. */
  create(owns?: (key: string) => boolean): ProcessorInstance<E>;
}

/** Throws a RangeError where so many tasks would tear the processor's state apart: rows would be wrong, not late. */
export function assertShards(
  {
    name,
    shardedBy,
    routedBy,
    timelessInputs = [],
  }: Pick<Processor<never>, 'name' | 'shardedBy' | 'routedBy' | 'timelessInputs'>,
  shards: number,
): void {
  if (shards === 1) return;
  if (shardedBy === undefined)
    throw new RangeError(`${name}: its state is not kept by the message key: it runs as one task, not as ${shards}`);
  if (shardedBy !== 'message-key' && !routedBy)
    throw new RangeError(`${name}: its state is kept by other keys than its messages: ${shards} tasks need a router`);
  if (timelessInputs.length > 0)
    throw new RangeError(`${name}: ${timelessInputs.join(', ')} would reach one of ${shards} tasks alone`);
}

export interface ProcessorInstance<E> {
  readonly operator: OperatorFunction<StreamBatch<E>, StreamBatch<E>>;
  /** Present where the same can be done record by record: then events need not be kept for a whole batch. */
  readonly steps?: RecordSteps<E>;
  /** State as plain values, Maps and typed arrays (msgpack). Taken between batches. */
  snapshot(): unknown;
  /** Only before the first batch. */
  restore(state: unknown): void;
  /** For a large state, which `snapshot` then gives as a `SlicedState`: see `Fold`. Absent: `snapshot` is taken between two entries. */
  beginSnapshot?(pieceBytes: number): BegunSnapshot;
  /** Totals since the first entry of the task, e.g. `{ folded, late }`: they are part of the state. */
  counters(): Readonly<Record<string, number>>;
}
