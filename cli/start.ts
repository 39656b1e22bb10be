import { readFileSync } from 'node:fs';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { run, serviceNames, type Running } from '../main.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { onSignals } from './on-signals.ts';
import { exitCodes, UsageError, type StartOptions } from './options.ts';
import { banner } from './start/banner.ts';
import type { RunContext } from './start/context.ts';
import { assertPortFree } from './start/port-free.ts';
import { hasTerminal } from './start/webhook-endpoints.ts';

/** See `onSignals`. */
const drainMaxMs = 9_500;

/** `millrace start`: runs until SIGINT or SIGTERM, drains and exits 0; a second signal exits at once. */
export async function runStart({ configFile, only, isDemo }: StartOptions): Promise<void> {
  const env = process.env;
  const config = loadConfig({ file: configFile, env, warn: say });
  const logger = createLogger(config.log.level);
  const metrics = createMetrics({ processMetrics: true });
  const context: RunContext = { config, env, clock: systemClock, logger, metrics };
  refuseUnknown(only, serviceNames(context));
  if (config.tasks.startFrom !== 'earliest' && config.tasks.startFrom !== 'latest')
    return refuseStartTime(config.tasks.startFrom);
  await assertPortsFree(config, only);

  const starting = run(context, { only, isDemo: isDemo ?? wantsDemo(config), version: ownVersion() });
  let isRunning = false;
  // Before everything is up there is nothing to drain, and what is waited for (a broker, say) may never come.
  const drainAll = async (): Promise<boolean> => {
    if (!isRunning) return false;
    const { drain, infrastructure } = await starting;
    await drain();
    return infrastructure.kafka.isAnyLeftBehind();
  };
  onSignals({ drain: drainAll, drainMaxMs, say });
  const running = await starting.catch((error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exit(exitCodes.failed);
  });
  isRunning = true;
  running.infrastructure.onBrokerLost(() => {
    logger.error({}, 'the embedded broker is gone, and with it what was not yet in ClickHouse');
    process.exit(exitCodes.brokerLost);
  });
  await sayWhereToLook(running, config);
}

function wantsDemo({ generator, kafka }: Config): boolean {
  return generator.enabled === 'on' || (generator.enabled === 'auto' && kafka.brokers === '');
}

async function assertPortsFree({ server, embedded, clickhouse }: Config, only: StartOptions['only']): Promise<void> {
  if (only?.includes('http') ?? true) await assertPortFree(server.host, server.port, 'MILLRACE_SERVER_PORT');
  if (clickhouse.url === '')
    await assertPortFree('127.0.0.1', embedded.clickhousePort, 'MILLRACE_EMBEDDED_CLICKHOUSE_PORT');
}

async function sayWhereToLook({ services, infrastructure, url }: Running, config: Config): Promise<void> {
  const isHttpWanted = services.some(({ name }) => name === 'http');
  for (let waits = 0; isHttpWanted && url() === null && waits < 100; waits += 1) await systemClock.sleep(50);
  const { brokers, clickhouseUrl } = infrastructure;
  const names = services.map(({ name }) => name);
  const { database } = config.clickhouse;
  const look = { url: url(), brokers, clickhouseUrl, database, services: names, hasTerminal: hasTerminal(config) };
  process.stdout.write(banner(look));
}

function refuseStartTime(startFrom: string): void {
  say(
    `tasks.startFrom: ${startFrom}: a time needs look-ups of offsets by time, which this build lacks; use earliest or latest`,
  );
  process.exitCode = exitCodes.badConfig;
}

function refuseUnknown(only: readonly string[] | undefined, known: readonly string[]): void {
  const unknown = only?.filter((name) => !known.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new UsageError(`--only: no service ${unknown.join(', ')}; there are ${known.join(', ')}`);
}

function ownVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}

function say(message: string): void {
  process.stderr.write(`millrace: ${message}\n`);
}
