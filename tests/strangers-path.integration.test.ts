import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../telemetry/clock.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from './requirements.ts';

// What the README says under "Ask why, change a rule", step by step, as somebody would who has just cloned it.
const program = fileURLToPath(new URL('../cli/millrace.mjs', import.meta.url));
const shippedRules = fileURLToPath(new URL('../config/rules', import.meta.url));

describeUnless([requireKafkaDriver('node-rdkafka'), requireChdb()], "a stranger's path through fraud", () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-path-'));
  const rules = join(folder, 'rules');
  let service: ChildProcess;
  let env: NodeJS.ProcessEnv = {};
  let url = '';
  let clickhouseUrl = '';

  beforeAll(async () => {
    cpSync(shippedRules, rules, { recursive: true });
    const [port, clickhousePort] = [await freePort(), await freePort()];
    [url, clickhouseUrl] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${clickhousePort}`];
    env = {
      ...process.env,
      UV_THREADPOOL_SIZE: '16',
      MILLRACE_SERVER_PORT: String(port),
      MILLRACE_EMBEDDED_CLICKHOUSE_PORT: String(clickhousePort),
      MILLRACE_EMBEDDED_DATA_DIR: join(folder, 'data'),
      MILLRACE_PIPELINES_FRAUD_RULES_DIR: rules,
      MILLRACE_LOG_LEVEL: 'error',
    };
    service = spawn(process.execPath, [program, 'start', '--no-demo'], { env, stdio: 'ignore' });
    await eventually('ready', async () => (await fetch(`${url}/readyz`).catch(() => null))?.status === 200);
    // The first payment may come before the rules: only the very first start of all has none.
    await eventually('rules in force', async () => (await decide('warm-up', 'card-0')).rules.length === 10);
  }, 90_000);

  afterAll(async () => {
    const gone = new Promise((resolve) => service.once('exit', resolve));
    service.kill('SIGTERM');
    await gone;
    rmSync(folder, { recursive: true, force: true });
  });

  let tries = 0;
  const decide = async (prefix: string, cardId: string) => {
    const id = `${prefix}-${++tries}`;
    const event = {
      ...{ id, type: 'payment', version: 2, source: 'readme', eventTimeMs: systemClock.nowMs(), key: cardId },
      ...{ amountMinor: 150, currency: 'EUR', cardId },
    };
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/v1/decide`, { method: 'POST', headers, body: JSON.stringify(event) });
    expect(response.status).toBe(200);
    const decision = (await response.json()) as { outcome: string; ruleSetVersion: string; rules: unknown[] };
    return { id, ...decision };
  };
  const millrace = async (...args: string[]) =>
    (await promisify(execFile)(process.execPath, [program, ...args], { env })).stdout;
  const sql = async (query: string) =>
    (await (await fetch(clickhouseUrl, { method: 'POST', body: query })).text()).trim();

  test('[A3][E1][B5] a fraud is declined, alerted and explained, made again byte for byte, and a changed rule decides the next', async () => {
    const decisions = [];
    for (let i = 0; i < 5; i++) decisions.push(await decide('try', 'card-9'));
    expect(decisions.map(({ outcome }) => outcome)).toEqual(['approve', 'approve', 'approve', 'approve', 'decline']);
    const last = decisions[4] as (typeof decisions)[number];

    const alert = `SELECT transition, severity FROM millrace.alerts_final WHERE entity_id = 'card-9' FORMAT TSV`;
    await eventually('an alert in SQL', async () => (await sql(alert)) === 'raised\thigh');
    const stored = await fetch(`${url}/v1/decisions/${last.id}`);
    expect(await stored.json()).toMatchObject({ paymentId: last.id, outcome: 'decline' });
    expect(await millrace('explain', last.id)).toContain('card-testing (85): 5 small payments in a minute');
    await eventually('the archive', async () => (await sql('SELECT count() FROM millrace.events FINAL')) !== '0');
    await eventually(
      'made again',
      async () => (await millrace('verify', last.id)).trim() === '{"decisions":1,"different":0}',
    );

    const file = join(rules, 'card-testing.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('isOn: true', 'isOn: false'));
    await eventually(
      'another rule set',
      async () => (await decide('next', 'card-8')).ruleSetVersion !== last.ruleSetVersion,
    );
    expect((await decide('try', 'card-9')).outcome).toBe('approve');
    expect(await (await fetch(`${url}/v1/decisions/${last.id}`)).json()).toMatchObject({
      ruleSetVersion: last.ruleSetVersion,
    });
    expect(JSON.parse(await millrace('verify', '--all'))).toMatchObject({ different: 0 });
  }, 90_000);
});

async function eventually(what: string, isSo: () => Promise<boolean>): Promise<void> {
  const deadlineMs = performance.now() + 40_000;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not in time: ${what}`);
    await systemClock.sleep(100);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}
