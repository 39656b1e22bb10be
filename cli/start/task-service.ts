import { orderTopic, resultTopics, taskGroup } from '../../events/topics.ts';
import type { Producer } from '../../kafka/contract.ts';
import { partitionOfText } from '../../kafka/partitioner.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import { createArchiveSource } from '../../sources/archive/archive.ts';
import { createChainedSource } from '../../sources/archive/chained.ts';
import type { Source } from '../../sources/source.ts';
import { type Failpoint, failpointAt } from '../../tasks/failpoint.ts';
import type { TaskTuning } from '../../tasks/options.ts';
import { createTaskService } from '../../tasks/service.ts';
import type { Service } from '../../telemetry/service.ts';
import { foldOf } from './fold-of.ts';
import { owning } from './owning.ts';
import { memberOf, type ServiceParts } from './parts.ts';
import { predecessorOf } from './predecessor.ts';
import { startFromOf } from './start-from.ts';

/** The tasks of one pipeline, with readers and producers of their own. */
export async function taskService(parts: ServiceParts, processor: AnyProcessor): Promise<Service> {
  const { infrastructure, config, clock, metrics } = parts;
  const { kafka, gate, isEmbeddedBroker } = infrastructure;
  const logger = parts.logger.child({ service: processor.name });
  const archiveOf = (epoch: number): Source =>
    createArchiveSource({ client: infrastructure.clickhouse, database: config.clickhouse.database, epoch, logger });
  const queueBytesMax = config.tasks.queueBytesMax;
  // The task itself reads ahead: what waits before it need be no more than the next answer.
  const readerBytesMax = Math.min(queueBytesMax, 2 * 1024 * 1024);
  const waits = isEmbeddedBroker ? embeddedWaits(processor.name) : realWaits(processor.name);
  const broker = {
    inputs: await kafka.reader({ ...waits.inputs, queueBytesMax: readerBytesMax }),
    order: await kafka.reader({ ...waits.order, queueBytesMax: readerBytesMax }),
  };
  const chained = (reader: Source): Source =>
    createChainedSource({ archive: archiveOf(parts.epoch.incarnation), broker: reader, clock, logger });
  const topic = orderTopic(processor.name, processor.version);
  const producer = await kafka.producer({
    ...(isEmbeddedBroker && { lingerMs: embeddedLingerMs }),
    ...(gate && { gate }),
  });
  const orderProducer = await kafka.producer({ lingerMs: 0, ...(gate && { gate }) });
  const predecessor = await predecessorOf(parts, processor, async () =>
    chained(await kafka.reader({ fetchWaitMs: 5, queueBytesMax })),
  );
  const partitions = await partitionCounts(producer, Object.values(resultTopics));
  const service = createTaskService({
    createFold: (shard) => foldOf({ config, env: parts.env, isEmbeddedBroker, metrics }, processor, shard),
    shards: processor.shards ?? 1,
    membership: await memberOf(parts, taskGroup(processor.name, processor.version), [topic]),
    orderTopic: topic,
    // What a router has sent is all of it wanted: where its inputs begin, the router was told.
    startFrom: processor.routedBy
      ? 'earliest'
      : startFromOf(config.tasks.startFrom, { admin: kafka.admin, inputs: broker.inputs }),
    epoch: parts.epoch,
    inputs: chained(broker.inputs),
    order: chained(broker.order),
    archive: archiveOf,
    predecessor,
    incarnationOf: kafka.admin?.incarnation,
    producer,
    orderProducer,
    partitionFor: (topicName, key) => partitionOfText(key, partitions.get(topicName) ?? 1),
    store: parts.store,
    clock,
    random: Math.random,
    logger,
    metrics,
    tuning: tuningOf(parts, processor),
    failpoint: failpointOf(parts),
  });
  return owning(service, [producer, orderProducer, broker.inputs, broker.order]);
}

/**
 * With our own reader: from hearing of a record to fetching it, and how often is looked while others produce. With the client package's it is
 * the latency: the embedded broker never answers a fetch that waits any earlier. Somebody waits for a decision; of the others a tenth
 * of a second is early enough.
 */
const embeddedWaits = (pipeline: string) =>
  isAwaited(pipeline)
    ? { inputs: { fetchWaitMs: 20, gatherMs: 5 }, order: { fetchWaitMs: 10, gatherMs: 1 } }
    : { inputs: { fetchWaitMs: 100 }, order: { fetchWaitMs: 25 } };

/**
 * A real broker answers a fetch that waits as soon as something is there. That is for who is waited for: the others would ask, and order, for
 * each handful of records anew, which at a moderate rate is most of what they and the broker do.
 */
const realWaits = (pipeline: string) => ({
  inputs: { fetchWaitMs: 100, ...(!isAwaited(pipeline) && { fetchBytesMin: 64 * 1024 }) },
  order: { fetchWaitMs: 100 },
});

/** Somebody waits for a decision. */
const isAwaited = (pipeline: string): boolean => pipeline === 'fraud';

/** Order entries of who is not waited for are so far apart at least, where asking is not paced anyway. */
const calmEntryEveryMs = 50;
/** With nothing in flight, what came is ordered this soon: a log that is read back in 4 ms then has an entry every 4 ms, not every 10. */
const awaitedEntrySoonMs = 2;

/** The embedded broker looks through all batches that it holds at each fetch: fewer of them cost less. */
const embeddedLingerMs = 5;

function tuningOf({ config, infrastructure }: ServiceParts, processor: AnyProcessor): Partial<TaskTuning> {
  const { pipelineDepth, entryRecordsMax, entryBytesMax, entryEveryMs, queueBytesMax } = config.tasks;
  return {
    pipelineDepth,
    entryRecordsMax: Math.min(entryRecordsMax, processor.entryRecordsMax ?? Infinity),
    entryBytesMax,
    ...(infrastructure.isEmbeddedBroker ? { entryEveryMs } : realRhythm(processor.name, entryEveryMs)),
    queueBytesMax,
    idleMs: config.time.idleMs,
    ownerHeartbeatMs: config.tasks.ownerHeartbeatMs,
    ownerSilenceMs: config.tasks.ownerSilenceMs,
    snapshotEveryMs: config.snapshots.everyMs,
    ...(infrastructure.isEmbeddedBroker && { clockSkewMaxMs: null }),
    isStandby: config.tasks.standby,
    foldsToEndOnDrain: infrastructure.isFreshBroker,
  };
}

/** Commits on a real broker are for its tools alone; an embedded one's producers wait for them. */
const realRhythm = (pipeline: string, entryEveryMs: number): Partial<TaskTuning> => ({
  commitEveryMs: 1_000,
  ...(isAwaited(pipeline)
    ? { entryEveryMs, entrySoonMs: Math.min(entryEveryMs, awaitedEntrySoonMs) }
    : { entryEveryMs: Math.max(entryEveryMs, calmEntryEveryMs) }),
});

/** For a crash harness alone: the process that has `MILLRACE_FAILPOINT` in its environment kills itself there. */
function failpointOf({ env, logger }: ServiceParts): Failpoint | undefined {
  const spec = env['MILLRACE_FAILPOINT'];
  if (spec === undefined || spec === '') return undefined;
  logger.warn({ failpoint: spec }, 'this process kills itself at a failpoint: it is a test');
  return failpointAt(spec, () => void process.kill(process.pid, 'SIGKILL'));
}

async function partitionCounts(producer: Producer, topics: readonly string[]): Promise<ReadonlyMap<string, number>> {
  return new Map(
    await Promise.all(topics.map(async (topic) => [topic, await producer.partitionCount(topic)] as const)),
  );
}
