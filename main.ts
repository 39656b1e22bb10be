import { join } from 'node:path';
import { createFsStore } from './checkpoints/fs.ts';
import { buildPage, pageDir } from './cli/start/build-page.ts';
import type { RunContext } from './cli/start/context.ts';
import type { Page } from './cli/start/edges.ts';
import { chooseEpoch, highestSnapshotEpoch } from './cli/start/epoch.ts';
import { startInfrastructure, type Infrastructure } from './cli/start/infrastructure.ts';
import { readyChecks } from './cli/start/readiness.ts';
import { serviceRecipes } from './cli/start/services.ts';
import { supervise, type Supervised } from './cli/start/supervisor.ts';
import { createSystemStatus } from './cli/start/system-status.ts';
import { inputTopics, orderTopic, resultTopics } from './events/topics.ts';
import { processors } from './processors/index.ts';
import { highestArchivedEpoch } from './sinks/clickhouse/archived.ts';
import { migrate } from './sinks/clickhouse/migrate.ts';

export interface RunOptions {
  /** Services to run; undefined: all. */
  readonly only: readonly string[] | undefined;
  readonly isDemo: boolean;
  /** millrace's own version, for the API document. */
  readonly version: string;
}

export interface Running {
  readonly infrastructure: Infrastructure;
  readonly services: readonly Supervised[];
  /** Where the page is, once the HTTP service listens; null before, or without it. */
  url(): string | null;
  /** Edges first, then inputs, tasks, sinks, then what they stand on. */
  drain(): Promise<void>;
}

/** The names that `--only` takes. */
export const serviceNames = (context: RunContext): readonly string[] => [
  ...['websocket', 'http', 'generator', 'clickhouse'],
  ...processorsOf(context).map(({ name }) => name),
];

/** Builds the parts and starts them; resolves when they are being supervised. */
export async function run(context: RunContext, options: RunOptions): Promise<Running> {
  const { config, clock, logger } = context;
  const running = processorsOf(context);
  const pageBuild = isWanted('http', options) ? buildPage(logger) : null;
  const infrastructure = await startInfrastructure(context, running);
  const { database } = config.clickhouse;
  await migrate(infrastructure.clickhouse, { database, logger });
  const folder = config.snapshots.dir || join(config.embedded.dataDir, 'snapshots');
  const store = await createFsStore({ folder, keep: config.snapshots.keep, clock, logger });
  const seen = [
    await highestArchivedEpoch(infrastructure.clickhouse, database),
    await highestSnapshotEpoch(store, running),
  ];
  const epoch = chooseEpoch(Math.max(...seen), infrastructure.isFreshBroker);
  logger.info({ epoch: epoch.current, isNew: epoch.openNew }, 'epoch');
  await createTopics(infrastructure, running);

  const services: Supervised[] = [];
  const versions = new Map(running.map(({ name, version }) => [name, version]));
  const page: Page = {
    dir: pageDir,
    version: options.version,
    systemStatus: createSystemStatus(() => services, versions, clock),
    readiness: () => readyChecks(services),
    ...{ gateway: null, server: null },
  };
  for (const { name, build } of serviceRecipes({ ...context, infrastructure, epoch, store, processors: running }, page))
    if (isWanted(name, options)) services.push(supervise(name, build, context));
  return {
    infrastructure,
    services,
    url: () => (page.server?.status().state === 'running' ? page.server.url() : null),
    async drain() {
      pageBuild?.stop();
      for (const service of services) await service.stop();
      await infrastructure.close();
      await store.close();
    },
  };
}

const isWanted = (name: string, { only, isDemo }: RunOptions): boolean =>
  (name !== 'generator' || isDemo) && (only?.includes(name) ?? true);

function processorsOf({ config }: RunContext) {
  const { allowedLatenessMs, provisionalEveryMs } = config.time;
  const all = processors({ revenue: { allowedLatenessMs, provisionalEveryMs, keysMax: config.limits.keysMax } });
  return all.filter(({ name }) => name !== 'revenue' || config.pipelines.revenue.enabled);
}

/** Asking for a topic's partitions makes it, where the broker does so by itself. */
async function createTopics({ kafka, gate }: Infrastructure, running: ReturnType<typeof processorsOf>): Promise<void> {
  const producer = await kafka.producer(gate && { gate });
  const orders = running.map(({ name, version }) => orderTopic(name, version));
  for (const topic of [...inputTopics, ...Object.values(resultTopics), ...orders]) await producer.partitionCount(topic);
  await producer.close();
}
