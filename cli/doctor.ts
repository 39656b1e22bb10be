import { statSync } from 'node:fs';
import type { Command } from 'commander';
import { ConfigError, loadConfig } from '../config/load.ts';
import { configSchema, type Config } from '../config/schema.ts';
import { bundleOf, hashOfBundle } from './config-bundle.ts';
import { configFileOf } from './config-file.ts';
import { checkDisk, checkNode, checkPort, checkTools, probeNative, type Check } from './doctor-checks.ts';
import { exitCodes } from './options.ts';

/** `millrace doctor`: what this machine has of what millrace needs. Exit 0, or 1 when something that is needed is not there. */
export function addDoctorCommand(program: Command, env: NodeJS.ProcessEnv): void {
  program
    .command('doctor')
    .description('check this machine: Node, Kafka clients, ClickHouse engine, ports, disk, build tools')
    .option('-c, --config <file>', 'configuration (default: $MILLRACE_CONFIG or config/millrace.yaml)')
    .option('--json', 'print the checks as JSON')
    .addHelpText(
      'after',
      `
Examples:
  millrace doctor
  millrace doctor --json | jq '.checks[] | select(.state != "ok")'`,
    )
    .action(async (flags: { readonly config?: string; readonly json?: boolean }) => {
      const checks = await runChecks(configFileOf(flags.config, env), env);
      if (flags.json) process.stdout.write(`${JSON.stringify({ ok: isWell(checks), checks }, null, 2)}\n`);
      else for (const check of checks) process.stdout.write(`${lineOf(check)}\n`);
      if (!isWell(checks)) process.exitCode = exitCodes.failed;
    });
}

async function runChecks(file: string | undefined, env: NodeJS.ProcessEnv): Promise<readonly Check[]> {
  const { config, check } = await loadForDoctor(file, env);
  const [rdkafka, confluent, chdb] = await Promise.all([
    probeNative('node-rdkafka'),
    probeNative('confluent'),
    probeNative('chdb'),
  ]);
  const clients = oneIsEnough([rdkafka, confluent], config.kafka.driver);
  const isEngineNeeded = config.clickhouse.url === '';
  const ports = [checkPort('page', config.server.host, config.server.port)];
  if (isEngineNeeded) ports.push(checkPort('embedded ClickHouse', '127.0.0.1', config.embedded.clickhousePort));
  return [
    checkNode(),
    check,
    ...clients,
    isEngineNeeded ? chdb : softened(chdb),
    ...(await Promise.all(ports)),
    await checkDisk(config.embedded.dataDir),
    await checkTools(),
  ];
}

/** A faulty configuration is one finding among others; the rest is then checked by the defaults. */
async function loadForDoctor(
  file: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<{ readonly config: Config; readonly check: Check }> {
  const name = 'configuration';
  try {
    const config = loadConfig({ file, env });
    const hash = hashOfBundle(await bundleOf(config));
    const from = file && statSync(file).isFile() ? file : 'defaults';
    return { config, check: { name, state: 'ok', detail: `${from}, hash ${hash}`, data: { hash } } };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return { config: configSchema.parse({}), check: { name, state: 'failed', detail: error.message } };
  }
}

/** The client that is not configured may be missing. */
function oneIsEnough(clients: readonly Check[], driver: Config['kafka']['driver']): readonly Check[] {
  return clients.map((client) => (client.name === `Kafka client ${driver}` ? client : softened(client)));
}

function softened(check: Check): Check {
  return check.state === 'failed' ? { ...check, state: 'warning' } : check;
}

function isWell(checks: readonly Check[]): boolean {
  return checks.every((check) => check.state !== 'failed');
}

function lineOf({ name, state, detail, todo }: Check): string {
  const mark = { ok: 'ok     ', warning: 'warning', failed: 'FAILED ' }[state];
  return `${mark}  ${name}: ${detail}${todo ? `\n         ${todo}` : ''}`;
}
