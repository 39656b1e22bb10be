import { SourceError } from '../sources/source.ts';
import type { Source, TopicPartitionName } from '../sources/source.ts';
import { parseTopicPartition } from '../sources/source.ts';
import type { Fold, Genesis } from './contract.ts';
import type { Failpoint } from './failpoint.ts';
import { firstMissing, readNext } from './archived-log.ts';
import type { ArchivedLog } from './archived-log.ts';
import { createInputs } from './inputs.ts';
import { judge } from './judge.ts';
import { createOrderReader } from './order-log.ts';
import type { Outputs } from './outputs.ts';
import { ParkError } from './park.ts';
import { createReplica } from './replica.ts';
import type { Replica } from './replica.ts';
import { isOfThisLog, loadBase, newestValid } from './start.ts';
import type { Found, StartOptions } from './start.ts';

/** What a new epoch starts from, and what is known to be lost before it. */
export interface EpochStart {
  readonly base: Genesis['base'];
  readonly clockMs: number;
  readonly positions: Readonly<Record<TopicPartitionName, string>>;
  readonly gap?: string;
}

export interface CloseOptions extends Omit<StartOptions, 'orderSource'> {
  /** The highest epoch seen in snapshots or archive. */
  readonly previousEpoch: number;
  /** Order log and inputs of a dead epoch; absent: snapshots alone. */
  readonly archive?: ((epoch: number) => Source) | undefined;
  readonly createFold: (shard: number) => Fold;
  readonly outputs: Outputs;
  readonly failpoint: Failpoint;
  readonly queueBytesMax: number;
}

/**
 * Closes what came before a fresh log: folds the archived order log of the last epoch, from its newest snapshot, as far as
 * its ranges are archived, and produces the outputs again (the same identities and revisions). Once they are acknowledged
 * the snapshot that the new genesis names is saved. What lies beyond is a gap.
 */
export async function closePreviousEpoch(options: CloseOptions): Promise<EpochStart> {
  const { pipeline, version } = options.fold;
  const listed = await options.store.list({ pipeline, version, shard: options.shard });
  const epochs = new Set([options.previousEpoch, ...listed.map((entry) => entry.epoch)]);
  const gaps: string[] = [];
  for (const epoch of [...epochs].filter((e) => e <= options.previousEpoch).sort((a, b) => b - a)) {
    const source = options.archive?.(epoch) ?? emptySource;
    try {
      const closed = await closeEpoch(options, epoch, source, gaps);
      if (closed) return gaps.length > 0 ? { ...closed, gap: gaps.join('; ') } : closed;
    } catch (error) {
      if (!(error instanceof ParkError) || error.code === 'fold_failed' || error.code === 'shards_changed') throw error;
      gaps.push(`epoch ${epoch}: ${error.message}`);
    } finally {
      await source.close().catch(() => undefined);
    }
  }
  const nothing = { base: null, clockMs: 0, positions: {} };
  return gaps.length > 0 ? { ...nothing, gap: gaps.join('; ') } : nothing;
}

/** Null when nothing is known of that epoch. */
async function closeEpoch(
  options: CloseOptions,
  epoch: number,
  source: Source,
  gaps: string[],
): Promise<EpochStart | null> {
  const start: StartOptions = { ...options, orderSource: source };
  const found = await newestValid(start, (entry) => entry.epoch === epoch, 'archived');
  const incarnation = found?.snapshot.judge.genesis?.incarnation ?? epoch;
  if (found && incarnation !== epoch) return closeRestored(options, found, incarnation, gaps);
  return closeLog(options, { epoch, source, start, found }, gaps);
}

/** An epoch that was opened in the log of an earlier one: it is archived there. */
async function closeRestored(
  options: CloseOptions,
  found: Found,
  epoch: number,
  gaps: string[],
): Promise<EpochStart | null> {
  const source = options.archive?.(epoch) ?? emptySource;
  const start: StartOptions = { ...options, orderSource: source };
  try {
    const { endOffset } = await source.bounds(options.orderPartition);
    const isAhead = endOffset < found.entry.orderOffset;
    if (!isAhead && !(await isOfThisLog(start, found.snapshot))) return null;
    return await closeLog(options, { epoch, source, start, found }, gaps);
  } finally {
    await source.close().catch(() => undefined);
  }
}

