import type { TopicPartition, TopicPartitionName } from '../sources/source.ts';
import { noFailpoint } from './failpoint.ts';
import { defaultTuning } from './options.ts';
import type { TaskServiceOptions, TaskTuning } from './options.ts';
import { ParkError } from './park.ts';
import { createTask } from './task.ts';
import type { ParkedBecause, Task, TaskState } from './task.ts';
import type { TaskCounters } from './snapshot.ts';
import { createTaskMetrics } from './task-metrics.ts';
import type { TaskMetrics } from './task-metrics.ts';
import { createWatchdog } from './watchdog.ts';
import type { Watchdog } from './watchdog.ts';

/** One shard as seen from outside. */
export interface TaskStatus {
  readonly shard: number;
  readonly state: TaskState;
  readonly parked: ParkedBecause | null;
  readonly trouble: string | null;
  readonly epoch: number;
  readonly orderOffset: string;
  readonly inputs: Readonly<Record<TopicPartitionName, InputStatus>>;
  readonly idle: readonly TopicPartitionName[];
  /** −Infinity before the first record. */
  readonly watermarkMs: number;
  readonly clockMs: number;
  /** Totals over the whole log. */
  readonly totals: TaskCounters;
  readonly outputsPending: number;
  /** From being given the task to its first new result acknowledged; null: not yet. */
  readonly takeoverMs: number | null;
  /** The pipeline's own counters. */
  readonly counters: Readonly<Record<string, number>>;
}

/** How far one input partition is read. */
export interface InputStatus {
  /** Decimal text. */
  readonly nextOffset: string;
  /** End − next; −1: the end was not heard yet. */
  readonly lag: number;
  /** Highest event time read; −Infinity before the first record. */
  readonly timeMs: number;
}

/** `failed`: built anew with new clients it will go on; `parked`: it needs an operator. */
export interface TaskServiceStatus {
  readonly state: 'starting' | 'running' | 'parked' | 'failed' | 'stopped';
  readonly detail?: string;
  /** A shard is alive but reads nothing; absent: not known yet. */
  readonly isStalled?: boolean;
  readonly shards: readonly TaskStatus[];
}

export interface TaskService {
  start(): Promise<void>;
  drain(): Promise<void>;
  status(): TaskServiceStatus;
}

/** The tasks of one pipeline version in this process. */
export function createTaskService(options: TaskServiceOptions): TaskService {
  const tuning: TaskTuning = { ...defaultTuning, ...options.tuning };
  const identities = Array.from({ length: options.shards }, (_, shard) => options.createFold(shard));
  const metrics = createTaskMetrics(options.metrics, identities[0]?.pipeline ?? '');
  let tasks: readonly Task[] = [];
  let watchdogs: readonly Watchdog[] = [];
  let state: TaskServiceStatus['state'] = 'stopped';
  let detail: string | undefined;
  let isReporting = false;
  let isDraining = false;

  const setAssigned = (partitions: readonly TopicPartition[], isAssigned: boolean): void => {
    for (const { topic, partition } of partitions)
      if (topic === options.orderTopic) tasks[partition]?.setAssigned(isAssigned);
  };
  const report = async (): Promise<void> => {
    isReporting = true;
    while (isReporting) {
      for (const [shard, task] of tasks.entries()) {
        reportProgress(metrics, statusOf(task, shard));
        watchdogs[shard]?.look(task.state(), task.view());
      }
      if (state === 'running' && pulseOf(watchdogs).isStalled === true) {
        state = 'failed';
        detail = `it has folded nothing for at least ${tuning.stallMs / 1_000} s, and its inputs have more: built anew`;
        options.logger.error({ stallMs: tuning.stallMs }, detail);
      }
      await options.clock.sleep(reportEveryMs);
    }
  };

  return {
    async start() {
      state = 'starting';
      await checkOrderTopic(options);
      await checkInputs(options, identities[0]?.inputs ?? []);
      if (isDraining) return;
      tasks = identities.map((identity, shard) => createTask({ service: options, tuning, shard, identity, metrics }));
      watchdogs = tasks.map((_, shard) => watchdogOf(options, shard, tuning.stallMs));
      await options.membership.start({
        assigned: (assigned) => setAssigned(assigned, true),
        revoked(revoked) {
          setAssigned(revoked, false);
          void (options.failpoint ?? noFailpoint)('in-revoke');
        },
        failed(error) {
          state = 'failed';
          detail = error.message;
          options.logger.error({ err: error }, 'membership failed');
        },
      });
      state = 'running';
      void report();
    },
    async drain() {
      isDraining = true;
      isReporting = false;
      await Promise.all(tasks.map((task) => task.drain()));
      await options.membership.close().catch(() => undefined);
      state = 'stopped';
    },
    status() {
      const shards = tasks.map((task, shard) => statusOf(task, shard));
      const parked = state === 'running' ? parkedOf(shards) : null;
      if (parked) return { ...parked, shards };
      return { state, ...(detail !== undefined && { detail }), ...pulseOf(watchdogs), shards };
    },
  };
}

