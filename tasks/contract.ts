import type { RecordBatch, TopicPartitionName } from '../sources/source.ts';

/**
 * The order log of a task, as JSON on one partition of `millrace.order.<pipeline>.v<version>`: what the task read next and
 * when. Everyone folds entries only as read back from the log, so state and outputs are a function of (order log, inputs).
 * Offsets are decimal text of bigints.
 */

/** [topic-partition, from, to (exclusive), count, crc]: count catches holes, crc is CRC-32 of the last record's key and value. */
export type OrderRange = readonly [partition: TopicPartitionName, from: string, to: string, count: number, crc: number];

/** An accepted gap: the position moves from `from` to `to` without records. */
export type OrderSkip = readonly [partition: TopicPartitionName, from: string, to: string];

export interface OrderEntry {
  readonly kind: 'entry';
  /** Unique: writer's id and a counter. */
  readonly id: string;
  /** The id of the last counting entry or claim. */
  readonly prev: string;
  readonly clockMs: number;
  readonly ranges: readonly OrderRange[];
  /** All partitions that are idle as of this entry. */
  readonly idle: readonly TopicPartitionName[];
  /** Partitions that join, with their first offset. */
  readonly joins?: readonly (readonly [partition: TopicPartitionName, start: string])[];
  readonly skips?: readonly OrderSkip[];
  readonly why?: string;
}

/** A person's wish for a snapshot as of here, under a name. Moves nothing: the judge ignores it, whoever produces saves. */
export interface OrderMark {
  readonly kind: 'mark';
  readonly id: string;
  readonly clockMs: number;
  /** See `isSnapshotLabel`. */
  readonly label: string;
}

export interface Genesis {
  readonly epoch: number;
  /** The epoch that the topics' incarnation began with; absent: this one. */
  readonly incarnation?: number;
  /** The snapshot that folding restarts from, or null: from nothing. */
  readonly base: { readonly name: string; readonly sha256: string } | null;
  /** Start offset of every input partition. */
  readonly starts: Readonly<Record<TopicPartitionName, string>>;
  /** How many tasks the pipeline's partitions were dealt out to; absent: 1. */
  readonly shards?: number;
  /** With several shards: how many partitions each input had. With more its keys are in others, and so in other shards. */
  readonly counts?: Readonly<Record<string, number>>;
  /** What is known to be lost between the base and this epoch, for a person: the first entry that counts then has `hasSkip`. */
  readonly gap?: string;
}

export interface OrderClaim {
  readonly kind: 'claim';
  readonly id: string;
  /** The claim that it replaces, or null for the first. */
  readonly replaces: string | null;
  readonly clockMs: number;
  /** Present in the first claim and in one that opens a new epoch. */
  readonly genesis?: Genesis;
  /** Which incarnations of its input topics the claimer saw, by topic, where the broker tells. */
  readonly topics?: Readonly<Record<string, string>>;
  /** Ends this log for good: the version that goes on from here. */
  readonly endedBy?: number;
}

export type OrderRecord = OrderEntry | OrderClaim | OrderMark;

/** A counting entry with its records: what is folded. */
export interface FoldEntry {
  readonly orderOffset: bigint;
  readonly epoch: number;
  readonly entryId: string;
  /** The larger of the entry's clock and all before it. */
  readonly clockMs: number;
  /** The entry's ranges in order, each as one or more batches cut to exactly the range. */
  readonly batches: readonly RecordBatch[];
  readonly idle: readonly TopicPartitionName[];
  /** All partitions of the task as of this entry. */
  readonly partitions: readonly TopicPartitionName[];
  /** The entry accepts a gap, or is the first of an epoch that began with one: windows begun before it are not complete. */
  readonly hasSkip: boolean;
}

/** An output ready to be produced: its value already holds its position. */
export interface FoldOutput {
  readonly topic: string;
  readonly key: string;
  /** Absent: the key decides. */
  readonly partition?: number | undefined;
  readonly value: Uint8Array;
  /** Where `value` is made anew each time: it is `[start, end)` of this, for who copies it anyway. */
  readonly block?: Uint8Array;
  readonly start?: number;
  readonly end?: number;
  /** Where the bytes are only made when `value` or one of `block`, `start` and `end` is read: what is held until then. */
  readonly unwrittenBytes?: number;
  /** Whoever is the last to need the output may say so, and reads neither value nor block after that: their memory is written anew. */
  release?(): void;
}

/** A large state: what is small as plain values, the rest packed piece by piece. */
export interface SlicedState {
  readonly head: unknown;
  readonly pieces: readonly Uint8Array[];
}

/** What of a snapshot is packed at a time: a millisecond's work, or two. */
export const snapshotPieceBytes = 262_144;

/** A snapshot that is taken while folding goes on: of the state as it was when it was begun, whatever is folded meanwhile. */
export interface BegunSnapshot {
  /** May share memory with the state: to be packed before the next entry. */
  readonly head: unknown;
  /** Packs the next piece, which takes a millisecond or two; null: that was all. Nobody else holds a piece. */
  next(): Uint8Array | null;
}

/** A pipeline as a task sees it. Pure: no clock, randomness, I/O or Promise. A throw parks the task. */
export interface Fold {
  readonly pipeline: string;
  readonly version: number;
  readonly inputs: readonly string[];
  /** How many tasks the pipeline runs as; absent: 1. A log that was begun with another number is not folded. */
  readonly shards?: number;
  readonly stateHash: string;
  fold(entry: FoldEntry): readonly FoldOutput[];
  snapshot(): unknown;
  restore(state: unknown): void;
  /**
   * For a state too large to be taken between two entries: `snapshot()` is then what comes out of this at once, a `SlicedState`. A piece
   * has about so many bytes. One at a time: the one that was begun before gives nothing any more.
   */
  beginSnapshot?(pieceBytes: number): BegunSnapshot;
  /** Highest event time read from a partition, or −Infinity: the owner catches up the one furthest behind first. */
  partitionTimeMs(partition: TopicPartitionName): number;
  watermarkMs(): number;
  /** False when no tick could publish anything: an all-idle task then stays silent. Absent: always true. */
  needsTick?(): boolean;
  counters(): Readonly<Record<string, number>>;
}
