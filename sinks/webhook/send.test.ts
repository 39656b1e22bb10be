import { createServer, type IncomingHttpHeaders, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../telemetry/clock.ts';
import { testAlert } from '../clickhouse/testbed-insights-suite.ts';
import { parseRange } from './addresses.ts';
import type { LookupAll } from './checked-connect.ts';
import { messageOf } from './message.ts';
import { createSender, type SenderOptions } from './send.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const loopback = [parseRange('127.0.0.1')];
const message = messageOf(testAlert(1));
const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  cleanUps.push(() => new Promise((resolve) => server.close(resolve).closeAllConnections()));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`;
}

function senderTo(url: string, changes: Partial<SenderOptions> = {}) {
  const secrets = { current: secret, previous: null };
  const sender = createSender({
    ...{ url, secrets, allowed: loopback, timeoutMs: 60_000, connectionsMax: 2, clock: systemClock },
    ...changes,
  });
  cleanUps.push(() => sender.close());
  return sender;
}

describe('an attempt', () => {
  test('[H7] is a POST that a receiver can verify, and 2xx is delivered', async () => {
    const seen: { method?: string | undefined; headers: IncomingHttpHeaders; body: string }[] = [];
    const url = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        seen.push({ method: request.method, headers: request.headers, body: Buffer.concat(chunks).toString() });
        response.writeHead(204).end();
      });
    });
    expect(await senderTo(url).send(message)).toEqual({ kind: 'delivered', status: 204 });
    const [one] = seen;
    expect(one?.method).toBe('POST');
    const verified = new Webhook(secret).verify(one?.body ?? '', one?.headers as Record<string, string>);
    expect(verified).toMatchObject({ type: 'alert.raised', data: { alertId: 'a1' } });
  });

  test.each([
    [200, 'delivered', undefined],
    [410, 'gone', undefined],
    [400, 'failed', 'HTTP 400'],
    [503, 'failed', 'HTTP 503'],
    [304, 'failed', 'HTTP 304: redirects are not followed'],
  ])('[H8] %i is %s', async (status, kind, detail) => {
    const url = await serve((_, response) => response.writeHead(status).end());
    expect(await senderTo(url).send(message)).toMatchObject({ kind, status, ...(detail && { detail }) });
  });

  test('[H8] says how long the receiver wants to be left alone', async () => {
    const url = await serve((_, response) => response.writeHead(429, { 'retry-after': '7' }).end());
    expect(await senderTo(url).send(message)).toMatchObject({ kind: 'failed', status: 429, retryAfterMs: 7_000 });
  });

  test('[H11] does not follow a redirect', async () => {
    let isFollowed = false;
    const inside = await serve((_, response) => {
      isFollowed = true;
      response.end();
    });
    for (const status of [301, 302, 303, 307, 308]) {
      const url = await serve((_, response) => response.writeHead(status, { location: inside }).end());
      expect(await senderTo(url).send(message)).toMatchObject({ kind: 'failed', status });
    }
    expect(isFollowed).toBe(false);
  });

  test('ends in time with a receiver that says nothing, or never ends', async () => {
    const silent = await serve(() => {});
    const sender = senderTo(silent, { timeoutMs: 50 });
    expect(await sender.send(message)).toMatchObject({
      kind: 'failed',
      status: null,
      detail: 'no answer within 50 ms',
    });
    const endless = await serve((_, response) => void response.writeHead(200).write('x'));
    expect(await senderTo(endless, { timeoutMs: 1_000 }).send(message)).toEqual({ kind: 'delivered', status: 200 });
  });

  test('a receiver that is not there is a failure by its code', async () => {
    const url = await serve(() => {});
    await cleanUps.pop()?.();
    expect(await senderTo(url).send(message)).toMatchObject({ kind: 'failed', detail: 'not reached: ECONNREFUSED' });
  });
});

describe('an address that is refused', () => {
  const names = (...addresses: string[]): LookupAll => {
    return (_, done) =>
      done(
        null,
        addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
      );
  };

  test.each(['127.0.0.1', '[::1]', '[::ffff:127.0.0.1]', '[::127.0.0.1]', '2130706433', '0x7f.1', 'localhost'])(
    '[H11] http://%s is not called',
    async (host) => {
      let isCalled = false;
      const url = new URL(
        await serve((_, response) => {
          isCalled = true;
          response.end();
        }),
      );
      const answer = await senderTo(`http://${host}:${url.port}/`, { allowed: [] }).send(message);
      expect(answer).toMatchObject({ kind: 'failed', status: null });
      expect((answer as { detail: string }).detail).toMatch(/^address refused: [a-zA-Z0-9 ]+$/);
      expect(isCalled).toBe(false);
    },
  );

  test.each([[['127.0.0.1']], [['169.254.169.254']], [['8.8.8.8', '10.0.0.1']], [['2600::1', '::1']], [[]]])(
    '[H11] a name that resolves to %j is not called',
    async (addresses) => {
      const sender = senderTo('http://hooks.example/', { allowed: [], lookupAll: names(...addresses) });
      expect(await sender.send(message)).toMatchObject({ detail: expect.stringMatching(/^address refused: /) });
    },
  );

  test('[H11] a name is asked for with each connection: that it was right before does not help it', async () => {
    const url = new URL(await serve((_, response) => response.writeHead(200, { connection: 'close' }).end()));
    const answers = [names('127.0.0.1'), names('127.0.0.2')];
    const lookupAll: LookupAll = (name, done) => answers.shift()?.(name, done);
    const sender = senderTo(`http://hooks.example:${url.port}/`, { lookupAll });
    expect(await sender.send(message)).toMatchObject({ kind: 'delivered' });
    expect(await sender.send(message)).toMatchObject({ detail: 'address refused: loopback' });
  });
});
