import type { CheckpointStore } from '../../checkpoints/store.ts';
import { decodeEvent } from '../../events/decode.ts';
import { clickhouseGroup, inputTopics, orderTopic, resultTopics, taskGroup } from '../../events/topics.ts';
import type { Membership } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { createPipeline } from '../../pipeline.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import { createClickHouseSink } from '../../sinks/clickhouse/sink.ts';
import { createArchiveSource } from '../../sources/archive/archive.ts';
import { createChainedSource } from '../../sources/archive/chained.ts';
import { createGenerator } from '../../sources/generator/generator.ts';
import type { Source } from '../../sources/source.ts';
import { createTaskService } from '../../tasks/service.ts';
import type { Fold } from '../../tasks/contract.ts';
import type { Service } from '../../telemetry/service.ts';
import { breakFold } from '../../tests/journey/break-fold.ts';
import type { RunContext } from './context.ts';
import type { Epoch } from './epoch.ts';
import type { Infrastructure } from './infrastructure.ts';

/** Everything that the services of one process share. */
export interface ServiceParts extends RunContext {
  readonly infrastructure: Infrastructure;
  readonly epoch: Epoch;
  readonly store: CheckpointStore;
  readonly processors: readonly AnyProcessor[];
}

/** Builds one service anew; a service that failed is built again by it. */
export interface ServiceRecipe {
  readonly name: string;
  readonly build: () => Promise<Service>;
}

/** Every service that can run here, in the order in which a drain stops them: inputs, tasks, sinks. */
export function serviceRecipes(parts: ServiceParts): readonly ServiceRecipe[] {
  return [
    { name: 'generator', build: () => generatorService(parts) },
    ...parts.processors.map((processor) => ({ name: processor.name, build: () => taskService(parts, processor) })),
    { name: 'clickhouse', build: () => clickhouseService(parts) },
  ];
}

async function generatorService({ infrastructure, config, clock, logger, metrics }: ServiceParts): Promise<Service> {
  const { kafka, gate } = infrastructure;
  const { ratePerSecond, seed, lateShare, duplicateShare, malformedShare } = config.generator;
  return createGenerator({
    producer: await kafka.producer(gate && { gate }),
    partitionOf,
    clock,
    ratePerSecond,
    seed,
    shares: { late: lateShare, duplicate: duplicateShare, malformed: malformedShare },
    logger: logger.child({ service: 'generator' }),
    metrics,
  });
}

async function clickhouseService(parts: ServiceParts): Promise<Service> {
  const { infrastructure, config, epoch, clock, metrics } = parts;
  const orders = parts.processors.map(({ name, version }) => orderTopic(name, version));
  const results = Object.values(resultTopics);
  const { batchRowsMax, batchBytesMax, batchWaitMs, database, ttlDays } = config.clickhouse;
  return createClickHouseSink({
    client: infrastructure.clickhouse,
    database,
    reader: await infrastructure.kafka.reader({ fetchWaitMs: 50 }),
    membership: await memberOf(parts, clickhouseGroup, [...inputTopics, ...orders, ...results]),
    topics: { inputs: inputTopics, orders, results },
    epoch: epoch.current,
    limits: { batchRowsMax, batchBytesMax, batchWaitMs },
    ttlDays,
    clock,
    logger: parts.logger.child({ service: 'clickhouse' }),
    metrics,
  });
}

async function taskService(parts: ServiceParts, processor: AnyProcessor): Promise<Service> {
  const { infrastructure, config, clock, metrics } = parts;
  const { kafka, gate, isEmbeddedBroker, isFreshBroker } = infrastructure;
  const logger = parts.logger.child({ service: processor.name });
  const archiveOf = (epoch: number): Source =>
    createArchiveSource({ client: infrastructure.clickhouse, database: config.clickhouse.database, epoch, logger });
  const chained = async (fetchWaitMs: number): Promise<Source> =>
    createChainedSource({
      archive: archiveOf(parts.epoch.current),
      broker: await kafka.reader({ fetchWaitMs, queueBytesMax: config.tasks.queueBytesMax }),
      clock,
      logger,
    });
  const topic = orderTopic(processor.name, processor.version);
  const producer = await kafka.producer(gate && { gate });
  const { startFrom, pipelineDepth, entryRecordsMax, entryBytesMax, entryEveryMs, queueBytesMax } = config.tasks;
  return createTaskService({
    createFold: (shard) => foldOf(parts, processor, shard),
    shards: 1,
    membership: await memberOf(parts, taskGroup(processor.name, processor.version), [topic]),
    orderTopic: topic,
    startFrom: startFrom === 'latest' ? 'latest' : 'earliest',
    epoch: parts.epoch,
    inputs: await chained(isEmbeddedBroker ? 20 : 100),
    order: await chained(5),
    archive: archiveOf,
    producer,
    orderProducer: await kafka.producer({ lingerMs: 0, ...(gate && { gate }) }),
    partitionFor: (_topic, key) => partitionOf(Buffer.from(key), config.kafka.partitions),
    store: parts.store,
    clock,
    random: Math.random,
    logger,
    metrics,
    tuning: {
      pipelineDepth,
      entryRecordsMax,
      entryBytesMax,
      entryEveryMs,
      queueBytesMax,
      idleMs: config.time.idleMs,
      ownerHeartbeatMs: config.tasks.ownerHeartbeatMs,
      ownerSilenceMs: config.tasks.ownerSilenceMs,
      snapshotEveryMs: config.snapshots.everyMs,
      ...(isEmbeddedBroker && { clockSkewMaxMs: null }),
      foldsToEndOnDrain: isFreshBroker,
    },
  });
}

function foldOf({ config, env, infrastructure }: ServiceParts, processor: AnyProcessor, shard: number): Fold {
  const fold = createPipeline({
    processor,
    decode: decodeEvent,
    clockGuard: { maxFutureMs: config.time.maxFutureMs, isCreateTimeTrusted: infrastructure.isEmbeddedBroker },
    outOfOrdernessMs: config.time.outOfOrdernessMs,
    dedupe: { horizonMs: config.time.dedupeHorizonMs, idsMax: config.limits.dedupeIdsMax },
    shard,
    shards: 1,
  });
  return env['MILLRACE_BREAK'] === 'fold' ? breakFold(fold) : fold;
}

function memberOf(
  { config, infrastructure }: ServiceParts,
  groupId: string,
  topics: readonly string[],
): Promise<Membership> {
  const { membership } = config.kafka;
  const kind = membership === 'auto' ? (infrastructure.isEmbeddedBroker ? 'solo' : 'group') : membership;
  return infrastructure.kafka.membership({ groupId, topics, kind });
}
