import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../telemetry/clock.ts';
import { freePort } from './free-port.ts';
import { readmeSteps, type ReadmeStep } from './readme-steps.ts';
import { eventually as eventuallyWithin } from './eventually.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from './requirements.ts';

// What the README says under "From an event to an alert", command by command, as somebody would who has just cloned it: in a folder with
// the shipped rules, beside a millrace with its demo. Only ports are others, and `npx millrace` and `npm start` are this tree's program.
const program = fileURLToPath(new URL('../cli/millrace.mjs', import.meta.url));
const shippedRules = fileURLToPath(new URL('../config/rules', import.meta.url));
/** A reader takes a while from step to step: rows and alerts may. */
const patienceMs = 120_000;

describeUnless([requireKafkaDriver('node-rdkafka'), requireChdb()], "a stranger's path", () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-path-'));
  const children: ChildProcess[] = [];
  let env: NodeJS.ProcessEnv = {};
  let url = '';
  let replaced: (commands: string) => string;

  beforeAll(async () => {
    mkdirSync(join(folder, 'config'));
    cpSync(shippedRules, join(folder, 'config', 'rules'), { recursive: true });
    const [port, clickhousePort, terminalPort] = [await freePort(), await freePort(), await freePort()];
    url = `http://127.0.0.1:${port}`;
    replaced = (text) =>
      text
        .replaceAll('127.0.0.1:4700', `127.0.0.1:${port}`)
        .replaceAll('127.0.0.1:18123', `127.0.0.1:${clickhousePort}`)
        .replaceAll('127.0.0.1:4711', `127.0.0.1:${terminalPort}`)
        // A busy machine takes its time, too, to read a rule anew.
        .replaceAll('sleep 3', 'sleep 6')
        .replaceAll('npx millrace', `'${process.execPath}' '${program}'`);
    env = {
      ...process.env,
      UV_THREADPOOL_SIZE: '16',
      MILLRACE_SERVER_PORT: String(port),
      MILLRACE_EMBEDDED_CLICKHOUSE_PORT: String(clickhousePort),
      MILLRACE_WEBHOOKS_TERMINAL_PORT: String(terminalPort),
      MILLRACE_PIPELINES_FRAUD_RULES_DIR: join(folder, 'config', 'rules'),
      MILLRACE_GENERATOR_RATE_PER_SECOND: '20',
      MILLRACE_LOG_LEVEL: 'error',
    };
    children.push(spawn(process.execPath, [program, 'start'], { cwd: folder, env, stdio: 'ignore' }));
    await eventually('ready', async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200);
  }, 180_000);

  afterAll(async () => {
    for (const child of children.reverse()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const gone = once(child, 'exit');
      child.kill('SIGTERM');
      await gone;
    }
    rmSync(folder, { recursive: true, force: true });
  });

  let listenerSaid = '';
  const listen = (commands: string): void => {
    const child = spawn('bash', ['-c', `exec ${commands}`], { cwd: folder, env });
    child.stdout.on('data', (chunk: Buffer) => (listenerSaid += chunk.toString()));
    children.push(child);
  };
  const run = async (commands: string): Promise<string> => {
    const outcome = promisify(execFile)('bash', ['-c', replaced(commands)], { cwd: folder, env });
    return (await outcome.catch((error: { readonly stdout: string }) => error)).stdout.trim();
  };
  /** What only asks may be asked again until it says what the README says. So may who asks for decisions: what was decided is not decided anew. */
  const isAsking = (commands: string): boolean => !/\/v1\/events|sed -i/.test(commands);
  const take = async ({ commands, prints }: ReadmeStep): Promise<void> => {
    if (commands.includes('webhook listen')) {
      listen(commands);
      return eventually(commands, async () => prints.test(listenerSaid.trim().split('\n')[0] ?? ''));
    }
    let said = await run(commands);
    const deadlineMs = performance.now() + patienceMs;
    while (!prints.test(said) && isAsking(commands) && performance.now() < deadlineMs) {
      await systemClock.sleep(200);
      said = await run(commands);
    }
    expect(said, commands).toMatch(prints);
  };

  test('[A3][E1][B5][D7][H7] every command of the README prints what it says: event, alert, webhook, SQL, why, made again, another rule', async () => {
    const steps = readmeSteps('From an event to an alert', replaced);
    expect(steps.length).toBeGreaterThanOrEqual(9);
    expect(steps.filter(({ listenerPrints }) => listenerPrints)).toHaveLength(1);
    for (const step of steps) {
      await take(step);
      const { listenerPrints } = step;
      if (listenerPrints)
        await eventually(`the receiver prints ${listenerPrints}`, async () => listenerPrints.test(listenerSaid));
    }
    expect(JSON.parse(await run('npx millrace verify --all'))).toMatchObject({ different: 0 });
  }, 900_000);

  test('[H12] the log of deliveries has the attempt, by HTTP and by the command line', async () => {
    const response = await fetch(`${url}/v1/webhooks/deliveries?endpoint=terminal&limit=1000`);
    const { deliveries } = (await response.json()) as { readonly deliveries: readonly { readonly outcome: string }[] };
    expect(deliveries.length).toBeGreaterThan(0);
    expect(await run('npx millrace webhook list --all')).toMatch(
      / {2}terminal {2}msg_[0-9a-f]{32} {2}raised of alert \w+ {2}attempt 1 delivered/,
    );
    expect(await run('npx millrace webhook list')).toBe('nothing is dead');
    expect(await run('npx millrace webhook enable terminal')).toBe('asked: terminal enabled');
  });
});

const eventually = (what: string, isSo: () => Promise<boolean>): Promise<void> =>
  eventuallyWithin(what, isSo, { withinMs: patienceMs, everyMs: 100 });
