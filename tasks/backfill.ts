import type { Source, TopicPartition } from '../sources/source.ts';
import type { Producer } from '../kafka/contract.ts';
import type { FoldOutput, Genesis, OrderClaim } from './contract.ts';
import { type CloseOptions, type EpochStart, noteUnordered } from './epoch.ts';
import { createInputs } from './inputs.ts';
import { judge } from './judge.ts';
import { createOrderAppender, createOrderReader } from './order-log.ts';
import type { OrderReader } from './order-log.ts';
import { ParkError } from './park.ts';
import {
  type Carried,
  type Carrying,
  type Place,
  type RecomputeOptions,
  type Recomputed,
  carry,
  carrying,
  recompute,
} from './recompute.ts';
import { createReplica } from './replica.ts';
import type { Replica } from './replica.ts';
import type { TaskSnapshot } from './snapshot.ts';

/** The pipeline version that a new one takes over from. */
export interface Predecessor {
  readonly version: number;
  readonly orderTopic: string;
  /** Its order log on this broker; null: this broker is new, all that there is of it is archived. */
  readonly order: Source | null;
  /** The incarnations of its order log that the archive holds and that are no more, oldest first. */
  readonly deadEpochs: readonly number[];
  readonly placeOf: (base: NonNullable<Genesis['base']>) => Place | null;
  /** The archived order log of the version that it was back-filled from itself, when `base` is where that was done; else null. */
  readonly olderLog: (base: NonNullable<Genesis['base']>) => Promise<OlderLog | null>;
  /** What is told to people and webhooks: not told again for what is past. */
  readonly isQuiet: (topic: string) => boolean;
  /** Handed what is not told again. */
  readonly onQuiet: (outputs: readonly FoldOutput[]) => void;
  /** What the new version has to tell at the swap: that an alert of the old one, which it does not hold, is over. */
  readonly endings: (place: SwapPlace) => Promise<readonly FoldOutput[]>;
  /** Called before anything of the new version is published: until the swap, views show the old one. */
  readonly onBegin: () => Promise<void>;
  /** Called once the new version knows everything that the old one told, with its watermark: from there on it is live. */
  readonly onSwap: (watermarkMs: number) => Promise<void>;
}

/** An order log that is ended: archived as a whole. */
export interface OlderLog {
  readonly orderTopic: string;
  /** Its incarnations that the archive holds, oldest first. */
  readonly epochs: readonly number[];
}

/** Where the new version takes over: after every output of the old log's entries. */
export interface SwapPlace {
  readonly shard: number;
  readonly epoch: number;
  readonly orderOffset: bigint;
  readonly clockMs: number;
}

export interface BackfillOptions extends CloseOptions {
  readonly predecessor: Predecessor;
  readonly inputs: Source;
  readonly orderProducer: Producer;
  readonly newId: () => string;
  readonly isStopped: () => boolean;
}

/**
 * Makes the state of a new version from the order log of the old one: the same ranges, clock and idleness, from the first epoch
 * to the newest. Once it is there the old log is ended by a claim; what the old version had ordered up to that claim it still
 * tells, everything after it the new one does. No gap, no overlap, no lock.
 */
export async function backfill(options: BackfillOptions): Promise<EpochStart & { readonly epoch: number }> {
  const { predecessor } = options;
  await predecessor.onBegin();
  const live = predecessor.order && (await livePart(options, predecessor.order));
  const following = live ? (live.restored.first ?? undefined) : 'end';
  const older = olderStates(options);
  const dead = await recomputeLog(options, older, {
    ...{ orderTopic: predecessor.orderTopic, epochs: predecessor.deadEpochs },
    ...(following !== undefined && { following }),
  });
  const end = live ? await takeOver(options, live, { last: dead.last, older }) : dead.last;
  const gaps = [...older.gaps, ...dead.gaps];
  if (!end) return { base: null, clockMs: 0, positions: {}, epoch: 0, ...gapOf(gaps) };
  if (!live) await noteNeverOrdered(options, end, gaps);
  await tellEndings(options, end);
  const base = await saveBase(options, end);
  const fold = options.createFold(options.shard);
  fold.restore(end.snapshot.fold);
  await predecessor.onSwap(fold.watermarkMs());
  const { clockMs, positions, epoch } = end.snapshot.judge;
  return { base, clockMs, positions: live ? positions : {}, epoch: epoch + 1, ...gapOf(gaps) };
}

