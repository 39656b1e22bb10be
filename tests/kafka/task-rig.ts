import { randomUUID } from 'node:crypto';
import { inject } from 'vitest';
import { createMemoryStore } from '../../checkpoints/memory.ts';
import type { Kafka, Producer } from '../../kafka/contract.ts';
import type { KafkaSecurity } from '../../kafka/connection.ts';
import { openKafka } from '../../kafka/open.ts';
import type { Source } from '../../sources/source.ts';
import type { Fold } from '../../tasks/contract.ts';
import type { OperateOptions } from '../../tasks/operate.ts';
import type { StartFrom } from '../../tasks/partitions.ts';
import { createOrderAppender } from '../../tasks/order-log.ts';
import { createTaskService, type TaskService, type TaskStatus } from '../../tasks/service.ts';
import { type Clock, systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createCountingFold, resultTopic } from '../simulation/counting-fold.ts';

/** One counting task on the real broker: its own input and order topic, snapshots in memory. */
export interface TaskRig {
  readonly kafka: Kafka;
  readonly input: string;
  readonly order: string;
  /** Starts a process's worth of it; another call is a restart. */
  start(how?: StartHow): Promise<StartedTask>;
  /** Appends `count` events to partition 0 of the input. */
  send(count: number): Promise<void>;
  /** What `millrace restore` and `millrace gap` would work with. */
  command(): OperateOptions;
  readonly inputs: Source;
  close(): Promise<void>;
}

export interface StartHow {
  readonly clock?: Clock;
  readonly startFrom?: StartFrom;
  /** Who it logs in as; absent: who may do everything. */
  readonly login?: { readonly brokers: string; readonly security: KafkaSecurity };
}

export interface StartedTask {
  shard(): TaskStatus | undefined;
  until(what: string, isSo: (status: TaskStatus) => boolean): Promise<void>;
  drain(): Promise<void>;
}

const driver = 'node-rdkafka';
const waitMs = 90_000;
const lookMs = 50;
let rigs = 0;

/** On the broker of `npm run test:kafka`. */
export async function openTaskRig(prefix = 'task'): Promise<TaskRig> {
  const brokers = inject('kafka')?.plain;
  if (brokers === undefined) throw new Error('no real Kafka was started: run this by npm run test:kafka');
  const [input, order] = [`${prefix}-in-${process.pid}-${++rigs}`, `${prefix}-order-${process.pid}-${rigs}`];
  const open = (at: string, security?: KafkaSecurity): Promise<Kafka> => {
    const parts = { logger: silentLogger, clock: systemClock, metrics: createMetrics() };
    return openKafka({ driver, brokers: at, clientId: 'task', ...parts, ...(security && { security }) });
  };
  const kafka = await open(brokers);
  const settings = { 'message.timestamp.type': 'LogAppendTime' };
  await kafka.admin?.createTopics([input, order, resultTopic].map((topic) => ({ topic, partitions: 1, settings })));
  const store = createMemoryStore({ keep: 3, clock: systemClock });
  const producer = await kafka.producer();
  const reader = await kafka.reader({ fetchWaitMs: 20 });
  // The order log that a command reads: a stream of it at a time, so a reader of its own.
  const order2 = await kafka.reader({ fetchWaitMs: 20 });
  const fold = (): Fold => ({ ...createCountingFold(), inputs: [input] });
  let events = 0;
  return {
    ...{ kafka, input, order, inputs: reader },
    async start(how = {}) {
      const own = await open(how.login?.brokers ?? brokers, how.login?.security);
      const service = await startTask(own, { fold, input, order, store, ...how });
      return startedTask(service, own);
    },
    send: (count) => sendEvents(producer, input, count, events, (sent) => (events += sent)),
    command: () => ({
      ...{ store, logger: silentLogger, clock: systemClock, shard: 0, fold: fold() },
      ...{
        orderSource: order2,
        orderPartition: { topic: order, partition: 0 },
        newId: () => `command.${randomUUID()}`,
      },
      appender: createOrderAppender(producer, { topic: order, partition: 0 }),
    }),
    close: () => kafka.close(),
  };
}

interface TaskParts extends StartHow {
  readonly fold: () => Fold;
  readonly input: string;
  readonly order: string;
  readonly store: ReturnType<typeof createMemoryStore>;
}

async function startTask(kafka: Kafka, parts: TaskParts): Promise<TaskService> {
  const { fold, order, store, clock = systemClock, startFrom = 'earliest' } = parts;
  const service = createTaskService({
    createFold: fold,
    shards: 1,
    membership: await kafka.membership({ groupId: `group-${order}`, topics: [order], kind: 'solo' }),
    orderTopic: order,
    startFrom,
    epoch: { current: 0, openNew: false },
    inputs: await kafka.reader({ fetchWaitMs: 20 }),
    order: await kafka.reader({ fetchWaitMs: 20 }),
    incarnationOf: kafka.admin?.incarnation,
    producer: await kafka.producer(),
    orderProducer: await kafka.producer({ lingerMs: 0 }),
    partitionFor: () => 0,
    store,
    clock,
    random: Math.random,
    logger: silentLogger,
    metrics: createMetrics(),
    tuning: { snapshotEveryMs: 100, ownerSilenceMs: 1_000, ownerHeartbeatMs: 300 },
  });
  await service.start();
  return service;
}

function startedTask(service: TaskService, kafka: Kafka): StartedTask {
  const shard = (): TaskStatus | undefined => service.status().shards[0];
  return {
    shard,
    async until(what, isSo) {
      const untilMs = systemClock.nowMs() + waitMs;
      for (let status = shard(); status === undefined || !isSo(status); status = shard()) {
        if (systemClock.nowMs() > untilMs)
          throw new Error(`never: ${what}; ${status?.state} ${status?.parked?.code} ${status?.trouble}`);
        await systemClock.sleep(lookMs);
      }
    },
    async drain() {
      await service.drain();
      await kafka.close();
    },
  };
}

async function sendEvents(
  producer: Producer,
  topic: string,
  count: number,
  from: number,
  sent: (count: number) => void,
): Promise<void> {
  await producer.send(
    Array.from({ length: count }, (_, i) => {
      const event = { key: `k${(from + i) % 3}`, amount: from + i, eventTimeMs: systemClock.nowMs() };
      return { topic, partition: 0, key: null, value: Buffer.from(JSON.stringify(event)) };
    }),
  );
  sent(count);
}
