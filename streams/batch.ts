import type { RecordBatch, TopicPartitionName } from '../sources/source.ts';
import type { FoldOutput } from '../tasks/contract.ts';
import type { Block } from './blocks.ts';
import type { Ending } from './ending.ts';
import type { JsonBytes } from './json-bytes.ts';

/**
 * What flows between the operators of a pipeline: one batch per order entry. A stream's elements are records and
 * watermarks, in-band: here as columns, `watermarkMs[i]` being the task's watermark when record i is judged. So nothing
 * that an operator computes can depend on where one batch ends and the next begins.
 */

/** What the order log says about the batch: the only clock, order and idleness that a fold may use. */
export interface EntryContext {
  readonly orderOffset: bigint;
  readonly epoch: number;
  readonly entryId: string;
  /** The logged clock in ms; never goes back. */
  readonly clockMs: number;
  /** All input partitions of the task as of this entry. */
  readonly partitions: readonly TopicPartitionName[];
  /** Those of them that are logged idle and have no record in this entry. */
  readonly idle: readonly TopicPartitionName[];
  /** True when every input partition of the task is idle. */
  readonly isAllIdle: boolean;
  /** False for entries that only move the clock. */
  readonly hasRecords: boolean;
  /** True when the entry accepts a gap in its inputs. */
  readonly hasSkip: boolean;
}

/** The minimum that streams need of an event. */
export interface TimedEvent {
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly eventTimeMs: number;
  readonly key: string;
  /** Of some lent events: where the id stands, for who needs no string of it. */
  readonly idBytes?: IdBytes | undefined;
  /** Of some lent events: a number that is mostly the same for the same key, for who looks it up; by itself it says nothing. */
  readonly keyHint?: number | undefined;
  /** The same by field. */
  readonly hints?: Readonly<Record<string, number>> | undefined;
}

/** `bytes[idStart, idEnd)`, plain ASCII. Good until the next event is decoded. */
export interface IdBytes {
  readonly bytes: Uint8Array;
  readonly idStart: number;
  readonly idEnd: number;
}

/** A record: an event and where it was read, which is record `index` of `batch` (its bytes are good until the entry is folded). */
export interface StreamRecord<E> {
  readonly event: E;
  readonly batch: RecordBatch;
  readonly index: number;
}

/** As `DeadLetterReason` of `events/results.ts`. */
export type RejectReason = 'undecodable' | 'invalid' | 'unknown_type' | 'future' | 'state_full' | 'failed';

/** A record that leaves the pipeline: to the dead-letter topic, or, of a newer version than known, to quarantine. */
export type Rejected = {
  readonly batch: RecordBatch;
  readonly index: number;
} & (
  | {
      readonly kind: 'dead';
      readonly reason: RejectReason;
      readonly message: string;
      readonly fieldPath: string | null;
      readonly source: string | null;
      /** Set where the record had passed as new: its id is forgotten, so that it may be driven again. */
      readonly event?: TimedEvent;
    }
  | {
      readonly kind: 'quarantined';
      readonly eventType: string;
      readonly eventVersion: number;
      readonly newestKnownVersion: number;
    }
);

/** An output of the fold before it has its position: `body` is a result of `events/results.ts` without `pipeline`, `version`, `revision` and `producer`. */
export interface Output {
  readonly topic: string;
  /** Decides the partition: results of one key keep their order. */
  readonly key: string;
  /** Where it is not the key that decides. */
  readonly partition?: number;
  /** At most one output per topic and identity leaves an entry: the last. */
  readonly identity: string;
  /** No other output of the entry has its topic and identity. */
  readonly isOnly?: boolean;
  readonly body: object;
  /** Where the processor writes it itself, as bytes: exactly what `JSON.stringify(body)` gives. Then `body` is for tests and people. */
  writeBody?(into: JsonBytes): void;
  /** Or where it can be written at any time after its entry: what is sent, written when its bytes are asked for. Null: it is to be written now. */
  stampLater?(ending: Ending, index: number): FoldOutput | null;
  /** Or where it has written that already: `[start, end)` of a block that it holds for whom it gives the output, with room for `suffixBytes` behind it. */
  readonly written?: Block;
  readonly start?: number;
  readonly end?: number;
}

/** What comes behind a body: its producer's position, mostly some 200 bytes. */
export const suffixBytes = 320;

/** Decoded and valid records in fold order, before time is judged. */
export interface InputBatch<E> {
  readonly entry: EntryContext;
  readonly records: readonly StreamRecord<E>[];
  /** What left so far; operators add, in their order. */
  readonly rejected: readonly Rejected[];
  /** Outputs so far; operators add. */
  readonly outputs: readonly Output[];
}

export interface StreamBatch<E> extends InputBatch<E> {
  /** The task's watermark just before record i (−Infinity before the first). Non-decreasing; as long as `records`. */
  readonly watermarkMs: Float64Array;
  /** The task's watermark after the entry. */
  readonly endWatermarkMs: number;
  /** Windows that end at or before this may be published as final: the watermark, or further by a tick. Lateness is judged by the watermark only. */
  readonly publishUpToMs: number;
  /** Windows that began before this event time may lack records that an accepted gap hides; −Infinity when none does. */
  readonly incompleteBeforeMs: number;
}

/** A copy is made only where both have something: of a thousand results it would be made for nobody. */
export const appended = <T>(before: readonly T[], after: readonly T[]): readonly T[] => {
  if (after.length === 0) return before;
  return before.length === 0 ? after : [...before, ...after];
};
