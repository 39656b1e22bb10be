import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ClickHouseClient, createClient } from '@clickhouse/client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../telemetry/clock.ts';
import { describeUnless, requireChdb, requireKafkaDriver } from '../tests/requirements.ts';

const program = fileURLToPath(new URL('./millrace.mjs', import.meta.url));
const reasons = [requireKafkaDriver('node-rdkafka'), requireChdb()];

// The commands of an operator against a millrace that runs, as two processes of a user would meet.
describeUnless(reasons, 'commands beside a started millrace', () => {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-operate-'));
  let service: ChildProcess;
  let clickhouse: ClickHouseClient;
  let url = '';
  const env: Record<string, string> = {
    ...{ PATH: process.env['PATH'] ?? '', UV_THREADPOOL_SIZE: '16', MILLRACE_KAFKA_DRIVER: 'node-rdkafka' },
    ...{ MILLRACE_SERVER_PORT: '0', MILLRACE_EMBEDDED_CLICKHOUSE_PORT: '0', MILLRACE_EMBEDDED_DATA_DIR: folder },
    ...{
      MILLRACE_LOG_LEVEL: 'error',
      MILLRACE_TASKS_OWNER_SILENCE_MS: '2000',
      MILLRACE_TASKS_OWNER_HEARTBEAT_MS: '500',
    },
  };

  beforeAll(async () => {
    service = spawn(process.execPath, [program, 'start', '--no-demo'], { stdio: ['ignore', 'pipe', 'ignore'], env });
    let text = '';
    for await (const chunk of service.stdout ?? []) if ((text += String(chunk)).includes('Ctrl-C')) break;
    const found = /SQL\s+curl '(http:\/\/[^/]+:(\d+))/.exec(text);
    url = /Page\s+(\S+)/.exec(text)?.[1] ?? '';
    clickhouse = createClient({ url: found?.[1] ?? '' });
    env['MILLRACE_EMBEDDED_CLICKHOUSE_PORT'] = found?.[2] ?? '';
  });

  afterAll(async () => {
    await clickhouse?.close();
    const ended = new Promise((resolve) => service.once('exit', resolve));
    service.kill('SIGTERM');
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  const millrace = (...args: readonly string[]): Promise<{ code: number; out: string; err: string }> =>
    new Promise((resolve) => {
      const child = execFile(process.execPath, [program, ...args], { env }, (_, out, err) =>
        resolve({ code: child.exitCode ?? -1, out, err }),
      );
    });
  const pay = async (ids: readonly string[], over: object = {}): Promise<void> => {
    const events = ids.map((id) => ({
      ...{
        id,
        type: 'payment',
        version: 2,
        source: 'operate',
        eventTimeMs: systemClock.nowMs(),
        key: 'c',
        cardId: 'c',
      },
      ...{ amountMinor: 100, currency: 'EUR', country: 'IS', ...over },
    }));
    const answer = await fetch(`${url}/v1/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(events),
    });
    expect(answer.status).toBeLessThan(300);
  };
  const rows = async (query: string): Promise<readonly (readonly string[])[]> =>
    (await clickhouse.query({ query, format: 'JSONCompactStringsEachRow' })).json<string[]>();
  const payments = `SELECT sum(count) FROM millrace.revenue_final WHERE output = 'country_1m' AND key = 'IS/EUR'`;

  test('[D4] takes a snapshot by name, lists it, restores it: the same tables again, of a new epoch', async () => {
    await pay(['a1', 'a2', 'a3']);
    await expect.poll(() => rows(payments)).toEqual([['3']]);
    const created = await millrace('snapshot', 'create', 'before', '--pipeline', 'revenue');
    expect(created).toMatchObject({ code: 0, err: '' });
    expect(created.out).toMatch(/^revenue\.v1\..*~before\n$/);
    expect((await millrace('snapshot', 'create', 'before', '--pipeline', 'revenue')).code).toBe(2);
    const listed = await millrace('snapshot', 'list', '--json', '--pipeline', 'revenue');
    const labels = listed.out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { label?: string }).label);
    expect(labels).toContain('before');

    await pay(['b1', 'b2']);
    await expect.poll(() => rows(payments)).toEqual([['5']]);
    const epochs = `SELECT max(epoch) FROM millrace.window_results WHERE pipeline = 'revenue'`;
    const [before] = (await rows(epochs))[0] ?? [];
    const restored = await millrace('restore', '--at', 'before');
    expect(restored).toMatchObject({ code: 0, err: '' });
    expect(restored.out).toBe(`revenue: epoch ${Number(before) + 1} begins at before\n`);
    await expect.poll(() => rows(epochs)).toEqual([[String(Number(before) + 1)]]);
    await pay(['c1']);
    await expect.poll(() => rows(payments)).toEqual([['6']]);
    expect((await millrace('restore', '--at', 'never')).code).toBe(2);
    expect(await millrace('gap', 'list', '--pipeline', 'revenue')).toMatchObject({
      code: 0,
      out: 'revenue: nothing is missing\n',
    });
  }, 600_000);

  test('[A7] lists a dead letter once, whoever refused it, and sends it again once', async () => {
    // Ten minutes: so far ahead that each pipeline refuses it, however late it reads it.
    await pay(['future'], { eventTimeMs: systemClock.nowMs() + 600_000, country: 'NO' });
    type Letter = { readonly id: string; readonly pipelines: readonly string[]; readonly topic: string };
    const list = async () => {
      const lines = (await millrace('dlq', 'list', '--json', '--reason', 'future')).out.split('\n');
      return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Letter);
    };
    // The letters of the pipelines come one by one; all three are one line of the list.
    const whole = { topic: 'payments', pipelines: ['fraud', 'predictions', 'revenue'] };
    await expect.poll(list, { interval: 2_000 }).toMatchObject([whole]);
    const [letter] = (await list()) as [Letter];
    const dry = await millrace('dlq', 'redrive', letter.id, '--dry-run');
    expect(dry.out).toBe('1 would be sent again\n');
    expect(await millrace('dlq', 'redrive', letter.id)).toMatchObject({ code: 0, out: '1 sent again\n' });
    // Its time has not come yet, and it is refused again: it was read again, as a record of its own.
    const again = `SELECT count() FROM millrace.events WHERE has(headers.name, 'millrace-redrive')`;
    await expect.poll(() => rows(again)).toEqual([['1']]);
    expect((await millrace('dlq', 'redrive', letter.id)).code).toBe(2);
  }, 300_000);
});