const gapOf = (gaps: readonly string[]) => (gaps.length > 0 ? { gap: gaps.join('; ') } : {});

/** Nobody goes on in the old log, so what its newest incarnation did not order is lost. */
async function noteNeverOrdered(options: BackfillOptions, { snapshot }: Carried, gaps: string[]): Promise<void> {
  const newest = options.predecessor.deadEpochs.at(-1);
  if (newest === undefined) return;
  const archive = archiveOf(options, newest);
  try {
    await noteUnordered(archive, snapshot.judge.positions, newest, gaps);
  } finally {
    await archive.close().catch(() => undefined);
  }
}

/** The states that versions before the predecessor left to the one after them. */
interface OlderStates {
  readonly gaps: string[];
  find(base: NonNullable<Genesis['base']>): Promise<TaskSnapshot>;
}

/**
 * What a version was back-filled to is the state of a fold of that version: for this one it is made again from the archived log
 * that it was made from, with what comes out of it, and so on back to the first version.
 */
function olderStates(options: BackfillOptions): OlderStates {
  const made = new Map<string, Promise<TaskSnapshot>>();
  const gaps: string[] = [];
  const make = async (name: string, log: OlderLog): Promise<TaskSnapshot> => {
    const { last, gaps: found } = await recomputeLog(options, states, { ...log, following: 'end' });
    gaps.push(...found);
    if (last) return last.snapshot;
    throw new ParkError('base_missing', `${name}: ${log.orderTopic}, which leads to it, is not archived`);
  };
  const states: OlderStates = {
    gaps,
    async find(base) {
      const log = await options.predecessor.olderLog(base);
      if (!log) throw new ParkError('base_missing', `${base.name}: nothing archived leads to it`);
      const known = made.get(base.name) ?? make(base.name, log);
      made.set(base.name, known);
      return known;
    },
  };
  return states;
}

function recomputeLog(
  options: BackfillOptions,
  older: OlderStates,
  log: OlderLog & Pick<RecomputeOptions, 'following'>,
): Promise<Recomputed> {
  return recompute({
    ...options,
    ...{ orderPartition: { topic: log.orderTopic, partition: options.shard }, epochs: log.epochs },
    ...(log.following !== undefined && { following: log.following }),
    archive: (epoch) => archiveOf(options, epoch),
    placeOf: options.predecessor.placeOf,
    loadBase: (base) => older.find(base),
    onOutputs: (outputs) => publish(options, outputs),
    onChanged: ([partition]) => {
      throw new ParkError('crc_mismatch', `${partition} is not archived as it was ordered`);
    },
  });
}

const orderPartitionOf = ({ predecessor, shard }: BackfillOptions): TopicPartition => ({
  topic: predecessor.orderTopic,
  partition: shard,
});

function archiveOf({ archive }: BackfillOptions, epoch: number): Source {
  if (!archive) throw new ParkError('log_broken', 'there is no archive of the version before');
  return archive(epoch);
}

interface LivePart {
  readonly order: Source;
  readonly restored: Carrying;
}

/** Null when the old version never ran on this broker. */
async function livePart(options: BackfillOptions, order: Source): Promise<LivePart | null> {
  const orderPartition = orderPartitionOf(options);
  const { endOffset } = await order.bounds(orderPartition);
  if (endOffset === 0n) return null;
  const { placeOf } = options.predecessor;
  return { order, restored: await carrying({ clock: options.clock, placeOf, orderPartition }, order) };
}

