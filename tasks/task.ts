import type { NextOffset } from '../kafka/contract.ts';
import { parseTopicPartition } from '../sources/source.ts';
import type { TopicPartition } from '../sources/source.ts';
import type { Fold } from './contract.ts';
import { noFailpoint } from './failpoint.ts';
import type { TaskServiceOptions, TaskTuning } from './options.ts';
import { ParkError, isRetryable } from './park.ts';
import type { ParkCode } from './park.ts';
import { runTerm } from './term.ts';
import type { TermEnd, TermControl } from './owner.ts';
import type { TermView } from './term.ts';
import type { TaskMetrics } from './task-metrics.ts';
import { createWake } from './wake.ts';

/** What one shard is doing. `standing_by`: another one owns it; `retrying`: something that passes by itself. */
export type TaskState =
  'unassigned' | 'catching_up' | 'claiming' | 'owner' | 'standing_by' | 'retrying' | 'parked' | 'stopped';

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

export function createTask(options: TaskOptions): Task {
  const { service, tuning, shard, metrics } = options;
  const { clock, logger, random } = service;
  const wake = createWake(clock);
  const committer = createCommitter(options);
  let isAssigned = false;
  let isDraining = false;
  let isStopped = false;
  let state: TaskState = 'unassigned';
  let parked: ParkedBecause | null = null;
  let trouble: string | null = null;
  let view: TermView | null = null;
  let counter = 0;
  const writerId = Array.from({ length: 4 }, () =>
    Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, '0'),
  ).join('');
  const newId = (): string => `${writerId}.${(counter++).toString(36)}`;

  const pause = async (ms: number): Promise<void> => {
    const untilMs = clock.nowMs() + ms;
    while (isAssigned && !isDraining && !isStopped && clock.nowMs() < untilMs) await wake.wait(untilMs - clock.nowMs());
  };
  const term = (control: TermControl): Promise<TermEnd> =>
    runTerm({
      ...{ service, tuning, shard, identity: options.identity, metrics, control, wake, newId },
      commit: (at, nowMs) => committer.tick(at, nowMs),
      commitLast: (at) => committer.now(at),
      onOpen: (at) => (view = at),
      onPhase: (phase) => (state = phase),
      onOwned: () => (state = 'owner'),
    });
  const park = (error: ParkError): void => {
    const { code, message, command } = error;
    parked = { code, message, command };
    state = 'parked';
    metrics.parked(shard, true);
    metrics.termEnded(code);
    logger.error({ shard, code, err: error }, `task parked: ${message}. What to do: ${command}`);
  };
  /** After losing the shard while it is still assigned to us. */
  const standBy = async (): Promise<void> => {
    state = 'standing_by';
    if (service.membership.kind === 'group') await pause(tuning.reclaimMaxMs * (0.2 + 0.8 * random()));
    else await waitForSilence(options, pause, () => isAssigned && !isDraining && !isStopped);
  };
  const onError = async (error: unknown, retryMs: number): Promise<void> => {
    if (error instanceof ParkError) return park(error);
    if (!isRetryable(error))
      return park(new ParkError('internal', error instanceof Error ? error.message : String(error), error));
    trouble = error instanceof Error ? error.message : String(error);
    state = 'retrying';
    metrics.termEnded('retry');
    logger.warn({ shard, err: error, retryMs }, 'task starts again');
    await pause(retryMs);
  };
  const run = async (): Promise<void> => {
    let retryMs = retryFirstMs;
    while (!isDraining && !isStopped && !parked) {
      if (!isAssigned) {
        state = 'unassigned';
        await wake.wait(60_000);
        continue;
      }
      await (service.failpoint ?? noFailpoint)('in-assign');
      const control: TermControl = { isStopped: () => isStopped || !isAssigned, isDraining: () => isDraining };
      try {
        const end = await term(control);
        trouble = null;
        retryMs = retryFirstMs;
        metrics.termEnded(end);
        if (end === 'deposed' || end === 'claim_lost') {
          logger.info({ shard, end }, 'another instance owns the task');
          await standBy();
        }
      } catch (error) {
        if (isStopped) break;
        await onError(error, retryMs);
        retryMs = Math.min(retryMaxMs, retryMs * 2);
      } finally {
        view = null;
      }
    }
    if (!parked) state = 'stopped';
  };
  const running = run();

  return {
    setAssigned(assigned) {
      isAssigned = assigned;
      wake.wake();
    },
    async drain() {
      isDraining = true;
      wake.wake();
      const deadline = clock.sleep(tuning.drainMs).then(() => {
        isStopped = true;
        wake.wake();
      });
      await Promise.race([running, deadline]);
      isStopped = true;
    },
    state: () => state,
    parkedBecause: () => parked,
    trouble: () => trouble,
    view: () => view,
  };
}

/** A deposed solo owner claims again only after the log was silent for long: the new owner's heartbeats keep it away. */
async function waitForSilence(
  { service, tuning, shard }: TaskOptions,
  pause: (ms: number) => Promise<void>,
  goesOn: () => boolean,
): Promise<void> {
  const { clock, order, random, orderTopic } = service;
  const silenceMs = tuning.ownerSilenceMs * (1 + 0.5 * random());
  let lastEnd = -1n;
  let sinceMs = clock.nowMs();
  while (goesOn()) {
    const bounds = await order.bounds({ topic: orderTopic, partition: shard }).catch(() => null);
    const nowMs = clock.nowMs();
    if (!bounds || bounds.endOffset !== lastEnd) [lastEnd, sinceMs] = [bounds?.endOffset ?? -1n, nowMs];
    else if (nowMs - sinceMs >= silenceMs) return;
    await pause(Math.min(500, tuning.ownerSilenceMs / 10));
  }
}

/** Commits the folded positions: for Kafka's tools, and for the embedded broker's gate. No fold reads them back. */
function createCommitter({ service, tuning, shard }: TaskOptions) {
  const { membership, logger, orderTopic } = service;
  const commit = service.commit ?? ((offsets: readonly NextOffset[]) => membership.commit(offsets));
  let lastMs = -Infinity;
  let lastOrderOffset = -1n;
  let committing: Promise<void> | null = null;

  const send = async ({ replica }: TermView): Promise<void> => {
    const orderOffset = replica.nextOffset();
    const { positions } = replica.judgeState();
    const toNext = (tp: TopicPartition, nextOffset: bigint): NextOffset => ({ ...tp, nextOffset });
    const inputs = Object.entries(positions).map(([name, at]) => toNext(parseTopicPartition(name), BigInt(at)));
    try {
      await commit([...inputs, { topic: orderTopic, partition: shard, nextOffset: orderOffset }]);
      lastOrderOffset = orderOffset;
    } catch (error) {
      logger.debug({ shard, err: error }, 'positions not committed');
    }
  };
  return {
    tick(view: TermView, nowMs: number): void {
      const isDue = nowMs - lastMs >= tuning.commitEveryMs && view.replica.nextOffset() !== lastOrderOffset;
      if (!isDue || committing) return;
      lastMs = nowMs;
      committing = send(view).finally(() => (committing = null));
    },
    async now(view: TermView): Promise<void> {
      await committing;
      await send(view);
    },
  };
}
