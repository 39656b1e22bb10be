import type { Source, TopicPartition } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import { firstMissing, readNext } from './archived-log.ts';
import type { ArchivedLog } from './archived-log.ts';
import type { Fold, FoldOutput, Genesis, OrderRange } from './contract.ts';
import { noFailpoint } from './failpoint.ts';
import { createInputs } from './inputs.ts';
import { judge } from './judge.ts';
import { createOrderReader } from './order-log.ts';
import { ParkError } from './park.ts';
import { createReplica } from './replica.ts';
import { decodeSnapshot } from './snapshot.ts';
import type { TaskSnapshot } from './snapshot.ts';

export interface RecomputeOptions {
  readonly createFold: (shard: number) => Fold;
  readonly shard: number;
  readonly orderPartition: TopicPartition;
  /** The incarnations of the topics that the archive holds, oldest first. */
  readonly epochs: readonly number[];
  readonly archive: (epoch: number) => Source;
  /** Where a base snapshot was taken; null when its name says nothing. */
  readonly placeOf: (
    base: NonNullable<Genesis['base']>,
  ) => { readonly epoch: number; readonly orderOffset: bigint } | null;
  /** A base that could not be recomputed, from the store. Throws a `ParkError` when it is gone. */
  readonly loadBase: (base: NonNullable<Genesis['base']>) => Promise<TaskSnapshot>;
  readonly clock: Clock;
  readonly queueBytesMax: number;
  readonly onOutputs: (outputs: readonly FoldOutput[]) => void;
  /** Told of each range whose count or CRC is not what was ordered; folding goes on with what is there. */
  readonly onChanged: (range: OrderRange, epoch: number) => void;
}

export interface Recomputed {
  readonly entries: number;
  readonly records: number;
  /** Why a part could not be folded, for a person. Empty: all that was ever ordered was folded again. */
  readonly gaps: readonly string[];
  /** The order offset of each epoch before which all is folded. */
  readonly reached: ReadonlyMap<number, bigint>;
}

interface Carried {
  readonly epoch: number;
  readonly orderOffset: bigint;
  readonly snapshot: TaskSnapshot;
}

/**
 * Folds a task's archived order logs again, from their first entry, epoch after epoch, and hands out what they make. Nothing
 * is produced or saved. An epoch that starts from a snapshot starts from the state that was just recomputed for it.
 */
export async function recompute(options: RecomputeOptions): Promise<Recomputed> {
  const gaps: string[] = [];
  const totals = { entries: 0, records: 0 };
  const reached = new Map<number, bigint>();
  let carried: Carried | null = null;
  for (const [i, epoch] of options.epochs.entries()) {
    const followedBy = options.epochs[i + 1];
    const wanted: Place | null = followedBy === undefined ? null : await basePlace(options, followedBy);
    const until = wanted?.epoch === epoch ? wanted.orderOffset : null;
    try {
      carried = await recomputeEpoch(options, { epoch, until, carried, gaps, totals, reached });
    } catch (error) {
      if (!(error instanceof ParkError)) throw error;
      gaps.push(`epoch ${epoch}: ${error.message}`);
      carried = null;
    }
  }
  return { ...totals, gaps, reached };
}

type Place = NonNullable<ReturnType<RecomputeOptions['placeOf']>>;

interface EpochWork {
  readonly epoch: number;
  /** The state as of this order offset is what the next epoch starts from. */
  readonly until: bigint | null;
  readonly carried: Carried | null;
  readonly gaps: string[];
  readonly totals: { entries: number; records: number };
  readonly reached: Map<number, bigint>;
}

async function recomputeEpoch(options: RecomputeOptions, work: EpochWork): Promise<Carried | null> {
  const { clock, queueBytesMax, orderPartition: topicPartition } = options;
  const source = options.archive(work.epoch);
  const { lowOffset, endOffset } = await source.bounds(topicPartition);
  if (endOffset > 0n && lowOffset > 0n)
    throw new ParkError('log_broken', `the archived order log begins at ${lowOffset}`);
  const inputs = createInputs({
    source,
    clock,
    queueBytesMax,
    onArrival: () => {},
    onChanged: (range) => options.onChanged(range, work.epoch),
  });
  const replica = createReplica({
    ...{ shard: options.shard, createFold: options.createFold, inputs, judge, failpoint: noFailpoint },
    loadBase: (base) => {
      const place = options.placeOf(base);
      const { carried } = work;
      const isCarried = place && carried?.epoch === place.epoch && carried.orderOffset === place.orderOffset;
      return isCarried ? Promise.resolve(carried.snapshot) : options.loadBase(base);
    },
  });
  const reader = createOrderReader({ source, topicPartition, nextOffset: 0n, clock, onArrival: () => {} });
  try {
    return await foldAll(options, work, { source, reader, replica, ends: new Map() }, endOffset);
  } finally {
    reader.close();
    inputs.close();
    await source.close().catch(() => undefined);
  }
}

async function foldAll(
  options: RecomputeOptions,
  { epoch, until, gaps, totals, reached }: EpochWork,
  log: ArchivedLog,
  endOffset: bigint,
): Promise<Carried | null> {
  const { reader, replica } = log;
  let carried: Carried | null = null;
  while (replica.nextOffset() < endOffset) {
    const logRecord = await readNext(reader, replica.nextOffset());
    const missing = await firstMissing(log, logRecord);
    if (missing) {
      gaps.push(`epoch ${epoch}: ${missing} of order offset ${logRecord.orderOffset} is not archived`);
      break;
    }
    const { judgement, outputs } = await replica.apply(logRecord);
    if (judgement.verdict === 'counts' && logRecord.record?.kind === 'entry') {
      totals.entries += 1;
      totals.records += logRecord.record.ranges.reduce((sum, [, , , count]) => sum + count, 0);
    }
    options.onOutputs(outputs);
    reached.set(epoch, replica.nextOffset());
    if (replica.nextOffset() === until) carried = carry(replica.capture(), epoch, until);
  }
  return carried;
}

function carry(bytes: Uint8Array, epoch: number, orderOffset: bigint): Carried | null {
  const snapshot = decodeSnapshot(bytes);
  return snapshot && { epoch, orderOffset, snapshot };
}

/** Where the snapshot was taken that an epoch starts from, by the first genesis in its log. */
async function basePlace(options: RecomputeOptions, epoch: number): Promise<Place | null> {
  const source = options.archive(epoch);
  const { endOffset } = await source.bounds(options.orderPartition);
  const { clock, orderPartition: topicPartition } = options;
  const reader = createOrderReader({ source, topicPartition, nextOffset: 0n, clock, onArrival: () => {} });
  try {
    for (let offset = 0n; offset < endOffset; offset++) {
      const { record } = await readNext(reader, offset);
      if (record?.kind === 'claim' && record.genesis)
        return record.genesis.base && options.placeOf(record.genesis.base);
    }
    return null;
  } finally {
    reader.close();
    await source.close().catch(() => undefined);
  }
}
