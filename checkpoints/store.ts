/**
 * The contract of snapshot stores. A snapshot is whole or absent: `save` is atomic and durable when it resolves, `load`
 * gives exactly the saved bytes (checked by SHA-256) or null, never a part. The store keeps the newest `keep` of a task, and all that have a label.
 */
export interface SnapshotId {
  readonly pipeline: string;
  readonly version: number;
  /** Hash of what shapes state (keys, windows, aggregates, shards, codec): 16 hex digits. */
  readonly stateHash: string;
  readonly epoch: number;
  readonly shard: number;
  /** Everything before this offset of the task's order log is folded. */
  readonly orderOffset: bigint;
  /** A person's name for it: such a snapshot is never let go by the store. */
  readonly label?: string;
}

/** What a person may call a snapshot: 1 to 64 letters, digits, `-` and `_`. */
export const isSnapshotLabel = (label: unknown): label is string =>
  typeof label === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(label);

export interface SnapshotEntry extends SnapshotId {
  /** What a genesis names as its base; unique in the store. */
  readonly name: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly savedAtMs: number;
}

export interface CheckpointStore {
  /** The bytes are the pieces, one behind the other: nothing goes over all of them in one go. They must not change until it is done. */
  save(id: SnapshotId, pieces: readonly Uint8Array[]): Promise<SnapshotEntry>;
  /** The bytes of one snapshot; null when it is missing or its SHA-256 is wrong (reported once to the log). */
  load(name: string): Promise<Uint8Array | null>;
  /** All snapshots of a task whatever their state hash, newest (epoch, order offset) first; damaged ones included. */
  list(task: {
    readonly pipeline: string;
    readonly version: number;
    readonly shard: number;
  }): Promise<readonly SnapshotEntry[]>;
  close(): Promise<void>;
}

/** `full` (retryable): no room, the snapshots before it stay. `unavailable` (retryable): the store does not answer. `not_writable`: it refuses us. */
export type CheckpointErrorCode = 'full' | 'unavailable' | 'not_writable';

export class CheckpointError extends Error {
  readonly code: CheckpointErrorCode;
  readonly retryable: boolean;
  constructor(code: CheckpointErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'CheckpointError';
    this.code = code;
    this.retryable = code !== 'not_writable';
  }
}
