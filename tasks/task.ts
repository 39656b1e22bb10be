import { type Committer, createCommitter } from './committer.ts';
import type { Fold } from './contract.ts';
import { noFailpoint } from './failpoint.ts';
import type { TaskServiceOptions, TaskTuning } from './options.ts';
import { operatorSpoke } from './operator.ts';
import { ParkError, isRetryable, parkCodeOf } from './park.ts';
import type { ParkCode } from './park.ts';
import { createPatience, type Patience } from './patience.ts';
import { runTerm } from './term.ts';
import type { TermControl } from './owner.ts';
import type { TermView } from './term.ts';
import type { TaskMetrics } from './task-metrics.ts';
import { createWake } from './wake.ts';
import type { Wake } from './wake.ts';

/** What one shard is doing. `standing_by`: another one owns it; `retrying`: something that passes by itself; `superseded`: another version took over. */
export type TaskState =
  | 'unassigned'
  | 'catching_up'
  | 'claiming'
  | 'owner'
  | 'standing_by'
  | 'retrying'
  | 'parked'
  | 'superseded'
  | 'stopped';

export interface ParkedBecause {
  readonly code: ParkCode;
  readonly message: string;
  /** What an operator does. */
  readonly command: string;
}

/** One shard, for as long as the service runs: terms of ownership, and what lies between them. */
export interface Task {
  /** Told by the membership. Losing it stops the appending; nothing else has to happen in time. */
  setAssigned(isAssigned: boolean): void;
  /** Finishes the term, bounded by `drainMs`, then stops for good. */
  drain(): Promise<void>;
  state(): TaskState;
  parkedBecause(): ParkedBecause | null;
  /** Why it retries, or null. */
  trouble(): string | null;
  view(): TermView | null;
  /** From the last time that the task was assigned to the first new result acknowledged; null: not yet, or never. */
  takeoverMs(): number | null;
}

export interface TaskOptions {
  readonly service: TaskServiceOptions;
  readonly tuning: TaskTuning;
  readonly shard: number;
  readonly identity: Fold;
  readonly metrics: TaskMetrics;
}

const retryFirstMs = 500;
const retryMaxMs = 30_000;
/** Pause of a parked task between two looks at its order log. */
const operatorLookMs = 2_000;

export function createTask(options: TaskOptions): Task {
  return new ShardTask(options);
}

class ShardTask implements Task {
  readonly #options: TaskOptions;
  readonly #wake: Wake;
  readonly #committer: Committer;
  readonly #running: Promise<void>;
  readonly #patience: Patience;
  readonly #writerId: string;
  #ids = 0;
  #isAssigned = false;
  #assignedMs = -Infinity;
  #takeoverMs: number | null = null;
  #isDraining = false;
  #isStopped = false;
  #state: TaskState = 'unassigned';
  #parked: ParkedBecause | null = null;
  #trouble: string | null = null;
  #isBaseDoubted = false;
  #view: TermView | null = null;
  /** While parked: how far the order log was looked through; before, its end when the term began. An operator may be faster than the parking. */
  #logEnd: bigint | null = null;

  constructor(options: TaskOptions) {
    const { clock, random } = options.service;
    this.#options = options;
    this.#wake = createWake(clock);
    this.#patience = createPatience(clock);
    this.#committer = createCommitter(options, () => this.#wake.wake());
    this.#writerId = Array.from({ length: 4 }, () => hex32(random())).join('');
    this.#running = this.#run();
  }

  state(): TaskState {
    return this.#state;
  }
  parkedBecause(): ParkedBecause | null {
    return this.#parked;
  }
  trouble(): string | null {
    return this.#trouble;
  }
  view(): TermView | null {
    return this.#view;
  }
  takeoverMs(): number | null {
    return this.#takeoverMs;
  }

