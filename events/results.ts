/**
 * What millrace puts on its result topics: JSON objects in UTF-8. Every one says which order entry made it, so that a
 * consumer can drop what it has seen and anyone can make it again.
 */

/** Where a result comes from. Positions of one (pipeline, version, shard) are ordered by (epoch, orderOffset, index). */
export interface ProducerPosition {
  readonly pipeline: string;
  readonly version: number;
  readonly shard: number;
  readonly epoch: number;
  /** Decimal text of a bigint. */
  readonly orderOffset: string;
  /** Place among the outputs of that entry, from 0. */
  readonly index: number;
  readonly entryId: string;
}

interface ResultBase {
  /** `epoch << 48 | orderOffset`, decimal text: of two rows of one identity the higher is the newer. */
  readonly revision: string;
  readonly producer: ProducerPosition;
}

/** provisional: open, will change; final: closed; corrected: changed after final; tombstone: this identity no longer exists. */
export type ResultState = 'provisional' | 'final' | 'corrected' | 'tombstone';

/** Identity: (pipeline, version, output, key, windowStartMs). */
export interface WindowResult extends ResultBase {
  readonly kind: 'window';
  readonly pipeline: string;
  readonly version: number;
  /** Which of the pipeline's results, e.g. `country_1m`. */
  readonly output: string;
  readonly key: string;
  /** The window is [windowStartMs, windowEndMs) in event time. */
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly state: ResultState;
  /** 0 when an accepted gap may hide records of this window. */
  readonly complete: 0 | 1;
  /** The task's watermark after the entry. */
  readonly watermarkMs: number;
  /** The logged clock of the entry. */
  readonly clockMs: number;
  /** Aggregates by name; money in minor units. */
  readonly values: Readonly<Record<string, unknown>>;
}

/** A place in an input topic. */
export interface InputPosition {
  readonly topic: string;
  readonly partition: number;
  /** Decimal text of a bigint. */
  readonly inputOffset: string;
  readonly timestampMs: number;
}

/** undecodable: not JSON or not an object; invalid: against its schema; future: beyond the clock guard; state_full: a new key over the limit; failed: the fold threw on it. */
export type DeadLetterReason = 'undecodable' | 'invalid' | 'unknown_type' | 'future' | 'state_full' | 'failed';

/** Identity: (pipeline, version, epoch, input position). */
export interface DeadLetter extends ResultBase {
  readonly kind: 'dead-letter';
  readonly pipeline: string;
  readonly version: number;
  readonly input: InputPosition;
  readonly reason: DeadLetterReason;
  /** For a person: what was wrong and where. Never holds the value itself. */
  readonly message: string;
  /** JSON pointer into the event, or null. */
  readonly fieldPath: string | null;
  /** The event's source when it could be read: whom to tell. */
  readonly source: string | null;
  readonly keyBase64: string | null;
  readonly valueBase64: string | null;
}

/** An event of a newer version than this build knows; kept to be re-driven. Identity as for dead letters. */
export interface Quarantined extends ResultBase {
  readonly kind: 'quarantined';
  readonly pipeline: string;
  readonly version: number;
  readonly input: InputPosition;
  readonly eventType: string;
  readonly eventVersion: number;
  readonly newestKnownVersion: number;
  readonly keyBase64: string | null;
  readonly valueBase64: string | null;
}

/** A record that a window was closed to for good. Identity: (pipeline, version, output, key, windowStartMs, epoch, input position). */
export interface LateRecord extends ResultBase {
  readonly kind: 'late';
  readonly pipeline: string;
  readonly version: number;
  readonly output: string;
  readonly key: string;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly eventId: string;
  readonly source: string;
  readonly eventTimeMs: number;
  /** The watermark that it was judged by. */
  readonly watermarkMs: number;
  /** How far behind the end of its allowed lateness it came: watermark − (window end + allowed lateness). */
  readonly lateByMs: number;
  /** What it alone would have added to the window. */
  readonly wouldAdd: Readonly<Record<string, unknown>>;
  readonly input: InputPosition;
}

export type Result = WindowResult | DeadLetter | Quarantined | LateRecord;

/** `epoch << 48 | orderOffset`. Throws a RangeError beyond 15 bits of epoch or 48 of offset. */
export function revisionOf(epoch: number, orderOffset: bigint): bigint {
  if (epoch < 0 || epoch > 0x7fff || orderOffset < 0n || orderOffset >= 1n << 48n)
    throw new RangeError(`revision out of range: epoch ${epoch}, order offset ${orderOffset}`);
  return (BigInt(epoch) << 48n) | orderOffset;
}
