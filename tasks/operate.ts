import type { SnapshotEntry } from '../checkpoints/store.ts';
import { parseTopicPartition } from '../sources/source.ts';
import type { TopicPartition } from '../sources/source.ts';
import type { OrderClaim, OrderEntry, OrderRecord } from './contract.ts';
import { emptyJudgeState, judge } from './judge.ts';
import type { Judgement, JudgeState } from './judge.ts';
import type { OrderAppender } from './order-log.ts';
import { decodeSnapshot, sha256Hex } from './snapshot.ts';
import type { TaskSnapshot } from './snapshot.ts';
import { newestValid, readOne, withReader } from './start.ts';
import type { StartOptions } from './start.ts';

/**
 * What a person may tell a task, whether it runs, is parked or is away: records appended to its order log. They count by the
 * judge's rules like anybody's, so no service is asked and no state is touched; a running owner reads them and obeys.
 */
export interface OperateOptions extends StartOptions {
  readonly appender: OrderAppender;
  readonly newId: () => string;
}

/** `unknown`: no such snapshot; `foreign`: of another log, pipeline or state; `unreadable`: its inputs are gone; `raced`: others kept writing; `nothing_runs`: the log is empty. */
export type OperateErrorCode = 'unknown' | 'foreign' | 'unreadable' | 'raced' | 'nothing_runs';

export class OperateError extends Error {
  readonly code: OperateErrorCode;
  constructor(code: OperateErrorCode, message: string) {
    super(message);
    this.name = 'OperateError';
    this.code = code;
  }
}

export interface LogHead {
  readonly state: JudgeState;
  readonly nextOffset: bigint;
}

/** The judge's state at the end of the log, from the newest snapshot on. */
export async function logHead(options: StartOptions): Promise<LogHead> {
  const { endOffset } = await options.orderSource.bounds(options.orderPartition);
  const found = await newestValid(options, (entry) => entry.orderOffset <= endOffset, 'archived');
  let state = found?.snapshot.judge ?? emptyJudgeState;
  const from = BigInt(found?.snapshot.orderOffset ?? '0');
  await withReader(options, from, async (reader) => {
    for (let offset = from; offset < endOffset; offset++)
      state = judge(state, (await readOne(reader, offset)).record).state;
  });
  return { state, nextOffset: endOffset };
}

/** Asks for a snapshot under a label. Whoever owns the task saves it when it reads this back: look for it in the store. */
export async function markSnapshot(options: OperateOptions, label: string, clockMs: number): Promise<void> {
  await options.appender.append({ kind: 'mark', id: options.newId(), clockMs, label });
}

export interface Restored {
  readonly epoch: number;
  readonly starts: Readonly<Record<string, string>>;
}

/** What a restore may do without. */
export interface RestoreTerms {
  /** Inputs that are gone, or whose topic was made anew, are read from the first record held; rows say that some are missing. */
  readonly acceptsGap: boolean;
}

/**
 * Opens a new epoch in the same log, from a snapshot and its positions: everything after it is folded again, and its rows
 * replace those of the epoch before. The snapshot is kept under the label `base-e<epoch>`.
 */
export async function restoreAt(
  options: OperateOptions,
  name: string,
  inputs: Pick<StartOptions['orderSource'], 'bounds'>,
  { acceptsGap }: RestoreTerms = { acceptsGap: false },
): Promise<Restored> {
  const { entry, snapshot, bytes } = await namedSnapshot(options, name);
  const { starts, gaps, isAnew } = await readableStarts(snapshot.judge.positions, inputs);
  if (gaps.length > 0 && !acceptsGap) throw new OperateError('unreadable', gaps.join('; '));
  let epoch = 0;
  await appendCounting(options, async (state) => {
    if (state.genesis && incarnationOf(state) !== incarnationOf(snapshot.judge))
      throw new OperateError('foreign', `${name} was taken of topics that are no more: the broker began anew since`);
    epoch = Math.max(state.epoch, entry.epoch) + 1;
    const { pipeline, version, stateHash } = options.fold;
    const place = { pipeline, version, stateHash, epoch: entry.epoch, shard: options.shard };
    const kept = await options.store.save({ ...place, orderOffset: entry.orderOffset, label: `base-e${epoch}` }, [
      bytes,
    ]);
    // Offsets that were archived once mean other records now.
    const incarnation = isAnew ? epoch : incarnationOf(snapshot.judge);
    const base = { name: kept.name, sha256: sha256Hex(bytes) };
    const { shards, counts } = snapshot.judge.genesis ?? {};
    const genesis = {
      ...{ epoch, incarnation, base, starts },
      ...(shards !== undefined && { shards }),
      ...(counts !== undefined && { counts }),
      ...(gaps.length > 0 && { gap: gaps.join('; ') }),
    };
    const claim: OrderClaim = {
      ...{ kind: 'claim', id: options.newId(), replaces: state.lastClaimId, clockMs: state.clockMs },
      genesis,
    };
    return claim;
  });
  return { epoch, starts };
}

