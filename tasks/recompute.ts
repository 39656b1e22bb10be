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
import type { Replica } from './replica.ts';
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
  /** Handed what each order record makes, with the clock as of then. */
  readonly onOutputs: (outputs: readonly FoldOutput[], clockMs: number) => void | Promise<void>;
  /** What goes on after the last epoch starts from its state at that place, or at its end; given as `last`. */
  readonly following?: Place | 'end';
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
  /** See `following`; null: not asked for, or not reached. */
  readonly last: Carried | null;
}

/** The state of a task at a place of its log. */
export interface Carried {
  readonly epoch: number;
  readonly orderOffset: bigint;
  readonly snapshot: TaskSnapshot;
  readonly bytes: Uint8Array;
}

/** Where a snapshot was taken. */
export interface Place {
  readonly epoch: number;
  readonly orderOffset: bigint;
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
    const wanted = followedBy === undefined ? (options.following ?? null) : await basePlaceOf(options, followedBy);
    const until = wanted === 'end' ? wanted : wanted?.epoch === epoch ? wanted.orderOffset : null;
    try {
      carried = await recomputeEpoch(options, { epoch, until, carried, gaps, totals, reached });
    } catch (error) {
      if (!(error instanceof ParkError)) throw error;
      gaps.push(`epoch ${epoch}: ${error.message}`);
      carried = null;
    }
  }
  return { ...totals, gaps, reached, last: carried };
}

interface EpochWork {
  readonly epoch: number;
  /** The state as of this order offset is what the next epoch starts from. */
  readonly until: bigint | 'end' | null;
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
  const restored = await carrying(options, source);
  const replica = createReplica({
    ...{ shard: options.shard, createFold: options.createFold, inputs, judge, failpoint: noFailpoint },
    loadBase: (base) => {
      const place = options.placeOf(base);
      const { carried } = work;
      const isCarried = place && carried?.epoch === place.epoch && carried.orderOffset === place.orderOffset;
      if (isCarried) return Promise.resolve(carried.snapshot);
      const own = restored.find(place);
      return own ? Promise.resolve(own) : options.loadBase(base);
    },
  });
  const reader = createOrderReader({ source, topicPartition, nextOffset: 0n, clock, onArrival: () => {} });
  try {
    return await foldAll(options, work, { source, reader, replica, restored, ends: new Map() }, endOffset);
  } finally {
    reader.close();
    inputs.close();
    await source.close().catch(() => undefined);
  }
}

async function foldAll(
  options: RecomputeOptions,
  { epoch, until, gaps, totals, reached }: EpochWork,
  log: ArchivedLog & { readonly restored: Carrying },
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
    await options.onOutputs(outputs, replica.judgeState().clockMs);
    log.restored.observe(replica);
    reached.set(epoch, replica.nextOffset());
    if (replica.nextOffset() === until) carried = carry(replica.capture(), epoch, until);
  }
  return until === 'end' ? carry(replica.capture(), replica.judgeState().epoch, replica.nextOffset()) : carried;
}

/** Null when the bytes are of another codec. */
export function carry(bytes: Uint8Array, epoch: number, orderOffset: bigint): Carried | null {
  const snapshot = decodeSnapshot(bytes);
  return snapshot && { epoch, orderOffset, snapshot, bytes };
}

/** Where the snapshot was taken that an epoch starts from, by the first genesis in its log. */
async function basePlaceOf(options: RecomputeOptions, epoch: number): Promise<Place | null> {
  const source = options.archive(epoch);
  try {
    return (await genesisBases(options, source))[0] ?? null;
  } finally {
    await source.close().catch(() => undefined);
  }
}

/** States at the places of one log that its own later epochs start from (`restore`): made again on the way. */
export interface Carrying {
  /** What the log's first genesis starts from; null: nothing. */
  readonly first: Place | null;
  /** To be called after each record. */
  observe(replica: Replica): void;
  find(place: Place | null): TaskSnapshot | undefined;
}

export async function carrying(options: BasesOptions, source: Source): Promise<Carrying> {
  const places = await genesisBases(options, source);
  const wanted = new Set(places.map((place) => (place ? keyOf(place) : '')));
  const kept = new Map<string, TaskSnapshot>();
  return {
    first: places[0] ?? null,
    observe(replica) {
      const place = keyOf({ epoch: replica.judgeState().epoch, orderOffset: replica.nextOffset() });
      const snapshot = wanted.has(place) ? decodeSnapshot(replica.capture()) : null;
      if (snapshot) kept.set(place, snapshot);
    },
    find: (place) => (place ? kept.get(keyOf(place)) : undefined),
  };
}

const keyOf = ({ epoch, orderOffset }: Place): string => `${epoch}/${orderOffset}`;

type BasesOptions = Pick<RecomputeOptions, 'orderPartition' | 'clock' | 'placeOf'>;

/** Where the snapshots were taken that the epochs of a log start from, in their order; null: from nothing. */
async function genesisBases(options: BasesOptions, source: Source): Promise<readonly (Place | null)[]> {
  const { endOffset } = await source.bounds(options.orderPartition);
  const { clock, orderPartition: topicPartition } = options;
  const reader = createOrderReader({ source, topicPartition, nextOffset: 0n, clock, onArrival: () => {} });
  const places: (Place | null)[] = [];
  try {
    for (let offset = 0n; offset < endOffset; offset++) {
      const { record } = await readNext(reader, offset);
      if (record?.kind === 'claim' && record.genesis)
        places.push(record.genesis.base && options.placeOf(record.genesis.base));
    }
    return places;
  } finally {
    reader.close();
  }
}