/** Follows the live log, ends it once it is read, and folds up to that end. */
async function takeOver(
  options: BackfillOptions,
  live: LivePart,
  { last, older }: { readonly last: Carried | null; readonly older: OlderStates },
): Promise<Carried> {
  const { clock, queueBytesMax, shard, createFold, failpoint } = options;
  const inputs = createInputs({ source: options.inputs, clock, queueBytesMax, onArrival: () => {} });
  const replica = createReplica({
    ...{ shard, createFold, inputs, judge, failpoint },
    loadBase(base) {
      const place = options.predecessor.placeOf(base);
      const isLast = last !== null && place?.epoch === last.epoch && place.orderOffset === last.orderOffset;
      const snapshot = isLast ? last.snapshot : live.restored.find(place);
      return snapshot ? Promise.resolve(snapshot) : older.find(base);
    },
  });
  const topicPartition = orderPartitionOf(options);
  const reader = createOrderReader({ source: live.order, topicPartition, nextOffset: 0n, clock, onArrival: () => {} });
  try {
    await followToEnd(options, live, { reader, replica });
    const end = carry(replica.capture(), replica.judgeState().epoch, replica.nextOffset());
    if (!end) throw new ParkError('internal', 'a captured state cannot be read');
    return end;
  } finally {
    reader.close();
    inputs.close();
  }
}

const readWaitMs = 500;

async function followToEnd(
  options: BackfillOptions,
  live: LivePart,
  { reader, replica }: { readonly reader: OrderReader; readonly replica: Replica },
): Promise<void> {
  const appender = createOrderAppender(options.orderProducer, orderPartitionOf(options));
  let ending: string | null = null;
  while (replica.judgeState().endedBy === undefined) {
    if (options.isStopped()) throw new StoppedError();
    const logRecord = await reader.next(readWaitMs);
    if (logRecord) {
      const { outputs } = await replica.apply(logRecord);
      live.restored.observe(replica);
      await publish(options, outputs);
      if (logRecord.id === ending) ending = null;
      continue;
    }
    // Read to the end: whoever owns it has nothing in flight that is older than this claim.
    if (ending !== null) continue;
    const { lastClaimId, clockMs } = replica.judgeState();
    const endedBy = options.fold.version;
    const claim: OrderClaim = { kind: 'claim', id: options.newId(), replaces: lastClaimId, clockMs, endedBy };
    ending = claim.id;
    await appender.append(claim);
  }
}

/** Told to stop in the middle: the next start begins again. */
class StoppedError extends Error {
  readonly retryable = true;
}

async function publish(options: BackfillOptions, outputs: readonly FoldOutput[]): Promise<void> {
  const { isQuiet, onQuiet } = options.predecessor;
  onQuiet(outputs.filter(({ topic }) => isQuiet(topic)));
  options.outputs.push(
    0n,
    outputs.filter(({ topic }) => !isQuiet(topic)),
  );
  while (!options.outputs.hasRoom()) await settle(options);
}

/** At a place of its own, behind the last entry: the same when the back-fill is done again. */
async function tellEndings(options: BackfillOptions, { snapshot, epoch, orderOffset }: Carried): Promise<void> {
  const { clockMs } = snapshot.judge;
  options.outputs.push(0n, await options.predecessor.endings({ shard: options.shard, epoch, orderOffset, clockMs }));
}

async function settle({ outputs, clock }: BackfillOptions): Promise<void> {
  const failure = outputs.failure();
  if (failure) throw failure;
  await clock.sleep(5);
}

/** Every output first, then the snapshot that the genesis names; it is kept for good. */
async function saveBase(options: BackfillOptions, { bytes, orderOffset, epoch }: Carried): Promise<Genesis['base']> {
  while (options.outputs.pending() > 0) await settle(options);
  const { pipeline, version, stateHash } = options.fold;
  const label = `${backfillLabel}${options.predecessor.version}`;
  const id = { pipeline, version, stateHash, epoch, shard: options.shard, orderOffset, label };
  const { name, sha256 } = await options.store.save(id, [bytes]);
  return { name, sha256 };
}

const backfillLabel = 'backfill-v';

/** The base of a new version was taken at a place of the old one's log: of its own log it says nothing. */
export const isBackfillBase = (snapshot: { readonly label?: string }): boolean => backfilledFrom(snapshot) !== null;

/** The version that such a base was filled from; null for any other snapshot. */
export function backfilledFrom({ label }: { readonly label?: string }): number | null {
  return label?.startsWith(backfillLabel) ? Number(label.slice(backfillLabel.length)) : null;
}
