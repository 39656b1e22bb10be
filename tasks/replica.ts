import type { RecordBatch } from '../sources/source.ts';
import { snapshotPieceBytes } from './contract.ts';
import type { Fold, FoldEntry, FoldOutput, Genesis, OrderEntry } from './contract.ts';
import type { Failpoint } from './failpoint.ts';
import type { Inputs } from './inputs.ts';
import { emptyJudgeState } from './judge.ts';
import type { Judgement, JudgeState, judge } from './judge.ts';
import type { LogRecord } from './order-log.ts';
import { ParkError } from './park.ts';
import { beginEncoding, noCounters, snapshotCodec, whole } from './snapshot.ts';
import type { Encoding, TaskCounters, TaskSnapshot } from './snapshot.ts';

/**
 * The state machine of a task: judge and fold, moved by nothing but the records of the order log as read back. Owner,
 * follower and the closing of an epoch all move the same one, so they agree at every order offset.
 */
export interface Replica {
  /** Judges the next record of the log and folds it when it counts. Throws a `ParkError` or a retryable error: then drop the replica. */
  apply(logRecord: LogRecord): Promise<Applied>;
  judgeState(): JudgeState;
  fold(): Fold;
  /** The order offset that is applied next. */
  nextOffset(): bigint;
  counters(): TaskCounters;
  /** The state as of `nextOffset()`, in bytes, at once. */
  capture(): Uint8Array;
  /**
   * The same while folding goes on. One at a time: whoever begins, or captures, ends the one before. `pieceBytes`: about so many bytes
   * are packed at a time.
   */
  beginCapture(pieceBytes: number): Encoding;
}

export interface Applied {
  readonly judgement: Judgement;
  readonly outputs: readonly FoldOutput[];
}

export interface ReplicaOptions {
  readonly shard: number;
  readonly createFold: (shard: number) => Fold;
  readonly inputs: Inputs;
  /** The snapshot that a genesis names; throws a `ParkError` when it cannot be had. */
  readonly loadBase: (base: NonNullable<Genesis['base']>) => Promise<TaskSnapshot>;
  readonly failpoint: Failpoint;
  readonly judge: typeof judge;
  /** Folding goes on from here; absent: from the beginning of the log. */
  readonly from?: TaskSnapshot | undefined;
}

export function createReplica(options: ReplicaOptions): Replica {
  const { inputs, shard } = options;
  let fold = options.createFold(shard);
  let state: JudgeState = options.from?.judge ?? emptyJudgeState;
  let counters = options.from?.counters ?? noCounters;
  let nextOffset = BigInt(options.from?.orderOffset ?? '0');
  let lastRecordId = options.from?.lastRecordId ?? '';
  assertSameShards(fold, state.genesis);
  if (options.from) fold.restore(options.from.fold);
  inputs.open(state.positions);

  const restart = async (genesis: Genesis, started: JudgeState): Promise<JudgeState> => {
    const base = genesis.base ? await options.loadBase(genesis.base) : null;
    fold = options.createFold(shard);
    assertSameShards(fold, genesis);
    if (base) fold.restore(base.fold);
    counters = base?.counters ?? noCounters;
    inputs.open(started.positions);
    return { ...started, clockMs: Math.max(started.clockMs, base?.judge.clockMs ?? 0) };
  };
  const foldEntry = async (
    entry: OrderEntry,
    orderOffset: bigint,
    hasSkip: boolean,
    next: JudgeState,
  ): Promise<readonly FoldOutput[]> => {
    for (const [partition, start] of entry.joins ?? []) inputs.move(partition, BigInt(start));
    for (const [partition, , to] of entry.skips ?? []) inputs.move(partition, BigInt(to));
    const batches = await inputs.take(entry.ranges);
    const outputs = foldOrPark(fold, toFoldEntry(entry.id, orderOffset, batches, hasSkip, next));
    const read = entry.ranges.reduce((sum, [, , , count]) => sum + count, 0);
    counters = { ...counters, entries: counters.entries + 1, records: counters.records + read };
    await options.failpoint('after-fold');
    return outputs;
  };
  const beginCapture = (pieceBytes: number): Encoding => {
    const { pipeline, version, stateHash } = fold;
    const orderOffset = nextOffset.toString();
    const at = { codec: snapshotCodec, pipeline, version, stateHash, shard, orderOffset, lastRecordId };
    const begun = fold.beginSnapshot?.(pieceBytes) ?? null;
    return beginEncoding({ ...at, judge: state, fold: begun ? begun.head : fold.snapshot(), counters }, begun);
  };

  return {
    async apply({ orderOffset, id, record }) {
      if (orderOffset !== nextOffset)
        throw new ParkError('log_broken', `order offset ${orderOffset} read, ${nextOffset} expected`);
      const judgement = options.judge(state, record);
      let next = judgement.state;
      let outputs: readonly FoldOutput[] = [];
      if (judgement.verdict === 'ignored') counters = { ...counters, ignored: counters.ignored + 1 };
      else if (judgement.kind === 'genesis') next = await restart(judgement.genesis, next);
      else if (judgement.kind === 'entry' && record?.kind === 'entry')
        outputs = await foldEntry(record, orderOffset, judgement.hasSkip, next);
      state = next;
      nextOffset = orderOffset + 1n;
      lastRecordId = id;
      return { judgement: { ...judgement, state }, outputs };
    },
    judgeState: () => state,
    fold: () => fold,
    nextOffset: () => nextOffset,
    counters: () => counters,
    capture: () => whole(beginCapture(snapshotPieceBytes)),
    beginCapture,
  };
}

/** Dealt out to another number of tasks, the partitions of this log would be folded twice, or not at all. */
function assertSameShards({ version, shards = 1 }: Fold, genesis: Genesis | null): void {
  const began = genesis?.shards ?? 1;
  if (genesis && began !== shards)
    throw new ParkError(
      'shards_changed',
      `version ${version} began with ${began} shards, and is to run with ${shards}`,
    );
}

function toFoldEntry(
  entryId: string,
  orderOffset: bigint,
  batches: readonly RecordBatch[],
  hasSkip: boolean,
  state: JudgeState,
): FoldEntry {
  const { epoch, clockMs, idle } = state;
  return {
    orderOffset,
    epoch,
    entryId,
    clockMs,
    batches,
    idle,
    partitions: Object.keys(state.positions).sort(),
    hasSkip,
  };
}

function foldOrPark(fold: Fold, entry: FoldEntry): readonly FoldOutput[] {
  try {
    return fold.fold(entry);
  } catch (error) {
    const topics = [...new Set(entry.batches.map((batch) => batch.topic))].join(', ');
    throw new ParkError(
      'fold_failed',
      `the fold threw at order offset ${entry.orderOffset} (reading ${topics || 'nothing'})`,
      error,
    );
  }
}
