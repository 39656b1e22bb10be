import { clickhouseGroup, inputTopics, orderTopic, resultTopics } from '../../events/topics.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { createClickHouseSink } from '../../sinks/clickhouse/sink.ts';
import { createGenerator } from '../../sources/generator/generator.ts';
import type { Service } from '../../telemetry/service.ts';
import { httpService, liveService, type EdgeParts, type Page } from './edges.ts';
import { owning } from './owning.ts';
import { memberOf, type ServiceParts } from './parts.ts';
import { rulesService } from './rules-service.ts';
import { taskService } from './task-service.ts';
import { hasWebhooks } from './webhook-endpoints.ts';
import { webhookService } from './webhook-service.ts';

/** Builds one service anew; a service that failed is built again by it. */
export interface ServiceRecipe {
  readonly name: string;
  readonly build: () => Promise<Service>;
}

/** The HTTP server needs neither tables nor epoch: it answers for health while these are waited for. */
export const httpRecipe = (parts: EdgeParts, page: Page): ServiceRecipe => ({
  name: 'http',
  build: () => httpService(parts, page),
});

/** Every other service that can run here, in the order in which a drain stops them: live, inputs, tasks, sinks. */
export function serviceRecipes(parts: ServiceParts, page: Page): readonly ServiceRecipe[] {
  const rules = { name: 'rules', build: () => rulesService(parts) };
  const amqp = { name: 'amqp', build: async () => (await import('./amqp-service.ts')).amqpService(parts) };
  const webhook = { name: 'webhook', build: () => webhookService(parts) };
  return [
    { name: 'websocket', build: () => liveService(parts, page) },
    ...(parts.processors.some(({ name }) => name === 'fraud') ? [rules] : []),
    { name: 'generator', build: () => generatorService(parts) },
    ...(parts.config.amqp.queues.length > 0 ? [amqp] : []),
    ...parts.processors.map((processor) => ({ name: processor.name, build: () => taskService(parts, processor) })),
    ...(hasWebhooks(parts.config) ? [webhook] : []),
    { name: 'clickhouse', build: () => clickhouseService(parts) },
  ];
}

async function generatorService({ infrastructure, config, clock, logger, metrics }: ServiceParts): Promise<Service> {
  const { kafka, gate } = infrastructure;
  const { ratePerSecond, seed, lateShare, duplicateShare, malformedShare } = config.generator;
  const producer = await kafka.producer({ lingerMs: 10, ...(gate && { gate }) });
  const generator = createGenerator({
    producer,
    partitionOf,
    clock,
    ratePerSecond,
    seed,
    shares: { late: lateShare, duplicate: duplicateShare, malformed: malformedShare },
    logger: logger.child({ service: 'generator' }),
    metrics,
  });
  return owning(generator, [producer]);
}

/** What tasks are rebuilt from: the inputs of all, and the results that one of them reads. */
const archivedInputs = (processors: ServiceParts['processors']): readonly string[] => [
  ...new Set([...inputTopics, ...processors.flatMap(({ inputs }) => inputs)]),
];

async function clickhouseService(parts: ServiceParts): Promise<Service> {
  const { infrastructure, config, epoch, clock, metrics } = parts;
  // The last of the version before is archived too.
  const orders = parts.processors.flatMap(({ name, version }) =>
    [version - 1, version].filter((one) => one > 0).map((one) => orderTopic(name, one)),
  );
  const results = Object.values(resultTopics);
  const inputs = archivedInputs(parts.processors);
  const { batchRowsMax, batchBytesMax, batchWaitMs, database, ttlDays } = config.clickhouse;
  const reader = await infrastructure.kafka.reader({
    fetchWaitMs: Math.min(batchWaitMs, 250),
    // A batch is gathered anyway.
    fetchBytesMin: 256 * 1024,
  });
  const sink = createClickHouseSink({
    client: infrastructure.clickhouse,
    database,
    reader,
    membership: await memberOf(parts, clickhouseGroup, [...new Set([...inputs, ...orders, ...results])]),
    topics: { inputs, orders, results },
    epoch: epoch.incarnation,
    limits: { batchRowsMax, batchBytesMax, batchWaitMs },
    ttlDays,
    readsToEndOnDrain: infrastructure.isFreshBroker,
    clock,
    logger: parts.logger.child({ service: 'clickhouse' }),
    metrics,
  });
  return owning(sink, [reader]);
}
