import type { CheckpointStore, SnapshotEntry } from '../checkpoints/store.ts';
import { SourceError } from '../sources/source.ts';
import type { Source, TopicPartition } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Fold, Genesis } from './contract.ts';
import { emptyJudgeState, judge } from './judge.ts';
import type { JudgeState } from './judge.ts';
import { createOrderReader } from './order-log.ts';
import type { LogRecord, OrderReader } from './order-log.ts';
import { ParkError } from './park.ts';
import { decodeSnapshot, noCounters, sha256Hex, snapshotCodec } from './snapshot.ts';
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

/**
 * A live log that is not the one of the snapshot, or ends below it, parks the task. `archived`: the archive of a dead epoch may know
 * less than the snapshot, and an operator has to look at a log as it is.
 */
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
    const isBeyondEnd = bounds.endOffset < entry.orderOffset;
    // Also of a damaged one: its name alone says how far the log went.
    if (isBeyondEnd && log === 'live') {
      await parkUnlessGivenUp(options, entry, `ends at ${bounds.endOffset}`);
      continue;
    }
    const snapshot = await loadWhole(options, entry);
    if (!snapshot) {
      logger.warn({ snapshot: entry.name }, 'snapshot is damaged or unreadable, trying the one before it');
      continue;
    }
    if (isBeyondEnd) return { entry, snapshot };
    if (await isOfThisLog(options, snapshot)) return { entry, snapshot };
    // It has ended before and grown again: its offsets mean other entries now.
    if (log === 'live') await parkUnlessGivenUp(options, entry, 'has other entries than were folded');
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

/** Null also when its content is not what its name says. */
async function loadWhole(options: StartOptions, entry: SnapshotEntry): Promise<TaskSnapshot | null> {
  const bytes = await options.store.load(entry.name);
  const snapshot = bytes && decodeSnapshot(bytes);
  if (!snapshot || snapshot.stateHash !== options.fold.stateHash) return null;
  const isAsNamed = snapshot.shard === entry.shard && BigInt(snapshot.orderOffset) === entry.orderOffset;
  return isAsNamed ? snapshot : null;
}

async function parkUnlessGivenUp(options: StartOptions, entry: SnapshotEntry, how: string): Promise<void> {
  const { endOffset } = await options.orderSource.bounds(options.orderPartition);
  if (entry.epoch < (await lastEpoch(options, endOffset))) return;
  throw new ParkError(
    'log_truncated',
    `the order log ${how}, snapshot ${entry.name} was taken at ${entry.orderOffset}`,
  );
}

/** The epoch that the log is in: snapshots of earlier ones that lie beyond its end are of a past that was given up. −1: nothing has begun. */
async function lastEpoch(options: StartOptions, endOffset: bigint): Promise<number> {
  let state = emptyJudgeState;
  await withReader(options, 0n, async (reader) => {
    for (let offset = 0n; offset < endOffset; offset++)
      state = judge(state, (await readOne(reader, offset)).record).state;
  });
  return state.genesis ? state.epoch : -1;
}

export interface GenesisOptions extends StartOptions {
  readonly createFold: (shard: number) => Pick<Fold, 'snapshot'>;
  readonly judge: typeof judge;
}

/**
 * Where folding begins: at the last genesis of the log behind `found`, or with `found` itself. What lies before a genesis was
 * given up, maybe because its inputs are gone: it is judged and not folded.
 */
export async function fromLastGenesis(
  options: GenesisOptions,
  found: TaskSnapshot | undefined,
): Promise<TaskSnapshot | undefined> {
  const from = BigInt(found?.orderOffset ?? '0');
  const { endOffset } = await options.orderSource.bounds(options.orderPartition);
  let state = found?.judge ?? emptyJudgeState;
  let last: { readonly record: LogRecord; readonly genesis: Genesis; readonly started: JudgeState } | null = null;
  if (from < endOffset)
    await withReader(options, from, async (reader) => {
      for (let offset = from; offset < endOffset; offset++) {
        const record = await readOne(reader, offset);
        const judgement = options.judge(state, record.record);
        state = judgement.state;
        if (judgement.verdict === 'counts' && judgement.kind === 'genesis')
          last = { record, genesis: judgement.genesis, started: state };
      }
    });
  return last ? snapshotOf(options, last) : found;
}

async function snapshotOf(
  options: GenesisOptions,
  at: { readonly record: LogRecord; readonly genesis: Genesis; readonly started: JudgeState },
): Promise<TaskSnapshot> {
  const { pipeline, version, stateHash } = options.fold;
  const { shard } = options;
  const base = at.genesis.base ? await loadBase(options, at.genesis.base) : null;
  return {
    ...{ codec: snapshotCodec, pipeline, version, stateHash, shard },
    orderOffset: (at.record.orderOffset + 1n).toString(),
    lastRecordId: at.record.id,
    judge: { ...at.started, clockMs: Math.max(at.started.clockMs, base?.judge.clockMs ?? 0) },
    fold: base?.fold ?? options.createFold(shard).snapshot(),
    counters: base?.counters ?? noCounters,
  };
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
