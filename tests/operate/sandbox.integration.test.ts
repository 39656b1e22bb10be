import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startReceiver, type Receiver } from '../../sinks/webhook/webhook-suite.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { decide } from '../decide.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from '../requirements.ts';
import { eventually, program, runningAt, startArgs, stop } from './running.ts';

// Results made again beside a millrace that runs: a spy stands where webhooks would go, and live tables are counted.
/** Looks without a change, 200 ms and more each: a few of the inserts of every table. */
const unchangedMin = 15;
const resultTables = ['window_results', 'late_records', 'dead_letters', 'decisions', 'alerts', 'deliveries', 'events'];

interface Outcome {
  readonly code: number;
  readonly results: number;
  readonly wouldTell: number;
  readonly rejects: number;
  readonly diff: number;
  readonly tables: readonly { readonly table: string; readonly rows: number; readonly onlyLive: number }[];
}

describeUnless([requireKafkaDriver('node-rdkafka'), requireChdb()], 'millrace verify --sandbox', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-sandbox-'));
  let spy: Receiver;
  let service: ChildProcess;
  let env: NodeJS.ProcessEnv = {};
  let url = '';
  let sql: (query: string) => Promise<string>;

  beforeAll(async () => {
    spy = await startReceiver();
    ({ url, sql, env } = await runningAt(folder, spy.url));
    service = spawn(process.execPath, [program, ...startArgs], { env, stdio: 'ignore' });
    await eventually('ready', async () => (await fetch(`${url}/readyz`)).status === 200);
    const rules = `SELECT count() FROM millrace.events WHERE topic = 'millrace.rules'`;
    await eventually('rules', async () => (await sql(rules)) !== '0');
  }, 180_000);

  afterAll(async () => {
    await stop(service);
    await spy.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const sandbox = (...args: readonly string[]): Promise<Outcome> =>
    new Promise((resolve, reject) => {
      const child = execFile(process.execPath, [program, 'verify', '--sandbox', ...args], { env }, (_, out, err) => {
        const line = out.trim().split('\n').at(-1) ?? '';
        if (!line.startsWith('{')) return reject(new Error(err));
        resolve({ ...(JSON.parse(line) as Outcome), code: child.exitCode ?? -1 });
      });
    });
  const liveRows = async (): Promise<readonly string[]> =>
    Promise.all(resultTables.map((table) => sql(`SELECT count() FROM millrace.${table} FINAL`)));

  test(
    '[K5] makes everything again without a webhook or a live row, and finds no difference',
    { timeout: 600_000 },
    async () => {
      const startMs = systemClock.nowMs() - 3 * 3_600_000;
      for (let i = 0; i < 60; i++)
        await pay(url, `p-${i}`, { cardId: i < 12 ? 'attacked' : `card-${i % 7}`, eventTimeMs: startMs + i * 20_000 });
      await eventually('a webhook', async () => spy.received.length > 0);
      const counted = `SELECT sum(count) FROM millrace.revenue_final WHERE output = 'country_1h'`;
      await eventually('all is counted', async () => (await sql(counted)) === '60');
      await eventually(
        'all is decided',
        async () => (await sql('SELECT count() FROM millrace.decisions FINAL')) === '60',
      );
      const untold = `SELECT count() FROM millrace.alert_webhooks WHERE webhook_id NOT IN
        (SELECT webhook_id FROM millrace.deliveries_final WHERE outcome IN ('delivered', 'replaced'))`;
      await eventually('every webhook is recorded', async () => (await sql(untold)) === '0');
      // Tables are filled each at its own pace: all have come when nothing comes any more.
      const now = async (): Promise<string> => [...(await liveRows()), spy.received.length].join();
      let [last, unchanged] = ['', 0];
      await eventually('nothing more comes', async () => {
        const counts = await now();
        unchanged = counts === last ? unchanged + 1 : 0;
        last = counts;
        return unchanged >= unchangedMin;
      });
      const [before, calls] = [await liveRows(), spy.received.length];

      const fraud = await sandbox('mine', '--pipeline', 'fraud');
      const revenue = await sandbox('other', '--pipeline', 'revenue', '--json');
      expect(fraud).toMatchObject({ code: 0, diff: 0, rejects: 0 });
      expect(revenue).toMatchObject({ code: 0, diff: 0, rejects: 0, wouldTell: 0 });
      expect(fraud.wouldTell).toBeGreaterThan(0);
      expect(fraud.tables.find(({ table }) => table === 'decisions')?.rows).toBe(60);
      expect(await sql('SELECT count() FROM millrace_sandbox_mine.decisions_final')).toBe('60');
      expect(await sql(counted.replace('millrace.', 'millrace_sandbox_other.'))).toBe('60');
      expect(await liveRows()).toEqual(before);
      expect(spy.received).toHaveLength(calls);

      // A live row that is not what was made is found; so is what lies in a range alone.
      await sql(
        `INSERT INTO millrace.decisions SELECT * REPLACE (score + 1 AS score) FROM millrace.decisions FINAL WHERE payment_id = 'p-9'`,
      );
      expect(await sandbox('mine', '--pipeline', 'fraud')).toMatchObject({ code: 1, diff: 2 });
      const nothing = await sandbox('mine', '--pipeline', 'fraud', '--to', '2020-01-01T00:00:00Z');
      expect(nothing).toMatchObject({ code: 0, results: 0, diff: 0 });
    },
  );

  test('says what is wrong with its flags', async () => {
    await expect(sandbox('mine')).rejects.toThrow('--pipeline');
    await expect(sandbox('a-b', '--pipeline', 'fraud')).rejects.toThrow('letters, digits and underscores');
    await expect(sandbox('mine', '--pipeline', 'none')).rejects.toThrow('no pipeline none');
    await expect(sandbox('mine', '--pipeline', 'fraud', '--from', 'noon')).rejects.toThrow('noon is no time');
  });
});

async function pay(
  url: string,
  id: string,
  { cardId, eventTimeMs }: { readonly cardId: string; readonly eventTimeMs: number },
): Promise<void> {
  await decide(url, {
    ...{ id, type: 'payment', version: 2, source: 'test', eventTimeMs, key: cardId, merchantId: 'm' },
    ...{ amountMinor: 150, currency: 'EUR', cardId, country: 'IS' },
  });
}