  setAssigned(isAssigned: boolean): void {
    if (isAssigned && !this.#isAssigned)
      [this.#assignedMs, this.#takeoverMs] = [this.#options.service.clock.nowMs(), null];
    this.#isAssigned = isAssigned;
    this.#wake.wake();
  }

  async drain(): Promise<void> {
    this.#isDraining = true;
    this.#wake.wake();
    const overdue = this.#options.service.clock.sleep(this.#options.tuning.drainMs);
    await Promise.race([this.#running, overdue]);
    this.#isStopped = true;
    this.#wake.wake();
  }

  async #run(): Promise<void> {
    let retryMs = retryFirstMs;
    while (!this.#isDraining && !this.#isStopped) {
      if (this.#parked && !(await this.#toldToGoOn())) continue;
      const isIdle = !this.#isAssigned && !this.#options.tuning.isStandby;
      if (isIdle || this.#state === 'superseded') {
        if (!this.#isAssigned) this.#state = 'unassigned';
        await this.#wake.wait(60_000);
        continue;
      }
      try {
        await this.#oneTerm();
        this.#trouble = null;
        this.#isBaseDoubted = false;
        retryMs = retryFirstMs;
      } catch (error) {
        if (this.#isStopped) break;
        await this.#onError(error, retryMs);
        retryMs = Math.min(retryMaxMs, retryMs * 2);
      }
    }
    if (!this.#parked) this.#state = 'stopped';
  }

  async #oneTerm(): Promise<void> {
    const { service, tuning, shard, metrics, identity } = this.#options;
    await (service.failpoint ?? noFailpoint)('in-assign');
    let wasAssigned = false;
    const isAssigned = (): boolean => {
      wasAssigned ||= this.#isAssigned;
      return this.#isAssigned;
    };
    const control: TermControl = {
      isAssigned,
      isStopped: () => this.#isStopped || (!isAssigned() && wasAssigned),
      isDraining: () => this.#isDraining,
    };
    const running = runTerm({
      ...{ service, tuning, shard, identity, metrics, control },
      wake: this.#wake,
      newId: () => `${this.#writerId}.${(this.#ids++).toString(36)}`,
      commit: (view, nowMs) => this.#committer.tick(view, nowMs),
      commitLast: (view) => this.#committer.now(view),
      onLogEnd: (endOffset) => (this.#logEnd = endOffset),
      onOpen: (view) => (this.#view = view),
      onPhase: (phase) => (this.#state = phase),
      onOwned: () => {
        this.#state = 'owner';
        this.#patience.renew();
      },
      assignedMs: () => this.#assignedMs,
      onTakenOver: (ms) => {
        this.#takeoverMs = ms;
        metrics.takenOver(ms);
      },
    });
    const end = await running.finally(() => {
      // What the term has taken in, an operator's word too, did not help it.
      const reached = this.#view?.replica.nextOffset() ?? 0n;
      if (reached > (this.#logEnd ?? 0n)) this.#logEnd = reached;
      this.#view = null;
    });
    metrics.termEnded(end);
    if (end === 'ended') {
      service.logger.info({ shard }, 'another version of the pipeline has taken over');
      this.#state = 'superseded';
    }
    if (end !== 'deposed' && end !== 'claim_lost') return;
    service.logger.info({ shard, end }, 'another instance owns the task');
    await this.#standBy();
  }

  /** After losing the shard while it is still assigned to us. */
  async #standBy(): Promise<void> {
    const { service, tuning } = this.#options;
    this.#state = 'standing_by';
    if (service.membership.kind === 'group') await this.#pause(tuning.reclaimMaxMs * (0.2 + 0.8 * service.random()));
    else await waitForSilence(this.#options, (ms) => this.#pause(ms));
  }

  async #onError(error: unknown, retryMs: number): Promise<void> {
    const { service, shard, metrics } = this.#options;
    const message = error instanceof Error ? error.message : String(error);
    if (!this.#isAssigned) return this.#standbyFailed(error, retryMs);
    if (error instanceof ParkError && !this.#mayHaveMoved(error)) return this.#park(error);
    if (!(error instanceof ParkError) && !isRetryable(error) && !this.#patience.bears(error))
      return this.#park(new ParkError(parkCodeOf(error, 'internal'), message, error));
    this.#trouble = message;
    this.#state = 'retrying';
    metrics.termEnded('retry');
    service.logger.warn({ shard, err: error, retryMs }, 'task starts again');
    await this.#pause(retryMs);
  }

  /** Whatever it is, its owner finds out: a standby only begins again. */
  async #standbyFailed(error: unknown, retryMs: number): Promise<void> {
    const { service, shard } = this.#options;
    this.#state = 'unassigned';
    service.logger.debug({ shard, err: error, retryMs }, 'standby begins again');
    const untilMs = service.clock.nowMs() + retryMs;
    while (!this.#isAssigned && !this.#isDraining && !this.#isStopped && service.clock.nowMs() < untilMs)
      await this.#wake.wait(untilMs - service.clock.nowMs());
  }

  /** The store may have let the base go for newer snapshots while this term was looking for one: worth one more look. */
  #mayHaveMoved({ code }: ParkError): boolean {
    if (code !== 'base_missing' || this.#isBaseDoubted) return false;
    this.#isBaseDoubted = true;
    return true;
  }

  #park(error: ParkError): void {
    const { service, shard, metrics } = this.#options;
    const { code, message, command } = error;
    this.#parked = { code, message, command };
    this.#state = 'parked';
    metrics.parked(shard, true);
    metrics.termEnded(code);
    service.logger.error({ shard, code, err: error }, `task parked: ${message}. What to do: ${command}`);
  }

  /** A parked task looks whether an operator has written to its order log: a new epoch, or an accepted gap. */
  async #toldToGoOn(): Promise<boolean> {
    const { service, shard, metrics } = this.#options;
    const isTold = await operatorSpoke({
      ...{ ...service, shard, from: this.#logEnd },
      isOwn: (id) => id.startsWith(`${this.#writerId}.`),
      to: (end) => (this.#logEnd = end),
    });
    if (!isTold) {
      await this.#wake.wait(operatorLookMs);
      return false;
    }
    this.#parked = null;
    metrics.parked(shard, false);
    service.logger.info({ shard }, 'an operator has told the task to go on');
    return true;
  }

  /** False as soon as the task has something else to do than to wait. */
  async #pause(ms: number): Promise<boolean> {
    const { clock } = this.#options.service;
    const untilMs = clock.nowMs() + ms;
    const goesOn = (): boolean => this.#isAssigned && !this.#isDraining && !this.#isStopped;
    while (goesOn() && clock.nowMs() < untilMs) await this.#wake.wait(untilMs - clock.nowMs());
    return goesOn();
  }
}

const hex32 = (random: number): string =>
  Math.floor(random * 2 ** 32)
    .toString(16)
    .padStart(8, '0');

/** A deposed solo owner claims again only after the log was silent for long: the new owner's heartbeats keep it away. */
async function waitForSilence(
  { service, tuning, shard }: TaskOptions,
  pause: (ms: number) => Promise<boolean>,
): Promise<void> {
  const { clock, order, random, orderTopic } = service;
  const silenceMs = tuning.ownerSilenceMs * (1 + 0.5 * random());
  let lastEnd = -1n;
  let sinceMs = clock.nowMs();
  do {
    const bounds = await order.bounds({ topic: orderTopic, partition: shard }).catch(() => null);
    const nowMs = clock.nowMs();
    if (!bounds || bounds.endOffset !== lastEnd) [lastEnd, sinceMs] = [bounds?.endOffset ?? -1n, nowMs];
    else if (nowMs - sinceMs >= silenceMs) return;
  } while (await pause(Math.min(500, tuning.ownerSilenceMs / 10)));
}
