// The processing service of `npm run verify:crash`: the numbered pipeline, the ClickHouse sink and, where a receiver is named, the webhooks,
// wired as `millrace start` does, in a process for the harness to kill. Configured by environment; reports its task's status over the
// channel to its parent.
import { endProcess } from '../../cli/end-process.ts';
import type { Page } from '../../cli/start/edges.ts';
import { openClickHouse, startInfrastructure } from '../../cli/start/infrastructure.ts';
import { openStore } from '../../cli/start/open-store.ts';
import { prepare, readArchived } from '../../cli/start/prepare.ts';
import { asRun } from '../../cli/start/routed.ts';
import { serviceRecipes } from '../../cli/start/services.ts';
import { stopServices } from '../../cli/start/stop-services.ts';
import { supervise } from '../../cli/start/supervisor.ts';
import { hasWebhooks } from '../../cli/start/webhook-endpoints.ts';
import { loadConfig } from '../../config/load.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import type { TaskServiceStatus } from '../../tasks/service.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { alerting } from './alerting-processor.ts';
import { numbered } from './numbered-processor.ts';
import type { CrashStatus } from './service-process.ts';

const reportEveryMs = 50;

// Before anything is waited for: who started us may be gone by then.
process.once('disconnect', () => process.exit(1));

const { env } = process;
const config = loadConfig({ file: undefined, env });
const context = { config, env, clock: systemClock, logger: createLogger('warn', false), metrics: createMetrics() };
const { allowedLatenessMs, provisionalEveryMs } = config.time;
const { keysMax } = config.limits;
// It takes payments alone, as `eventTypes` says; `ofTypes` stands before it.
const plain = numbered({ allowedLatenessMs, provisionalEveryMs, keysMax });
const one = (hasWebhooks(config) ? alerting(plain, allowedLatenessMs) : plain) as unknown as AnyProcessor;
const shards = Number(env['NUMBERED_SHARDS'] ?? 1);
// By the card again, but as if messages were keyed by something else.
const byCard = { shardedBy: ({ cardId }: { readonly cardId: string }) => [cardId] } as unknown as Partial<AnyProcessor>;
const processor: AnyProcessor = { ...one, shards, ...(env['NUMBERED_ROUTED'] === '1' && byCard) };
const running = asRun(processor);
const infrastructure = await startInfrastructure(context, running, openClickHouse(context));
const store = await openStore(context, () => Promise.resolve(infrastructure.clickhouse));
const archived = await readArchived(context, infrastructure.clickhouse);
const epoch = await prepare(context, infrastructure, { running, store, archived });
const recipes = serviceRecipes({ ...context, infrastructure, epoch, store, processors: running }, {} as Page);
const services = recipes
  .filter(({ name }) => ['webhook', 'clickhouse', ...running.map((each) => each.name)].includes(name))
  .map(({ name, build }) => supervise(name, build, context));

const report = setInterval(() => {
  const seen = services.map((service) => ({ service, status: service.status() }));
  const tasks = seen.flatMap(({ service, status }) =>
    running.some(({ name }) => name === service.name) ? [status] : [],
  );
  const status = tasks.at(-1) as TaskServiceStatus | undefined;
  const parked = tasks.find(({ state }) => state === 'parked');
  const owned = (status?.shards ?? []).filter(({ state }) => state === 'owner');
  const said: CrashStatus = {
    isOwner: owned.length > 0,
    owned: owned.map(({ shard }) => shard),
    isStandby: (status?.shards ?? []).some(({ state }) => state === 'standing_by'),
    takeoverMs: owned[0]?.takeoverMs ?? null,
    folded: (status?.shards ?? []).reduce((sum, { totals }) => sum + totals.records, 0),
    parked: parked ? (parked.detail ?? parked.state) : null,
    services: seen.map(({ service: { name, restarts }, status: { state, detail = '' } }) => {
      return `${name}: ${state}, started again ${restarts()} times; ${detail}`;
    }),
    rssPeakBytes: process.resourceUsage().maxRSS * 1_024,
  };
  process.send?.(said, undefined, undefined, () => {});
}, reportEveryMs);

const drain = async (): Promise<void> => {
  clearInterval(report);
  await stopServices(services, infrastructure.isFreshBroker);
  await infrastructure.close();
  endProcess(0, infrastructure.kafka.isAnyLeftBehind());
};
process.once('SIGTERM', () => void drain());
