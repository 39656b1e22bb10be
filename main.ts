import { buildPage, pageDir } from './cli/start/build-page.ts';
import type { RunContext } from './cli/start/context.ts';
import type { Page } from './cli/start/edges.ts';
import { openClickHouse, startInfrastructure, type Infrastructure } from './cli/start/infrastructure.ts';
import { openStore } from './cli/start/open-store.ts';
import { prepare, readArchived } from './cli/start/prepare.ts';
import { readyChecks } from './cli/start/readiness.ts';
import { processorsOf } from './cli/start/processors-of.ts';
import type { ServiceRecipe } from './cli/start/services.ts';
import { stopServices } from './cli/start/stop-services.ts';
import { supervise, type Supervised } from './cli/start/supervisor.ts';
import { createSystemStatus } from './cli/start/system-status.ts';

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
  /** HTTP first, so that nothing more comes in, then the other services, then what they stand on. */
  drain(): Promise<void>;
}

/** The names that `--only` takes. */
export const serviceNames = (context: RunContext): readonly string[] => [
  ...['websocket', 'http', 'rules', 'generator', 'amqp', 'webhook', 'clickhouse'],
  ...processorsOf(context.config).map(({ name }) => name),
];

/** Builds the parts and starts them; resolves when they are being supervised. */
export async function run(context: RunContext, options: RunOptions): Promise<Running> {
  const { clock } = context;
  const running = processorsOf(context.config);
  const pageBuild = isWanted('http', options) ? buildPage(context.logger) : null;
  const opening = openClickHouse(context);
  // The tables are made while the broker starts.
  const archived = opening.then(({ client }) => readArchived(context, client));
  archived.catch(() => {});
  const starting = startInfrastructure(context, running, opening);
  starting.catch(() => {});
  // Loaded while broker and ClickHouse start in processes of their own.
  const { httpRecipe, serviceRecipes } = await import('./cli/start/services.ts');
  const infrastructure = await starting;
  const services: Supervised[] = [];
  let isPrepared = false;
  const versions = new Map(running.map(({ name, version }) => [name, version]));
  const page: Page = {
    dir: pageDir,
    version: options.version,
    systemStatus: createSystemStatus(() => services, versions, clock),
    readiness: () => readyChecks(services, isPrepared),
    stalled: () => services.filter((service) => !service.isAlive()).map(({ name }) => name),
    ...{ gateway: null, server: null },
  };
  const start = ({ name, build }: ServiceRecipe): void => {
    if (isWanted(name, options)) services.push(supervise(name, build, context));
  };
  // Health is answered before, and while, anything else is waited for.
  start(httpRecipe({ ...context, infrastructure }, page));
  const store = await openStore(context, () => Promise.resolve(infrastructure.clickhouse));
  const epoch = await prepare(context, infrastructure, { running, store, archived: await archived });
  for (const recipe of serviceRecipes({ ...context, infrastructure, epoch, store, processors: running }, page))
    start(recipe);
  isPrepared = true;
  return {
    infrastructure,
    services,
    url: () => (page.server?.status().state === 'running' ? page.server.url() : null),
    async drain() {
      pageBuild?.stop();
      await stopServices(services, infrastructure.isFreshBroker);
      await infrastructure.close();
      await store.close();
    },
  };
}

const isWanted = (name: string, { only, isDemo }: RunOptions): boolean =>
  (name !== 'generator' || isDemo) && (only?.includes(name) ?? true);
