import fastify from 'fastify';
import { expect, test } from 'vitest';
import type { Principal } from '../live/principal.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createAccess } from './access.ts';
import { guard } from './guard.ts';
import { sqlRoute, type RunSql } from './sql-route.ts';

const rows = {
  columns: [{ name: 'n', type: 'UInt8' }],
  rows: [[1], ['2'], [null], [[1, 'x']]],
  ...{ isTruncated: false, elapsedMs: 3, rowsRead: 4, bytesRead: 4 },
};
const position = { offset: 7, line: 1, column: 8 };

function build(runSql: RunSql, channels: Principal['channels'] = null, concurrentMax = 2) {
  const app = fastify();
  const metrics = createMetrics();
  const principal = { subject: 'ada', expiresMs: null, channels };
  guard(app, createAccess({ host: '127.0.0.1', allowedHosts: [], allowedOrigins: [] }), () => ({
    kind: 'ok',
    principal,
  }));
  sqlRoute({ runSql, concurrentMax, metrics })(app);
  const ask = (payload: object | string) =>
    app.inject({ method: 'POST', url: '/v1/query', payload, headers: { host: '127.0.0.1' } });
  return { ask, metrics };
}

test('[J8] rows come whole, and each other outcome has its status and code', async () => {
  const fault = { code: 47, name: 'UNKNOWN_IDENTIFIER', message: 'no such column', position };
  const outcomes: readonly (readonly [Awaited<ReturnType<RunSql>>, number, object])[] = [
    [{ kind: 'rows', result: rows }, 200, rows],
    [{ kind: 'refused', why: 'only SELECT' }, 403, { error: 'not_read_only', message: 'only SELECT' }],
    [{ kind: 'failed', fault }, 400, { error: 'query_failed', ...fault }],
    [{ kind: 'unavailable' }, 503, { error: 'clickhouse_unavailable' }],
  ];
  for (const [outcome, status, body] of outcomes) {
    const response = await build(async () => outcome).ask({ sql: 'SELECT 1' });
    expect(response.statusCode).toBe(status);
    expect(response.json()).toMatchObject(body);
  }
});

test.each([[{}], [{ sql: {} }], [{ sql: 'SELECT 1', settings: { readonly: 0 } }], [{ sql: 'x'.repeat(65_537) }]])(
  '[J8] a body that holds no statement is refused before anything runs, and settings beside it are nobody’s: %j',
  async (payload) => {
    let calls = 0;
    const { ask } = build(async () => ((calls += 1), { kind: 'unavailable' }));
    const response = await ask(payload);
    const isStripped = 'settings' in payload;
    expect(response.statusCode).toBe(isStripped ? 503 : 400);
    expect(calls).toBe(isStripped ? 1 : 0);
  },
);

test('[J8] beyond the limit a statement is told to come again, and there is room when one ends', async () => {
  const ends: (() => void)[] = [];
  const { ask, metrics } = build(
    () => new Promise((resolve) => ends.push(() => resolve({ kind: 'rows', result: rows }))),
  );
  const first = [ask({ sql: 'a' }), ask({ sql: 'b' })];
  await expect.poll(() => ends.length).toBe(2);
  const third = await ask({ sql: 'c' });
  expect([third.statusCode, third.headers['retry-after']]).toEqual([429, '1']);
  ends.forEach((end) => end());
  expect((await Promise.all(first)).map(({ statusCode }) => statusCode)).toEqual([200, 200]);
  const fourth = ask({ sql: 'd' });
  await expect.poll(() => ends.length).toBe(3);
  ends[2]?.();
  expect((await fourth).statusCode).toBe(200);
  expect(await metrics.text()).toContain('millrace_sql_statements_total{outcome="too_many"} 1');
});

test.each([
  [['windows:*'], 403],
  [['sql'], 200],
  [['*'], 200],
  [null, 200],
])('[J8][I5] a token with the channels %j may ask: %s', async (channels, status) => {
  const { ask } = build(async () => ({ kind: 'rows', result: rows }), channels);
  expect((await ask({ sql: 'SELECT 1' })).statusCode).toBe(status);
});
