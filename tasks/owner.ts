import type { TopicPartitionName } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { OrderClaim, OrderEntry } from './contract.ts';
import type { Chooser } from './chooser.ts';
import type { Failpoint } from './failpoint.ts';
import type { Idleness } from './idleness.ts';
import type { Inputs } from './inputs.ts';
import type { JudgeState } from './judge.ts';
import type { Keeper } from './keeper.ts';
import type { LogRecord, OrderReader } from './order-log.ts';
import type { Outputs } from './outputs.ts';
import { ParkError, parkCodeOf } from './park.ts';
import type { Newcomers } from './partitions.ts';
import type { Applied, Replica } from './replica.ts';
import type { Wake } from './wake.ts';
import type { Writer } from './writer.ts';

/** Why a term ended: another one claimed, our claim lost the race, told to stop, everything was finished, or another version took over for good. */
export type TermEnd = 'deposed' | 'claim_lost' | 'stopped' | 'drained' | 'ended';

/** What a term is told from outside. */
export interface TermControl {
  isStopped(): boolean;
  isDraining(): boolean;
  /** False while another instance has the task: then a standby follows it. */
  isAssigned(): boolean;
}

export interface OwnerOptions {
  readonly kind: 'group' | 'solo';
  readonly replica: Replica;
  readonly reader: OrderReader;
  readonly inputs: Inputs;
  readonly outputs: Outputs;
  readonly writer: Writer;
  readonly chooser: Chooser;
  readonly idleness: Idleness;
  readonly newcomers: Newcomers;
  readonly keeper: Keeper;
  readonly clock: Clock;
  readonly wake: Wake;
  readonly failpoint: Failpoint;
  readonly control: TermControl;
  readonly newId: () => string;
  /** Commits positions when it is time; never waited for. Gives how long until it will be. */
  readonly commit: (nowMs: number) => number;
  readonly onOwned: () => void;
  readonly onApplied: (logRecord: LogRecord, applied: Applied) => void;
  readonly rhythm: Rhythm;
}

export interface Rhythm {
  /** Shortest time between two entries, unless the last one was half full. */
  readonly entryEveryMs: number;
  /** The same while none is in flight: what gathers meanwhile would only wait. Absent: `entryEveryMs`. */
  readonly entrySoonMs?: number | undefined;
  readonly entryRecordsMax: number;
  /** Entries while everything is silent and windows are open. */
  readonly tickMs: number;
  /** A solo owner appends at least this often. */
  readonly heartbeatMs: number;
  /** Largest difference between the claim's append time and our clock; null: not checked. */
  readonly clockSkewMaxMs: number | null;
  /** A drain orders what the inputs hold first: for an embedded broker, which forgets it. */
  readonly foldsToEndOnDrain: boolean;
}

interface Term {
  phase: 'claiming' | 'owning';
  claimId: string;
  claimSentMs: number;
  lastAppendMs: number;
  wasHalfFull: boolean;
  end: TermEnd | null;
  /** Where the inputs end, asked for once the drain had begun; null: not known yet. */
  drainTo: ReadonlyMap<TopicPartitionName, bigint> | null;
  isAskingEnds: boolean;
}

const checkMs = 250;

/**
 * One term of ownership: claim, read the claim back, then append entries and fold only what is read back. The replica has
 * been brought to the end of the log before. Throws a `ParkError` or a retryable error.
 */
export async function runOwner(options: OwnerOptions, claim: OrderClaim): Promise<TermEnd> {
  const { clock, control, writer } = options;
  const nowMs = clock.nowMs();
  const term: Term = {
    phase: 'claiming',
    claimId: claim.id,
    claimSentMs: nowMs,
    lastAppendMs: nowMs,
    wasHalfFull: false,
    end: null,
    drainTo: null,
    isAskingEnds: false,
  };
  writer.claim(claim);
  for (;;) {
    if (control.isStopped()) return 'stopped';
    await readBack(options, term);
    throwFailures(options);
    if (term.end) return term.end;
    const waitMs = act(options, term);
    if (control.isDraining() && isFinished(options, term)) return 'drained';
    await options.wake.wait(Math.min(checkMs, waitMs));
  }
}

/** Applies what the log holds now, as long as the outputs have room. */
async function readBack(options: OwnerOptions, term: Term): Promise<void> {
  const { reader, replica, outputs, control } = options;
  while (!term.end && !control.isStopped() && outputs.hasRoom()) {
    const logRecord = reader.poll();
    if (!logRecord) return;
    const applied = await replica.apply(logRecord);
    outputs.push(logRecord.orderOffset, applied.outputs);
    options.onApplied(logRecord, applied);
    await observe(options, term, logRecord, applied);
    if (term.phase === 'owning') act(options, term);
  }
}

/** Finds out from a record of the log whether we own it, or no longer do. */
async function observe(options: OwnerOptions, term: Term, logRecord: LogRecord, applied: Applied): Promise<void> {
  const { judgement } = applied;
  const seen = options.writer.observe(logRecord, judgement);
  if (seen === 'own') await options.failpoint('after-read-back');
  const isOurs = logRecord.id === term.claimId;
  if (judgement.verdict === 'counts' && judgement.kind !== 'entry' && !isOurs)
    term.end = term.phase === 'owning' ? 'deposed' : 'claim_lost';
  if (!isOurs || term.phase === 'owning') return;
  if (judgement.verdict === 'ignored') {
    term.end = 'claim_lost';
    return;
  }
  checkClock(options, term, logRecord);
  term.phase = 'owning';
  options.onOwned();
  term.lastAppendMs = options.clock.nowMs();
  await options.failpoint('after-claim');
}

