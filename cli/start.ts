import { loadConfig } from '../config/load.ts';
import { run, serviceNames } from '../main.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { exitCodes, UsageError, type StartOptions } from './options.ts';
import type { RunContext } from './start/context.ts';

/** A drain takes at most this long; then the process ends whatever it was doing. */
const drainMaxMs = 9_500;

/** `millrace start`: runs until SIGINT or SIGTERM, drains and exits 0; a second signal exits at once. */
export async function runStart(options: StartOptions): Promise<void> {
  const env = process.env;
  const config = loadConfig({
    file: options.configFile,
    env,
    warn: (message) => process.stderr.write(`millrace: ${message}\n`),
  });
  const logger = createLogger(config.log.level);
  const context: RunContext = {
    config,
    env,
    clock: systemClock,
    logger,
    metrics: createMetrics({ processMetrics: true }),
  };
  refuseUnknown(options.only, serviceNames(context));
  if (config.tasks.startFrom !== 'earliest' && config.tasks.startFrom !== 'latest')
    return refuseStartTime(config.tasks.startFrom);
  const isEmbedded = config.kafka.brokers === '';
  const isDemo =
    options.isDemo ?? (config.generator.enabled === 'on' || (config.generator.enabled === 'auto' && isEmbedded));

  const starting = run(context, { only: options.only, isDemo });
  onSignals(async () => (await starting).drain());
  const running = await starting;
  running.infrastructure.onBrokerLost(() => {
    logger.error({}, 'the embedded broker is gone, and with it what was not yet in ClickHouse');
    process.exit(exitCodes.brokerLost);
  });
  const { brokers, clickhouseUrl } = running.infrastructure;
  process.stdout.write(
    `millrace runs: ${running.services.map(({ name }) => name).join(', ')}\n` +
      `  Kafka  ${brokers}\n` +
      `  SQL    curl '${clickhouseUrl}/?query=SELECT+*+FROM+${config.clickhouse.database}.revenue_final+ORDER+BY+window_start+DESC+LIMIT+5+FORMAT+PrettyCompact'\n` +
      `  Ctrl-C drains and stops\n`,
  );
}

function refuseStartTime(startFrom: string): void {
  process.stderr.write(
    `millrace: tasks.startFrom: ${startFrom}: a time needs look-ups of offsets by time, which this build does not do; use earliest or latest\n`,
  );
  process.exitCode = exitCodes.badConfig;
}

function refuseUnknown(only: readonly string[] | undefined, known: readonly string[]): void {
  const unknown = only?.filter((name) => !known.includes(name)) ?? [];
  if (unknown.length > 0)
    throw new UsageError(`--only: no service ${unknown.join(', ')}; there are ${known.join(', ')}`);
}

function onSignals(drain: () => Promise<void>): void {
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) process.exit(exitCodes.failed);
    isStopping = true;
    setTimeout(() => process.exit(exitCodes.failed), drainMaxMs).unref();
    void drain().then(
      () => process.exit(exitCodes.ok),
      (error: unknown) => {
        process.stderr.write(`millrace: ${error instanceof Error ? error.message : String(error)}\n`);
        process.exit(exitCodes.failed);
      },
    );
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
}
