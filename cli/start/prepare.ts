import type { CheckpointStore } from '../../checkpoints/store.ts';
import type { PipelineTopics } from '../../events/topics.ts';
import type { NewTopic } from '../../kafka/contract.ts';
import { highestArchivedEpoch, highestOrderedEpoch } from '../../sinks/clickhouse/archived.ts';
import { toSinkError } from '../../sinks/clickhouse/errors.ts';
import { MigrationError, migrate } from '../../sinks/clickhouse/migrate.ts';
import type { RunContext } from './context.ts';
import { chooseEpoch, highestSnapshotEpoch, type Epoch } from './epoch.ts';
import type { Infrastructure } from './infrastructure.ts';
import { ownTopics } from './own-topics.ts';

const retryMs = 1_000;

/** What must be there before anything folds: tables, the epoch, topics. Waits for a ClickHouse or broker that is away. */
export async function prepare(
  context: RunContext,
  infrastructure: Infrastructure,
  { running, store }: { readonly running: readonly PipelineTopics[]; readonly store: CheckpointStore },
): Promise<Epoch> {
  const archived = await archivedEpoch(context, infrastructure);
  const highest = Math.max(archived.incarnation, archived.epoch, await highestSnapshotEpoch(store, running));
  const epoch = chooseEpoch({ highest, archived: archived.incarnation }, infrastructure.isFreshBroker);
  context.logger.info({ epoch: epoch.current, isNew: epoch.openNew }, 'epoch');
  await createTopics(infrastructure, ownTopics(context.config, running));
  return epoch;
}

/** Tables first: a database that was never migrated has no epoch. */
async function archivedEpoch(
  { config, clock, logger }: RunContext,
  { clickhouse }: Infrastructure,
): Promise<{ readonly incarnation: number; readonly epoch: number }> {
  const { database } = config.clickhouse;
  for (let isFirst = true; ; isFirst = false) {
    try {
      await migrate(clickhouse, { database, logger });
      const incarnation = await highestArchivedEpoch(clickhouse, database);
      return { incarnation, epoch: await highestOrderedEpoch(clickhouse, database) };
    } catch (error) {
      if (error instanceof MigrationError) throw error;
      const failure = toSinkError(error, 'migrating');
      if (!failure.retryable) throw failure;
      if (isFirst)
        logger.warn({ err: failure.message, code: failure.code }, 'ClickHouse does not answer: waiting for it');
      await clock.sleep(retryMs);
    }
  }
}

/** The embedded broker makes a topic when its partitions are asked for; so do many real ones, but not as it must be. */
async function createTopics({ kafka, gate }: Infrastructure, wanted: readonly NewTopic[]): Promise<void> {
  if (kafka.admin) return kafka.admin.createTopics(wanted);
  const producer = await kafka.producer(gate && { gate });
  for (const { topic } of wanted) await producer.partitionCount(topic);
  await producer.close();
}
