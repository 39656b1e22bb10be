import type { CheckpointStore, SnapshotEntry } from '../checkpoints/store.ts';
import { SourceError } from '../sources/source.ts';
import type { Source, TopicPartition } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Fold, Genesis } from './contract.ts';
import { emptyJudgeState, judge } from './judge.ts';
import { createOrderReader } from './order-log.ts';
import type { LogRecord, OrderReader } from './order-log.ts';
import { ParkError } from './park.ts';
import { decodeSnapshot, sha256Hex } from './snapshot.ts';
import type { TaskSnapshot } from './snapshot.ts';

/** What a task starts from: which of its snapshots belong to the order log that it is about to read. */
export interface StartOptions {
  readonly store: CheckpointStore;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly shard: number;
  /** Names the pipeline, its version and its state hash; not moved. */
  readonly fold: Pick<Fold, 'pipeline' | 'version' | 'stateHash'>;
  readonly orderSource: Source;
  readonly orderPartition: TopicPartition;
}

export interface Found {
  readonly entry: SnapshotEntry;
  readonly snapshot: TaskSnapshot;
}

/** A live log that ends below the snapshot parks the task; the archive of a dead epoch may know less than the snapshot. */
export type LogKind = 'live' | 'archived';

/**
 * The newest valid snapshot among those that `belongs` admits, or null: fold from the genesis. Valid: whole, readable, of
 * this state hash, and the order record before its offset has the id that it stores.
 */
export async function newestValid(
  options: StartOptions,
  belongs: (entry: SnapshotEntry) => boolean,
  log: LogKind,
): Promise<Found | null> {
  const { store, fold, shard, logger } = options;
  const listed = await store.list({ pipeline: fold.pipeline, version: fold.version, shard });
  const own = listed.filter((entry) => entry.stateHash === fold.stateHash && belongs(entry));
  if (own.length === 0) return null;
  const bounds = await options.orderSource.bounds(options.orderPartition);
  for (const entry of own) {
    const snapshot = await loadWhole(options, entry.name);
    if (!snapshot) {
      logger.warn({ snapshot: entry.name }, 'snapshot is damaged or unreadable, trying the one before it');
      continue;
    }
    if (bounds.endOffset < entry.orderOffset) {
      if (log === 'archived') return { entry, snapshot };
      if (entry.epoch < (await firstEpoch(options, bounds.endOffset))) continue;
      throw new ParkError(
        'log_truncated',
        `the order log ends at ${bounds.endOffset}, snapshot ${entry.name} was taken at ${entry.orderOffset}`,
      );
    }
    if (await isOfThisLog(options, snapshot)) return { entry, snapshot };
    logger.warn({ snapshot: entry.name }, 'snapshot belongs to another order log, trying the one before it');
  }
  return null;
}

/** The snapshot that a genesis names. Throws a `ParkError` when it is gone, damaged, or of another pipeline state. */
export async function loadBase(options: StartOptions, base: NonNullable<Genesis['base']>): Promise<TaskSnapshot> {
  const bytes = await options.store.load(base.name);
  if (!bytes || sha256Hex(bytes) !== base.sha256)
    throw new ParkError('base_missing', `snapshot ${base.name}, which the epoch starts from, is missing or damaged`);
  const snapshot = decodeSnapshot(bytes);
  if (!snapshot || snapshot.stateHash !== options.fold.stateHash)
    throw new ParkError(
      'snapshot_unusable',
      `snapshot ${base.name}, which the epoch starts from, is of another release or state`,
    );
  return snapshot;
}

async function loadWhole(options: StartOptions, name: string): Promise<TaskSnapshot | null> {
  const bytes = await options.store.load(name);
  const snapshot = bytes && decodeSnapshot(bytes);
  return snapshot && snapshot.stateHash === options.fold.stateHash ? snapshot : null;
}

/** The epoch that the log began with: snapshots of earlier ones are of a log that is no more. −1: nothing has begun. */
async function firstEpoch(options: StartOptions, endOffset: bigint): Promise<number> {
  let state = emptyJudgeState;
  await withReader(options, 0n, async (reader) => {
    for (let offset = 0n; offset < endOffset && !state.genesis; offset++)
      state = judge(state, (await readOne(reader, offset)).record).state;
  });
  return state.genesis ? state.epoch : -1;
}

/** Looks up the order record just before the snapshot's offset. */
export async function isOfThisLog(options: StartOptions, snapshot: TaskSnapshot): Promise<boolean> {
  const before = BigInt(snapshot.orderOffset) - 1n;
  if (before < 0n) return true;
  const record = await withReader(options, before, (reader) => readOne(reader, before));
  return record.id === snapshot.lastRecordId;
}

/** A reader of the log for one use. */
export async function withReader<T>(
  options: StartOptions,
  nextOffset: bigint,
  use: (reader: OrderReader) => Promise<T>,
): Promise<T> {
  const { orderSource: source, orderPartition: topicPartition, clock } = options;
  const reader = createOrderReader({ source, topicPartition, nextOffset, clock, onArrival: () => {} });
  try {
    return await use(reader);
  } finally {
    reader.close();
  }
}

/** The next record, which must be there. Throws a retryable error when it does not come. */
export async function readOne(reader: OrderReader, orderOffset: bigint): Promise<LogRecord> {
  for (let tries = 0; tries < lookUpTries; tries++) {
    const record = await reader.next(lookUpWaitMs);
    if (record) return record;
  }
  throw new SourceError('unavailable', `the order record at ${orderOffset} cannot be read`);
}

/** One minute in all: a broker that is slow to answer is not a broken log. */
const lookUpTries = 60;
const lookUpWaitMs = 1_000;