/** The claim was appended between its sending and now: an append time outside of that is a clock that is wrong. */
function checkClock({ clock, rhythm }: OwnerOptions, term: Term, { appendTimeMs }: LogRecord): void {
  if (rhythm.clockSkewMaxMs === null || appendTimeMs === null) return;
  const early = term.claimSentMs - appendTimeMs;
  const late = appendTimeMs - clock.nowMs();
  if (Math.max(early, late) > rhythm.clockSkewMaxMs)
    throw new ParkError('clock_skew', `this machine's clock is ${Math.max(early, late)} ms away from the broker's`);
}

/** Appends what is due and keeps the rhythms; gives how long nothing else will be due. */
function act(options: OwnerOptions, term: Term): number {
  const { clock, keeper, control, rhythm } = options;
  if (term.phase !== 'owning' || term.end) return checkMs;
  const nowMs = clock.nowMs();
  const commitMs = Math.min(keeper.tick(nowMs), options.commit(nowMs));
  if (control.isDraining() && !rhythm.foldsToEndOnDrain) return commitMs;
  return Math.min(commitMs, appendDue(options, term, nowMs));
}

function appendDue(options: OwnerOptions, term: Term, nowMs: number): number {
  const { writer, replica, rhythm, chooser } = options;
  const { entryEveryMs, entrySoonMs = entryEveryMs } = rhythm;
  const everyMs = writer.inFlight() === 0 ? entrySoonMs : entryEveryMs;
  const spacingMs = term.wasHalfFull ? 0 : term.lastAppendMs + everyMs - nowMs;
  if (!writer.canAppend()) return checkMs;
  if (spacingMs > 0) return spacingMs;
  const folded = replica.judgeState();
  const planned = writer.planned(folded);
  const entry = nextEntry(options, term, planned, nowMs);
  if (!entry) return Math.max(1, chooser.waitMs(nowMs));
  writer.append(folded, entry);
  const records = entry.ranges.reduce((sum, [, , , count]) => sum + count, 0);
  term.lastAppendMs = nowMs;
  term.wasHalfFull = records * 2 >= rhythm.entryRecordsMax;
  return entryEveryMs;
}

/** The entry that is due now, or null: records, a join, a change of idleness, a tick, a heartbeat. */
function nextEntry(options: OwnerOptions, term: Term, planned: JudgeState, nowMs: number): OrderEntry | null {
  const { rhythm, chooser, newcomers } = options;
  const prev = planned.headId;
  if (prev === null) return null;
  const ranges = chooser.choose(planned, nowMs);
  const joins = newcomers.joins(planned.positions, nowMs);
  const read = new Set(ranges.map(([partition]) => partition));
  const idle = idlePartitions(options, planned, read, nowMs);
  const sinceMs = nowMs - term.lastAppendMs;
  const isAllIdle = idle.length === Object.keys(planned.positions).length;
  const isDue =
    ranges.length > 0 ||
    joins.length > 0 ||
    idle.join() !== planned.idle.join() ||
    (isAllIdle && sinceMs >= rhythm.tickMs && (options.replica.fold().needsTick?.() ?? true)) ||
    (options.kind === 'solo' && sinceMs >= rhythm.heartbeatMs);
  if (!isDue) return null;
  const clockMs = Math.max(planned.clockMs, nowMs);
  const entry: OrderEntry = { kind: 'entry', id: options.newId(), prev, clockMs, ranges, idle };
  return joins.length > 0 ? { ...entry, joins } : entry;
}

function idlePartitions(
  options: OwnerOptions,
  planned: JudgeState,
  read: ReadonlySet<string>,
  nowMs: number,
): string[] {
  const idle: string[] = [];
  for (const [name, cursor] of options.inputs.all()) {
    const position = planned.positions[name];
    if (position === undefined || read.has(name)) continue;
    if (options.idleness.isIdle(cursor.topicPartition, BigInt(position), cursor.endOffset(), nowMs)) idle.push(name);
  }
  return idle.sort();
}

/** While draining: nothing left to order, nothing in flight. */
function isFinished(options: OwnerOptions, term: Term): boolean {
  const { rhythm, writer, replica } = options;
  const isOwning = term.phase === 'owning';
  if (!rhythm.foldsToEndOnDrain) return !isOwning || writer.inFlight() === 0;
  if (!isOwning || writer.inFlight() > 0) return false;
  if (!term.drainTo) {
    if (!term.isAskingEnds) void askEnds(options, term);
    return false;
  }
  const { positions } = replica.judgeState();
  return [...term.drainTo].every(([name, end]) => end <= BigInt(positions[name] ?? '0'));
}

/** What a cursor last heard of an end may be older than the last record that was acknowledged: the broker is asked. */
async function askEnds({ inputs, wake }: OwnerOptions, term: Term): Promise<void> {
  term.isAskingEnds = true;
  // An end that cannot be told now is asked for again, until the drain's time is over.
  term.drainTo = await inputs.ends().catch(() => null);
  term.isAskingEnds = false;
  if (term.drainTo) wake.wake();
}

/** What went wrong in the background ends the term. */
function throwFailures({ writer, outputs, newcomers, idleness, inputs, replica }: OwnerOptions): void {
  const failure = writer.failure() ?? outputs.failure() ?? newcomers.failure();
  if (failure) throw failure;
  const recreated = idleness.recreated();
  if (recreated)
    throw new ParkError('log_truncated', `${recreated} ends below our position: it was truncated or created anew`);
  for (const [name, cursor] of inputs.all()) {
    const error = cursor.failure();
    if (error && writer.inFlight() === 0 && !cursor.peek(BigInt(replica.judgeState().positions[name] ?? '0'), 1, 1))
      throw new ParkError(
        parkCodeOf(error, 'input_lost'),
        `${name} cannot be read on from ${cursor.position()}: ${error.message}`,
        error,
      );
  }
}
