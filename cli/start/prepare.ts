import type { ClickHouseClient } from '@clickhouse/client';
import type { CheckpointStore } from '../../checkpoints/store.ts';
import type { PipelineTopics } from '../../events/topics.ts';
import { highestArchivedEpoch, highestOrderedEpoch } from '../../sinks/clickhouse/archived.ts';
import { toSinkError } from '../../sinks/clickhouse/errors.ts';
import { MigrationError, migrate } from '../../sinks/clickhouse/migrate.ts';
import { endpointNotes } from '../../sinks/clickhouse/stored-deliveries.ts';
import { publishNote } from '../../sinks/webhook/publish-note.ts';
import type { RunContext } from './context.ts';
import { chooseEpoch, highestSnapshotEpoch, type Epoch } from './epoch.ts';
import type { Infrastructure } from './infrastructure.ts';
import { ownTopics } from './own-topics.ts';

const retryMs = 1_000;

export interface PrepareOptions {
  readonly running: readonly PipelineTopics[];
  readonly store: CheckpointStore;
  readonly archived: Archived;
}

/** What must be there before anything folds, besides the tables: the epoch, topics, endpoints on record. Waits for a broker that is away. */
export async function prepare(
  context: RunContext,
  infrastructure: Infrastructure,
  { running, store, archived }: PrepareOptions,
): Promise<Epoch> {
  const highest = Math.max(archived.incarnation, archived.epoch, await highestSnapshotEpoch(store, running));
  const epoch = chooseEpoch({ highest, archived: archived.incarnation }, infrastructure.isFreshBroker);
  context.logger.info({ epoch: epoch.current, isNew: epoch.openNew }, 'epoch');
  await prepareTopics(context, infrastructure, { running, noted: archived.noted });
  return epoch;
}

/** What ClickHouse knows of before. */
export interface Archived {
  readonly incarnation: number;
  readonly epoch: number;
  /** Endpoints that were added before. */
  readonly noted: ReadonlySet<string>;
}

/** Makes the tables first: a database that was never migrated has no epoch. Waits for a ClickHouse that is away. */
export async function readArchived(
  { config, clock, logger }: RunContext,
  clickhouse: ClickHouseClient,
): Promise<Archived> {
  const { database } = config.clickhouse;
  for (let isFirst = true; ; isFirst = false) {
    try {
      await migrate(clickhouse, { database, logger });
      const incarnation = await highestArchivedEpoch(clickhouse, database);
      const epoch = await highestOrderedEpoch(clickhouse, database);
      const { notes } = await endpointNotes({ client: clickhouse, database });
      const added = notes.filter(({ note }) => note === 'added');
      return { incarnation, epoch, noted: new Set(added.map(({ endpoint }) => endpoint)) };
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

/**
 * The topics, and the notes of endpoints that are new: an endpoint is told of what is decided from its note on, so that is there before
 * the first decision, whatever ends this process.
 */
async function prepareTopics(
  { config, clock }: RunContext,
  { kafka, gate }: Infrastructure,
  { running, noted }: Pick<PrepareOptions, 'running'> & Pick<Archived, 'noted'>,
): Promise<void> {
  const wanted = ownTopics(config, running);
  const added = config.webhooks.endpoints.filter(({ name }) => !noted.has(name));
  if (kafka.admin) await kafka.admin.createTopics(wanted);
  if (kafka.admin && added.length === 0) return;
  const producer = await kafka.producer(gate && { gate });
  // The embedded broker makes a topic when its partitions are asked for; so do many real ones, but not as it must be.
  if (!kafka.admin) await Promise.all(wanted.map(({ topic }) => producer.partitionCount(topic)));
  for (const { name } of added)
    await publishNote(producer, { endpoint: name, note: 'added', webhookId: '', atMs: clock.nowMs() });
  await producer.close();
}
