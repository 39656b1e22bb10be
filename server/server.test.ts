import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { createAuthenticate } from './authenticate.ts';
import type { ReadyCheck } from './health.ts';
import { createServer, type Server, type ServerOptions } from './server.ts';

let folder = '';
const servers: Server[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'millrace-page-'));
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.drain();
  rmSync(folder, { recursive: true, force: true });
});

async function build(over: Partial<ServerOptions> = {}): Promise<Server> {
  const server = await createServer({
    host: '127.0.0.1',
    port: 0,
    authenticate: createAuthenticate({ apiKeys: [{ name: 'k', secret: 'key-one' }], nowMs: () => Date.now() }),
    hasCredentials: true,
    allowedHosts: [],
    allowedOrigins: [],
    bodyBytesMax: 1_048_576,
    version: '0.0.1',
    pageDir: folder,
    readiness: () => [],
    stalled: () => [],
    live: () => null,
    routes: [(app) => void app.get('/v1/hello', () => ({ hello: true }))],
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
    ...over,
  });
  servers.push(server);
  return server;
}

const host = { host: 'localhost:4700' };
const remote = { ...host, 'x-forwarded-for': '10.0.0.9' };

describe('health', () => {
  test('[K2] it is alive whatever else is', async () => {
    const { app } = await build({ readiness: () => [{ name: 'revenue', isReady: false }] });
    expect((await app.inject({ url: '/livez', headers: host })).json()).toEqual({ alive: true, stalled: [] });
    const stuck = await build({ stalled: () => ['revenue'] });
    const answer = await stuck.app.inject({ url: '/livez', headers: host });
    expect([answer.statusCode, answer.json()]).toEqual([503, { alive: false, stalled: ['revenue'] }]);
  });

  test('[K2] it is ready once every check passes, and says why not before', async () => {
    let checks: readonly ReadyCheck[] = [
      { name: 'clickhouse', isReady: true },
      { name: 'revenue', isReady: false, detail: 'parked: order log is shorter than its snapshot' },
      { name: 'websocket', isReady: false },
    ];
    const { app } = await build({ readiness: () => checks });
    const before = await app.inject({ url: '/readyz', headers: host });
    expect(before.statusCode).toBe(503);
    expect(before.json()).toMatchObject({
      ready: false,
      reasons: ['revenue: parked: order log is shorter than its snapshot', 'websocket: not ready'],
    });
    checks = checks.map((check) => ({ ...check, isReady: true }));
    const after = await app.inject({ url: '/readyz', headers: host });
    expect([after.statusCode, after.json()]).toEqual([200, { ready: true, reasons: [], checks }]);
  });

  test('[K1] a scrape gives every registered metric as Prometheus text', async () => {
    const metrics = createMetrics();
    metrics.counter('millrace_test_things_total', 'Things', ['kind']).inc({ kind: 'a' }, 3);
    const { app } = await build({ metrics });
    await app.inject({ url: '/livez', headers: host });
    const scrape = await app.inject({ url: '/metrics', headers: host });
    expect(scrape.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(scrape.body).toContain('millrace_test_things_total{kind="a"} 3');
    expect(scrape.body).toContain('millrace_http_requests_total{method="GET",route="/livez",status="200"} 1');
    expect(scrape.body).not.toContain('undefined');
  });
});

describe('who may ask', () => {
  test.each([
    ['no key', {}, 401],
    ['a wrong key', { 'x-api-key': 'wrong' }, 401],
    ['a wrong bearer', { authorization: 'Bearer wrong' }, 401],
    ['another scheme', { authorization: 'Basic a2V5LW9uZQ==' }, 401],
    ['a key', { 'x-api-key': 'key-one' }, 200],
    ['a bearer', { authorization: 'bearer key-one' }, 200],
  ])('[I5] from elsewhere with %s', async (_what, headers, status) => {
    const { app } = await build();
    for (const url of ['/v1/hello', '/metrics'])
      expect((await app.inject({ url, headers: { ...remote, ...headers } })).statusCode).toBe(status);
    for (const url of ['/livez', '/readyz', '/', '/docs'])
      expect((await app.inject({ url, headers: { ...remote, ...headers } })).statusCode).toBe(200);
  });

  test('[I5] this machine needs no key, but a wrong one is refused', async () => {
    const { app } = await build();
    expect((await app.inject({ url: '/v1/hello', headers: host })).statusCode).toBe(200);
    const wrong = await app.inject({ url: '/v1/hello', headers: { ...host, 'x-api-key': 'wrong' } });
    expect([wrong.statusCode, wrong.json().error]).toEqual([401, 'unauthorised']);
  });

  test('a name that was pointed here, and a page from elsewhere, are refused', async () => {
    const { app } = await build();
    const rebound = await app.inject({ url: '/v1/hello', headers: { host: 'evil.example' } });
    expect([rebound.statusCode, rebound.json().error]).toEqual([403, 'host_not_allowed']);
    const foreign = await app.inject({ url: '/v1/hello', headers: { ...host, origin: 'https://evil.example' } });
    expect([foreign.statusCode, foreign.json().error]).toEqual([403, 'origin_not_allowed']);
    expect((await app.inject({ url: '/', headers: { host: 'evil.example' } })).statusCode).toBe(403);
  });

  test('an address from elsewhere is slowed down, this machine is not', async () => {
    const { app } = await build({ requestsPerMinuteMax: 2 });
    const ask = (headers: Record<string, string>) => app.inject({ url: '/v1/hello', headers });
    const keyed = { ...remote, 'x-api-key': 'key-one' };
    const statuses = [await ask(keyed), await ask(keyed), await ask(keyed)].map(({ statusCode }) => statusCode);
    expect(statuses).toEqual([200, 200, 429]);
    expect((await ask(host)).statusCode).toBe(200);
  });
});

describe('the page', () => {
  test('until it is built `/` asks again each second; then it is served, with hashed files for good', async () => {
    const { app } = await build({ pageDir: join(folder, 'dashboard') });
    const before = await app.inject({ url: '/', headers: host });
    expect(before.body).toContain('http-equiv="refresh"');
    expect(before.headers['cache-control']).toBe('no-store');
    mkdirSync(join(folder, 'dashboard', 'assets'), { recursive: true });
    writeFileSync(join(folder, 'dashboard', 'index.html'), '<!doctype html><p>built</p>');
    writeFileSync(join(folder, 'dashboard', 'assets', 'app-1.js'), 'export {};');
    const after = await app.inject({ url: '/?x=1', headers: host });
    expect([after.body, after.headers['cache-control']]).toEqual(['<!doctype html><p>built</p>', 'no-cache']);
    const asset = await app.inject({ url: '/assets/app-1.js', headers: host });
    expect([asset.statusCode, asset.headers['cache-control']]).toEqual([200, 'public, max-age=31536000, immutable']);
    expect(asset.headers['content-type']).toContain('javascript');
  });

  test('nothing outside its folder is served', async () => {
    writeFileSync(join(folder, 'secret.txt'), 'secret');
    const { app } = await build({ pageDir: join(folder, 'dashboard') });
    mkdirSync(join(folder, 'dashboard'));
    for (const url of ['/../secret.txt', '/%2e%2e/secret.txt', '/..%2fsecret.txt', '//secret.txt', '/.git/config'])
      expect((await app.inject({ url, headers: host })).body).not.toContain('secret\n');
    expect((await app.inject({ url: '/nothing', headers: host })).json()).toMatchObject({ error: 'not_found' });
  });

  test('scripts and styles come from here alone; only /docs may style inside the page', async () => {
    const { app } = await build();
    const policy = async (url: string): Promise<string> =>
      String((await app.inject({ url, headers: host })).headers['content-security-policy']);
    for (const url of ['/', '/livez', '/nothing']) {
      expect(await policy(url)).toContain("default-src 'self'");
      expect(await policy(url)).not.toContain('unsafe');
    }
    expect(await policy('/docs')).toContain("style-src 'self' 'unsafe-inline'");
    expect(await policy('/docs')).toContain("script-src 'self';");
    const { headers } = await app.inject({ url: '/', headers: host });
    expect(headers).toMatchObject({ 'x-content-type-options': 'nosniff', 'x-frame-options': 'DENY' });
  });

  test('the OpenAPI document names every route, and the docs page has no script inside it', async () => {
    const { app } = await build();
    const document = (await app.inject({ url: '/docs/json', headers: host })).json();
    expect(Object.keys(document.paths)).toEqual(expect.arrayContaining(['/livez', '/readyz', '/metrics', '/v1/hello']));
    const docs = (await app.inject({ url: '/docs', headers: host })).body;
    expect(docs.match(/<script(?![^>]*src=)/g)).toBeNull();
  });
});

describe('listening', () => {
  test('a busy port is named in one line', async () => {
    const first = await build();
    await first.start();
    const port = Number(new URL(first.url()).port);
    const second = await build({ port });
    await expect(second.start()).rejects.toMatchObject({
      code: 'port_busy',
      message: `port ${port} on 127.0.0.1 is in use: stop what listens there, or set server.port (MILLRACE_SERVER_PORT)`,
    });
    expect(second.status().state).toBe('failed');
  });

  test('an address that others can reach needs a credential', async () => {
    const open = { host: '0.0.0.0', hasCredentials: false };
    await expect(build(open)).rejects.toMatchObject({
      code: 'unsafe_bind',
      message: expect.stringContaining('0.0.0.0'),
    });
    await expect(build({ ...open, hasCredentials: true })).resolves.toBeDefined();
  });

  test('a request under way is answered before a drain ends', async () => {
    let release = (): void => {};
    const held = new Promise<void>((resolve) => (release = resolve));
    let asked = 0;
    const slow = async (): Promise<string> => {
      asked += 1;
      await held;
      return 'done';
    };
    const server = await build({ routes: [(app) => void app.get('/v1/slow', slow)] });
    await server.start();
    const answer = fetch(`${server.url()}/v1/slow`).then((response) => response.text());
    await expect.poll(() => asked).toBe(1);
    const drained = server.drain();
    release();
    expect(await answer).toBe('done');
    await drained;
    expect(server.status().state).toBe('stopped');
  });

  test('[I5] upgrades are judged by path, Host and Origin before anybody takes them', async () => {
    const taken: boolean[] = [];
    let isThere = true;
    const server = await build({
      live: () =>
        isThere
          ? (_request, socket, _head, { isLocal }) => {
              taken.push(isLocal);
              socket.end('HTTP/1.1 418 Taken\r\nConnection: close\r\n\r\n');
            }
          : null,
    });
    await server.start();
    const statusOf = (path: string, headers: Record<string, string> = {}): Promise<number> =>
      new Promise((resolve) => {
        const upgrade = { connection: 'Upgrade', upgrade: 'websocket', ...headers };
        const asked = request(`${server.url()}${path}`, { headers: upgrade });
        asked
          .on('response', (response) => resolve(response.statusCode ?? 0))
          .on('error', () => resolve(0))
          .end();
      });
    expect(await statusOf('/v1/live')).toBe(418);
    expect(await statusOf('/v1/live?x=1', { origin: server.url() })).toBe(418);
    expect(await statusOf('/v1/other')).toBe(404);
    expect(await statusOf('/v1/live', { host: 'evil.example' })).toBe(403);
    expect(await statusOf('/v1/live', { origin: 'https://evil.example' })).toBe(403);
    expect(await statusOf('/v1/live', { 'x-forwarded-for': '10.0.0.9' })).toBe(418);
    expect(taken).toEqual([true, true, false]);
    isThere = false;
    expect(await statusOf('/v1/live')).toBe(503);
    const browser = new WebSocket(server.url().replace('http', 'ws') + '/v1/live');
    await new Promise((resolve) => browser.on('error', resolve));
  });
});