interface ClosedLog {
  readonly epoch: number;
  readonly source: Source;
  readonly start: StartOptions;
  readonly found: Found | null;
}

async function closeLog(
  options: CloseOptions,
  { epoch, source, start, found }: ClosedLog,
  gaps: string[],
): Promise<EpochStart | null> {
  const { lowOffset, endOffset } = await source.bounds(options.orderPartition);
  if (!found && endOffset === 0n) return null;
  if (!found && lowOffset > 0n) throw new ParkError('log_broken', `the archived order log begins at ${lowOffset}`);
  const { clock, queueBytesMax, orderPartition: topicPartition } = options;
  const inputs = createInputs({ source, clock, queueBytesMax, onArrival: () => {} });
  const replica = createReplica({
    ...options,
    judge,
    inputs,
    loadBase: (base) => loadBase(start, base),
    from: found?.snapshot,
  });
  const nextOffset = replica.nextOffset();
  const reader = createOrderReader({ source, topicPartition, nextOffset, clock, onArrival: () => {} });
  try {
    await foldArchived(options, { source, reader, replica, endOffset, epoch, ends: new Map() }, gaps);
  } finally {
    reader.close();
    inputs.close();
  }
  const { genesis, clockMs, positions } = replica.judgeState();
  if (!genesis) return null;
  await noteUnordered(source, positions, epoch, gaps);
  return { base: await saveBase(options, replica, found), clockMs, positions };
}

interface Closing extends ArchivedLog {
  readonly endOffset: bigint;
  readonly epoch: number;
}

/** Folds to the end of the archived log, or to the first entry whose ranges are not all archived. */
async function foldArchived(options: CloseOptions, archived: Closing, gaps: string[]): Promise<void> {
  const { reader, replica, endOffset, epoch } = archived;
  while (replica.nextOffset() < endOffset) {
    const logRecord = await readNext(reader, replica.nextOffset());
    const missing = await firstMissing(archived, logRecord);
    if (missing) {
      gaps.push(`epoch ${epoch}: ${missing} of order offset ${logRecord.orderOffset} is not archived`);
      return;
    }
    try {
      const { outputs } = await replica.apply(logRecord);
      options.outputs.push(logRecord.orderOffset, outputs);
    } catch (error) {
      if (!(error instanceof ParkError) || (error.code !== 'crc_mismatch' && error.code !== 'input_lost')) throw error;
      gaps.push(`epoch ${epoch}: ${error.message}`);
      return;
    }
    while (!options.outputs.hasRoom()) await settle(options);
  }
}

/** Records that were archived but never ordered: no entry says when they were read. */
export async function noteUnordered(
  source: Source,
  positions: EpochStart['positions'],
  epoch: number,
  gaps: string[],
): Promise<void> {
  for (const [partition, position] of Object.entries(positions)) {
    const { endOffset } = await source.bounds(parseTopicPartition(partition));
    const records = endOffset - BigInt(position);
    if (records > 0n) gaps.push(`epoch ${epoch}: ${records} records of ${partition} were never ordered`);
  }
}

async function saveBase(options: CloseOptions, replica: Replica, found: Found | null): Promise<Genesis['base']> {
  const { epoch } = replica.judgeState();
  const orderOffset = replica.nextOffset();
  if (found && found.entry.orderOffset === orderOffset) return { name: found.entry.name, sha256: found.entry.sha256 };
  const bytes = replica.capture();
  while (options.outputs.pending() > 0) await settle(options);
  const { pipeline, version, stateHash } = options.fold;
  const saved = await options.store.save({ pipeline, version, stateHash, epoch, shard: options.shard, orderOffset }, [
    bytes,
  ]);
  return { name: saved.name, sha256: saved.sha256 };
}

/** Waits a little for acknowledgements. */
async function settle(options: CloseOptions): Promise<void> {
  const failure = options.outputs.failure();
  if (failure) throw failure;
  await options.clock.sleep(5);
}

/** Without an archive nothing of a dead epoch can be read. */
const emptySource: Source = {
  read: () => {
    throw new SourceError('topic_missing', 'there is no archive');
  },
  wait: () => Promise.resolve(false),
  bounds: () => Promise.resolve({ lowOffset: 0n, endOffset: 0n }),
  partitionCount: () => Promise.resolve(0),
  close: () => Promise.resolve(),
};