/** What the parked ones among the shards say together; null when none is. */
function parkedOf(shards: readonly TaskStatus[]): Pick<TaskServiceStatus, 'state' | 'detail'> | null {
  const parked = shards.flatMap((one) => (one.parked ? [{ shard: one.shard, ...one.parked }] : []));
  if (parked.length === 0) return null;
  const isCuredByRestart = parked.some(({ code }) => code === 'append_failed' || code === 'produce_failed');
  const because = parked.map(({ shard, code, message, command }) => {
    const which = shards.length > 1 ? `shard ${shard}: ` : '';
    return `${which}${code}: ${message}. ${command}`;
  });
  return { state: isCuredByRestart ? 'failed' : 'parked', detail: because.join('; ') };
}

async function checkOrderTopic({ orderProducer, orderTopic, shards }: TaskServiceOptions): Promise<void> {
  const partitions = await orderProducer.partitionCount(orderTopic);
  if (partitions >= shards) return;
  throw new ParkError('order_topic_small', `${orderTopic} has ${partitions} partitions for ${shards} shards`);
}

/** One key is in one shard over all inputs only where all are cut alike; and a shard without a partition would do nothing. */
async function checkInputs({ inputs, shards }: TaskServiceOptions, topics: readonly string[]): Promise<void> {
  if (shards === 1) return;
  const counts = await Promise.all(topics.map((topic) => inputs.partitionCount(topic)));
  if (counts.every((count) => count === counts[0] && count >= shards)) return;
  const found = topics.map((topic, i) => `${topic} has ${counts[i]}`).join(', ');
  throw new ParkError('partitions_unfit', `${shards} shards cannot share these partitions: ${found}`);
}

function pulseOf(watchdogs: readonly Watchdog[]): { readonly isStalled?: boolean } {
  const pulses = watchdogs.map((watchdog) => watchdog.pulse());
  if (pulses.includes('stalled')) return { isStalled: true };
  return pulses.length > 0 && pulses.every((pulse) => pulse === 'going') ? { isStalled: false } : {};
}

const watchdogOf = (
  { inputs, order, orderTopic, clock }: TaskServiceOptions,
  shard: number,
  stallMs: number,
): Watchdog =>
  createWatchdog({ inputs, order, orderPartition: { topic: orderTopic, partition: shard }, clock, stallMs });

const reportEveryMs = 1_000;

function reportProgress(metrics: TaskMetrics, status: TaskStatus): void {
  const lagRecords = Object.values(status.inputs).reduce((sum, { lag }) => sum + Math.max(0, lag), 0);
  const { watermarkMs, epoch } = status;
  const isOwner = status.state === 'owner';
  const at = { lagRecords, watermarkMs, epoch, orderOffset: Number(status.orderOffset) };
  metrics.progress(status.shard, isOwner ? at : null);
}

function statusOf(task: Task, shard: number): TaskStatus {
  const view = task.view();
  const told = { parked: task.parkedBecause(), trouble: task.trouble(), takeoverMs: task.takeoverMs() };
  const common = { shard, state: task.state(), ...told };
  if (!view) return { ...common, ...nothing };
  const { epoch, positions, idle, clockMs } = view.replica.judgeState();
  const fold = view.replica.fold();
  const inputs = Object.entries(positions).map(([name, nextOffset]) => {
    const endOffset = view.inputs.get(name)?.endOffset() ?? -1n;
    const lag = endOffset < 0n ? -1 : Math.max(0, Number(endOffset - BigInt(nextOffset)));
    return [name, { nextOffset, lag, timeMs: fold.partitionTimeMs(name) }] as const;
  });
  return {
    ...common,
    epoch,
    orderOffset: view.replica.nextOffset().toString(),
    inputs: Object.fromEntries(inputs),
    idle,
    watermarkMs: fold.watermarkMs(),
    clockMs,
    totals: view.replica.counters(),
    outputsPending: view.outputs.pending(),
    counters: fold.counters(),
  };
}

const nothing = {
  epoch: 0,
  orderOffset: '0',
  inputs: {},
  idle: [],
  watermarkMs: -Infinity,
  clockMs: 0,
  totals: { entries: 0, records: 0, ignored: 0 },
  outputsPending: 0,
  counters: {},
};