/** Where reading can go on from these positions, and why where it is somewhere else. */
async function readableStarts(
  positions: JudgeState['positions'],
  inputs: Pick<StartOptions['orderSource'], 'bounds'>,
): Promise<{ readonly starts: Restored['starts']; readonly gaps: readonly string[]; readonly isAnew: boolean }> {
  const bounds = new Map<string, { readonly lowOffset: bigint; readonly endOffset: bigint }>();
  for (const name of Object.keys(positions)) bounds.set(name, await inputs.bounds(parseTopicPartition(name)));
  const topicOf = (name: string): string => parseTopicPartition(name).topic;
  const anew = new Set<string>();
  for (const [name, { endOffset }] of bounds) if (BigInt(positions[name] ?? '0') > endOffset) anew.add(topicOf(name));
  const starts: Record<string, string> = { ...positions };
  const gaps: string[] = [];
  for (const [name, { lowOffset, endOffset }] of bounds) {
    const position = positions[name] ?? '0';
    if (BigInt(position) >= lowOffset && !anew.has(topicOf(name))) continue;
    starts[name] = lowOffset.toString();
    gaps.push(
      `${name} would be read from ${position}, and ${lowOffset} to ${endOffset} are held by broker and archive`,
    );
  }
  const isAnew = anew.size > 0;
  return { starts, gaps, isAnew };
}

/** The epoch that its topics began with. */
const incarnationOf = ({ genesis }: JudgeState): number => genesis?.incarnation ?? genesis?.epoch ?? 0;

/** A part of an input that is gone: the task goes on behind it, and windows that began before are marked. */
export interface Gap {
  readonly partition: string;
  readonly from: string;
  readonly to: string;
}

/** Where the log's positions cannot be read on from. `nextReadable` gives the first offset from there on that is held. */
export async function findGaps(
  options: StartOptions,
  nextReadable: (tp: TopicPartition, position: bigint) => Promise<bigint>,
): Promise<readonly Gap[]> {
  return gapsOf((await logHead(options)).state, nextReadable);
}

/** Appends an entry that skips what is gone. Gives what was skipped; empty: nothing was missing, nothing was written. */
export async function acceptGap(
  options: OperateOptions,
  nextReadable: (tp: TopicPartition, position: bigint) => Promise<bigint>,
  why: string,
): Promise<readonly Gap[]> {
  let gaps: readonly Gap[] = [];
  await appendCounting(options, async (state) => {
    if (!state.genesis) throw new OperateError('nothing_runs', 'the order log is empty: the task never ran here');
    gaps = await gapsOf(state, nextReadable);
    if (gaps.length === 0 || state.headId === null) return null;
    const skips = gaps.map(({ partition, from, to }) => [partition, from, to] as const);
    const entry: OrderEntry = {
      ...{ kind: 'entry', id: options.newId(), prev: state.headId, clockMs: state.clockMs, ranges: [] },
      ...{ idle: state.idle, skips, why },
    };
    return entry;
  });
  return gaps;
}

async function gapsOf(
  { positions }: JudgeState,
  nextReadable: (tp: TopicPartition, position: bigint) => Promise<bigint>,
): Promise<readonly Gap[]> {
  const gaps: Gap[] = [];
  for (const [partition, from] of Object.entries(positions)) {
    const to = await nextReadable(parseTopicPartition(partition), BigInt(from));
    if (to > BigInt(from)) gaps.push({ partition, from, to: to.toString() });
  }
  return gaps;
}

async function namedSnapshot(
  options: OperateOptions,
  name: string,
): Promise<{ readonly entry: SnapshotEntry; readonly snapshot: TaskSnapshot; readonly bytes: Uint8Array }> {
  const { store, fold, shard } = options;
  const listed = await store.list({ pipeline: fold.pipeline, version: fold.version, shard });
  const entry = listed.find((one) => one.name === name) ?? listed.find((one) => one.label === name);
  const bytes = entry && (await store.load(entry.name));
  const snapshot = bytes && decodeSnapshot(bytes);
  if (!entry || !bytes || !snapshot)
    throw new OperateError('unknown', `${name} is no whole snapshot of ${fold.pipeline}: \`millrace snapshot list\``);
  if (snapshot.stateHash !== fold.stateHash)
    throw new OperateError('foreign', `${name} holds another form of state than this configuration's ${fold.pipeline}`);
  return { entry, snapshot, bytes };
}

const triesMax = 10;

/** Appends what `make` says for the head of the log, until a record of it counts: an owner that runs is faster sometimes. */
export async function appendCounting(
  options: OperateOptions,
  make: (state: JudgeState) => Promise<OrderRecord | null>,
): Promise<Judgement | null> {
  for (let tries = 0; tries < triesMax; tries++) {
    const head = await logHead(options);
    const record = await make(head.state);
    if (!record) return null;
    await options.appender.append(record);
    const judgement = await judgementOf(options, head, record.id);
    if (judgement.verdict === 'counts') return judgement;
  }
  throw new OperateError('raced', 'the task writes faster than this command: try again');
}

/** Reads on until the record is there. */
function judgementOf(options: StartOptions, { state, nextOffset }: LogHead, id: string): Promise<Judgement> {
  return withReader(options, nextOffset, async (reader) => {
    let at = state;
    for (let offset = nextOffset; ; offset++) {
      const logRecord = await readOne(reader, offset);
      const judgement = judge(at, logRecord.record);
      if (logRecord.id === id) return judgement;
      at = judgement.state;
    }
  });
}
