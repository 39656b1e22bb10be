import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { ClickHouseError, ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { describeUnless, requireChdb } from '../tests/requirements.ts';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from './clickhouse.ts';

const run = promisify(execFile);

describeUnless([requireChdb()], 'the embedded ClickHouse', () => {
  let server: EmbeddedClickHouse;
  let client: ClickHouseClient;
  let dataDir = '';
  const start = (dir: string, port = 0) =>
    startEmbeddedClickHouse({ dataDir: dir, port, logger: silentLogger, clock: systemClock });

  beforeAll(async () => {
    // What is special in a file pattern or in SQL must not be in a path.
    dataDir = await mkdtemp(join(tmpdir(), "millrace {a,b} it's *-"));
    server = await start(dataDir);
    client = createClient({ url: server.url, log: { level: ClickHouseLogLevel.OFF } });
  });
  afterEach(async () => {
    await client.command({ query: 'DROP TABLE IF EXISTS t' });
  });
  afterAll(async () => {
    await client.close();
    await server.stop();
    await rm(dataDir, { recursive: true, force: true });
  });

  const curl = async (...args: string[]): Promise<string> => (await run('curl', ['-sS', ...args])).stdout;
  const rowsOf = async (query: string): Promise<unknown[]> =>
    (await client.query({ query, format: 'JSONCompactEachRow' })).json();
  const createTable = () =>
    client.command({ query: 'CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a' });

  test('answers a ping and plain curl', async () => {
    expect(await client.ping()).toMatchObject({ success: true });
    expect(await curl(`${server.url}/ping`)).toBe('Ok.\n');
    expect(await curl(server.url)).toBe('Ok.\n');
    expect(await curl(server.url, '--data', 'SELECT 1, 2')).toBe('1\t2\n');
    expect(
      await curl('-u', 'default:secret', `${server.url}/?query=SELECT%201&default_format=JSONCompactEachRow`),
    ).toBe('[1]\n');
    expect(await curl('-G', server.url, '--data-urlencode', 'query=SELECT {x:UInt8} + 1', '-d', 'param_x=41')).toBe(
      '42\n',
    );
  });

  test('takes what @clickhouse/client sends and gives what it needs', async () => {
    await createTable();
    const inserted = await client.insert({
      table: 't',
      values: [{ a: 1, b: 'x\n\ny' }],
      format: 'JSONEachRow',
      query_id: 'insert-1',
    });
    expect(inserted).toMatchObject({ executed: true, query_id: 'insert-1', summary: { written_rows: '1' } });
    const result = await client.query({
      query: 'SELECT a, b, {d:String} AS d, currentDatabase() AS db FROM t',
      query_params: { d: "it's\ta\\b\n" },
      format: 'JSON',
      query_id: 'query-1',
    });
    expect(result.query_id).toBe('query-1');
    expect(result.response_headers).toMatchObject({
      'x-clickhouse-format': 'JSON',
      'x-clickhouse-query-id': 'query-1',
    });
    expect((await result.json()).data).toEqual([{ a: 1, b: 'x\n\ny', d: "it's\ta\\b\n", db: 'default' }]);
    const other = createClient({ url: server.url, database: 'system', compression: { request: true, response: true } });
    expect(
      await (await other.query({ query: 'SELECT name FROM one, databases', format: 'JSONCompactEachRow' })).json(),
    ).toContainEqual(['default']);
    await other.insert({
      table: 'default.t',
      values: Array.from({ length: 5_000 }, (_, a) => [a, `${a}`]),
      format: 'JSONCompactEachRow',
    });
    const many = await other.query({ query: 'SELECT b FROM default.t', format: 'JSONCompactEachRow' });
    expect(many.response_headers['content-encoding']).toBe('gzip');
    expect(await many.json()).toHaveLength(5_001);
    await other.close();
  });

  test('refuses with the code, as an error of the client', async () => {
    const failed = await client.query({ query: 'SELECT * FROM nowhere' }).catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(ClickHouseError);
    expect(failed).toMatchObject({ code: '60', type: 'UNKNOWN_TABLE' });
    await expect(
      client.query({ query: 'SELECT 1', clickhouse_settings: { ['no_such_setting' as string]: 1 } }),
    ).rejects.toMatchObject({ code: '115' });
    await expect(client.query({ query: 'SELECT 1; SELECT 2' })).rejects.toMatchObject({ code: '62' });
    const answer = await fetch(server.url, { method: 'POST', body: 'SELEC' });
    expect(answer.status).not.toBe(200);
    expect(answer.headers.get('x-clickhouse-exception-code')).toBe('47');
    expect(await answer.text()).toMatch(/^Code: 47\. DB::Exception: .*\(UNKNOWN_IDENTIFIER\)\n$/);
  });

  test('a blank line in rows ends nothing and runs nothing', async () => {
    await createTable();
    const attack = '1,"x"\n\nDROP TABLE t;\n';
    const post = (query: string, body: string) =>
      fetch(`${server.url}/?query=${encodeURIComponent(query)}`, { method: 'POST', body });
    for (const [query, body] of [
      ['INSERT INTO t FORMAT CSV', attack],
      ['INSERT INTO t (a, b) SETTINGS async_insert=0 FORMAT CSV', `\n\n${attack}`],
      ['INSERT INTO t FORMAT TabSeparated', '1\tx\n\nDROP TABLE t\n'],
      ['INSERT INTO t FORMAT JSONEachRow', '{"a":1,"b":"x"}\n\nDROP TABLE t\n'],
      ['INSERT INTO t FORMAT Values', "(1,'x')\n\n;DROP TABLE t\n"],
      ['INSERT INTO t VALUES', "(1,'x')\n\n;DROP TABLE t\n"],
      ['', `INSERT INTO t FORMAT CSV\n${attack}`],
      ['/* ; FORMAT x */ INSERT INTO `t` -- FORMAT y\n FORMAT CSV', attack],
    ] as const) {
      await post(query, body);
      expect(await rowsOf("SELECT count() FROM system.tables WHERE name = 't'"), query).toEqual([[1]]);
    }
    await client.command({ query: 'TRUNCATE TABLE t' });
    expect((await post('INSERT INTO t FORMAT CSV', '1,"a\n\nDROP TABLE t;\nb"\n')).status).toBe(200);
    expect(await rowsOf('SELECT b FROM t')).toEqual([['a\n\nDROP TABLE t;\nb']]);
    const viaInput = await post("INSERT INTO t SELECT a, b FROM input('a UInt64, b String') FORMAT CSV", attack);
    expect(viaInput.headers.get('x-clickhouse-exception-code')).toBe('48');
  });

  test('any bytes go in and come out', async () => {
    await createTable();
    const value = Buffer.from(Array.from({ length: 1_024 }, (_, i) => (i * 7) & 0xff));
    const row = Buffer.concat([Buffer.alloc(8), Buffer.from([0x80, 0x08]), value]);
    const gzipped = await fetch(`${server.url}/?query=${encodeURIComponent('INSERT INTO t FORMAT RowBinary')}`, {
      method: 'POST',
      headers: { 'Content-Encoding': 'gzip' },
      body: gzipSync(row),
    });
    expect(gzipped.status).toBe(200);
    const { stream } = await client.exec({ query: 'INSERT INTO t FORMAT RowBinary', values: Readable.from([row]) });
    stream.resume();
    const answer = await fetch(server.url, { method: 'POST', body: 'SELECT b FROM t FORMAT RowBinary' });
    const one = Buffer.concat([Buffer.from([0x80, 0x08]), value]);
    expect(Buffer.from(await answer.arrayBuffer())).toEqual(Buffer.concat([one, one]));
  });

  test('GET only reads, and settings of one request are not those of the next', async () => {
    const get = (query: string) => fetch(`${server.url}/?query=${encodeURIComponent(query)}`);
    expect((await get('CREATE TABLE t (a UInt8) ENGINE = Memory')).headers.get('x-clickhouse-exception-code')).toBe(
      '164',
    );
    expect((await get('SET readonly = 0')).status).toBe(403);
    const strict = await fetch(`${server.url}/?readonly=1&max_threads=1`, {
      method: 'POST',
      body: "SELECT getSetting('max_threads'), getSetting('readonly')",
    });
    expect(await strict.text()).toBe('1\t1\n');
    const limited = await fetch(`${server.url}/?max_result_rows=1`, {
      method: 'POST',
      body: 'SELECT number FROM numbers(100000)',
    });
    expect(limited.headers.get('x-clickhouse-exception-code')).toBe('396');
    expect(await rowsOf('SELECT number FROM numbers(2)')).toHaveLength(2);
  });

  test('a slow query does not hold up inserts', async () => {
    await createTable();
    const slow = client.query({ query: 'SELECT sleepEachRow(0.1) FROM numbers(60) SETTINGS max_block_size = 1' });
    let isSlowDone = false;
    const ended = slow.then(async (result) => {
      await result.text();
      isSlowDone = true;
    });
    await client.insert({ table: 't', values: [[1, 'x']], format: 'JSONCompactEachRow' });
    expect(await rowsOf('SELECT a FROM t')).toEqual([[1]]);
    expect(isSlowDone).toBe(false);
    await ended;
  });

  test('a page of another site is refused', async () => {
    const ask = (headers: Record<string, string>): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        request(`${server.url}/?query=SELECT%201`, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        })
          .on('error', reject)
          .end();
      });
    expect(await ask({})).toBe(200);
    expect(await ask({ origin: 'http://localhost:4700' })).toBe(200);
    expect(await ask({ origin: 'http://evil.example' })).toBe(403);
    expect(await ask({ origin: 'null' })).toBe(403);
    expect(await ask({ host: 'evil.example' })).toBe(403);
    expect(await ask({ 'sec-fetch-site': 'cross-site' })).toBe(403);
  });

  test('what is no request at all does not end it', async () => {
    const ask = (path: string, options: { method?: string; headers?: Record<string, string>; body?: Buffer } = {}) =>
      new Promise<number | undefined>((resolve, reject) => {
        const { hostname, port } = new URL(server.url);
        const sent = request(
          { hostname, port, path, method: options.method ?? 'GET', headers: options.headers ?? {} },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        );
        sent.on('error', reject);
        sent.end(options.body);
      });
    const pid = server.pid();
    expect(await ask('//')).toBe(404);
    expect(await ask('/?%ff=%00&query=%00')).toBeGreaterThanOrEqual(400);
    expect(await ask('/', { method: 'DELETE' })).toBe(501);
    expect(await ask('/', { method: 'POST', headers: { 'content-encoding': 'br' }, body: Buffer.from('x') })).toBe(501);
    expect(
      await ask('/', { method: 'POST', headers: { 'content-encoding': 'gzip' }, body: Buffer.from('not gzip') }),
    ).toBe(400);
    expect(await ask('/', { method: 'POST', body: Buffer.from([39, 255, 0]) })).toBeGreaterThanOrEqual(400);
    expect(server.pid()).toBe(pid);
  });

  test('a body over the limit is refused without being kept', async () => {
    const chunk = Buffer.alloc(4 * 2 ** 20, 'x');
    const body = Readable.from(
      (function* () {
        for (let i = 0; i < 32; i += 1) yield chunk;
      })(),
    );
    const answer = await new Promise<number | string | undefined>((resolve) => {
      const sent = request(server.url, { method: 'POST' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      });
      sent.on('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      body.pipe(sent);
    });
    expect([413, 'EPIPE', 'ECONNRESET']).toContain(answer);
    expect(await rowsOf('SELECT 1')).toEqual([[1]]);
  });

  test('names a busy port, and a data folder that is in use', async () => {
    const busy = createServer().listen(0, '127.0.0.1');
    await once(busy, 'listening');
    const { port } = busy.address() as AddressInfo;
    const otherDir = await mkdtemp(join(tmpdir(), 'millrace-clickhouse-'));
    await expect(start(otherDir, port)).rejects.toMatchObject({
      code: 'port_busy',
      message: expect.stringContaining(`port ${port} is busy`),
    });
    busy.close();
    await expect(start(dataDir)).rejects.toMatchObject({
      code: 'data_dir_in_use',
      message: expect.stringContaining(dataDir),
    });
    await rm(otherDir, { recursive: true, force: true });
  });

  test('kill -9 during inserts loses nothing acknowledged, and it comes back on the same port', async () => {
    await createTable();
    const acknowledged: number[] = [];
    const restarted = new Promise<void>((resolve) => server.onRestart(resolve));
    const firstPid = server.pid();
    const batch = 500;
    for (let i = 0; i < 40; i += 1) {
      if (i === 12) process.kill(firstPid as number, 'SIGKILL'); // it is up
      for (let isDone = false; !isDone;) {
        try {
          const values = Array.from({ length: batch }, (_, k) => [i * batch + k, 'x'.repeat(100)]);
          await client.insert({ table: 't', values, format: 'JSONCompactEachRow' });
          acknowledged.push(i);
          isDone = true;
        } catch {
          await restarted;
        }
      }
    }
    expect(server.pid()).not.toBe(firstPid);
    expect(server.restarts()).toBe(1);
    expect(await rowsOf('SELECT uniqExact(a) FROM t')).toEqual([[acknowledged.length * batch]]);
  });

  test('ends when its parent is killed', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'millrace-clickhouse-'));
    const script = join(dir, 'parent.mts');
    const at = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
    await writeFile(
      script,
      `import { startEmbeddedClickHouse } from ${at('./clickhouse.ts')};
       import { systemClock } from ${at('../telemetry/clock.ts')};
       import { silentLogger } from ${at('../telemetry/logger.ts')};
       const server = await startEmbeddedClickHouse({ dataDir: ${JSON.stringify(join(dir, 'd'))}, port: 0, logger: silentLogger, clock: systemClock });
       process.send({ pid: server.pid(), url: server.url });`,
    );
    const parent = fork(script, { execArgv: ['--import', 'tsx'], cwd: new URL('..', import.meta.url).pathname });
    const [{ pid, url }] = (await once(parent, 'message')) as [{ pid: number; url: string }];
    // Ctrl-C reaches the whole group: it is for the parent to decide.
    process.kill(pid, 'SIGINT');
    expect((await fetch(`${url}/ping`)).status).toBe(200);
    parent.kill('SIGKILL');
    await expect.poll(() => isRunning(pid)).toBe(false);
    await rm(dir, { recursive: true, force: true });
  });
});

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
