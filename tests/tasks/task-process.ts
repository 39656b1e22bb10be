import { createFsStore } from '../../checkpoints/fs.ts';
import { connectGate } from '../../embedded/gate-client.ts';
import type { KafkaDriver } from '../../kafka/contract.ts';
import { openKafka } from '../../kafka/open.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { failpointAt } from '../../tasks/failpoint.ts';
import { createTaskService } from '../../tasks/service.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createCountingFold } from '../simulation/counting-fold.ts';

/** A process with one task that counts, for a test to kill: told everything as JSON in its first argument. */
export interface TaskProcessSetup {
  readonly driver: KafkaDriver;
  readonly brokers: string;
  readonly gateAddress: string;
  readonly folder: string;
  readonly groupId: string;
  readonly orderTopic: string;
  readonly resultPartitions: number;
  /** Where it kills itself, see `failpointAt`. */
  readonly failpoint?: string;
}

const setup = JSON.parse(process.argv[2] ?? '{}') as TaskProcessSetup;
const { driver, brokers, folder, groupId, orderTopic, resultPartitions } = setup;
const logger = createLogger('warn', false);
const metrics = createMetrics();
const clock = systemClock;
const gate = await connectGate(setup.gateAddress);
const kafka = await openKafka({ driver, brokers, clientId: 'task', logger, metrics, clock, isEmbedded: true });
const service = createTaskService({
  createFold: () => createCountingFold(),
  shards: 1,
  membership: await kafka.membership({ groupId, topics: [orderTopic, 'in'], kind: 'solo' }),
  orderTopic,
  startFrom: 'earliest',
  epoch: { current: 1, openNew: true },
  inputs: await kafka.reader({ fetchWaitMs: 10 }),
  order: await kafka.reader({ fetchWaitMs: 5 }),
  producer: await kafka.producer({ gate }),
  orderProducer: await kafka.producer({ lingerMs: 0, gate }),
  partitionFor: (_topic, key) => partitionOf(Buffer.from(key), resultPartitions),
  store: await createFsStore({ folder, keep: 3, clock, logger }),
  clock,
  random: Math.random,
  logger,
  metrics,
  tuning: { clockSkewMaxMs: null, snapshotEveryMs: 300 },
  ...(setup.failpoint !== undefined && {
    failpoint: failpointAt(setup.failpoint, () => void process.kill(process.pid, 'SIGKILL')),
  }),
});
await service.start();
const report = setInterval(() => process.send?.(JSON.parse(JSON.stringify(service.status()))), 50);
process.once('message', () => {
  clearInterval(report);
  void service
    .drain()
    .then(() => kafka.close())
    .then(() => process.exit(0));
});
