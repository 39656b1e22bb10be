import { join } from 'node:path';
import { createFsStore } from './checkpoints/fs.ts';
import type { RunContext } from './cli/start/context.ts';
import { chooseEpoch, highestSnapshotEpoch } from './cli/start/epoch.ts';
import { startInfrastructure, type Infrastructure } from './cli/start/infrastructure.ts';
import { serviceRecipes } from './cli/start/services.ts';
import { supervise, type Supervised } from './cli/start/supervisor.ts';
import { inputTopics, orderTopic, resultTopics } from './events/topics.ts';
import { processors } from './processors/index.ts';
import { highestArchivedEpoch } from './sinks/clickhouse/archived.ts';
import { migrate } from './sinks/clickhouse/migrate.ts';

export interface RunOptions {
  /** Services to run; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly isDemo: boolean;
}

export interface Running {
  readonly infrastructure: Infrastructure;
  readonly services: readonly Supervised[];
  /** Inputs first, then tasks, then sinks, then what they stand on. */
  drain(): Promise<void>;
}

/** The names that `--only` takes. */
export const serviceNames = (context: RunContext): readonly string[] => [
  'generator',
  ...processorsOf(context).map(({ name }) => name),
  'clickhouse',
];

/** Builds the parts and starts them; resolves when they are being supervised. */
export async function run(context: RunContext, options: RunOptions): Promise<Running> {
  const { config, clock, logger } = context;
  const running = processorsOf(context);
  const infrastructure = await startInfrastructure(context, running);
  const { database } = config.clickhouse;
  await migrate(infrastructure.clickhouse, { database, logger });
  const folder = config.snapshots.dir || join(config.embedded.dataDir, 'snapshots');
  const store = await createFsStore({ folder, keep: config.snapshots.keep, clock, logger });
  const archived = await highestArchivedEpoch(infrastructure.clickhouse, database);
  const epoch = chooseEpoch(
    Math.max(archived, await highestSnapshotEpoch(store, running)),
    infrastructure.isFreshBroker,
  );
  logger.info({ epoch: epoch.current, isNew: epoch.openNew }, 'epoch');
  await createTopics(infrastructure, running);

  const services = serviceRecipes({ ...context, infrastructure, epoch, store, processors: running })
    .filter(({ name }) => name !== 'generator' || options.isDemo)
    .filter(({ name }) => options.only?.includes(name) ?? true)
    .map(({ name, build }) => supervise(name, build, context));
  return {
    infrastructure,
    services,
    async drain() {
      for (const service of services) await service.stop();
      await infrastructure.close();
      await store.close();
    },
  };
}

function processorsOf({ config }: RunContext) {
  const { allowedLatenessMs, provisionalEveryMs } = config.time;
  const all = processors({ revenue: { allowedLatenessMs, provisionalEveryMs, keysMax: config.limits.keysMax } });
  return all.filter(({ name }) => name !== 'revenue' || config.pipelines.revenue.enabled);
}

/** Asking for a topic's partitions makes it, where the broker does so by itself. */
async function createTopics({ kafka, gate }: Infrastructure, running: ReturnType<typeof processorsOf>): Promise<void> {
  const producer = await kafka.producer(gate && { gate });
  const orders = running.map(({ name, version }) => orderTopic(name, version));
  await Promise.all(
    [...inputTopics, ...Object.values(resultTopics), ...orders].map((topic) => producer.partitionCount(topic)),
  );
  await producer.close();
}
