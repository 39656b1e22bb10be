import { afterEach, expect, test } from 'vitest';
import { mayRead, type Authenticate, type Principal } from '../../live/principal.ts';
import { minuteMs, movedClock, startRig, until, type Rig, type RigOptions } from './gateway-suite-rig.ts';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});
const start = async (options?: RigOptions): Promise<Rig> => (rig = await startRig(options));

const principals: Readonly<Record<string, Principal>> = {
  all: { subject: 'all', expiresMs: null, channels: null },
  windows: { subject: 'windows', expiresMs: null, channels: ['windows:*'] },
  system: { subject: 'system', expiresMs: null, channels: ['system'] },
};
const byName: Authenticate = (credential) => {
  const principal = credential.method === 'anonymous' ? undefined : principals[credential.secret];
  return principal ? { kind: 'ok', principal } : { kind: 'refused', message: 'the credential is not accepted' };
};

async function asked(authenticate: Authenticate, first: Record<string, unknown>, options: RigOptions = {}) {
  const started = await start({ ...options, authenticate });
  const client = started.raw();
  await until(() => client.of('hello').length === 1);
  client.send(first);
  return client;
}

test.each([
  ['no credential', { method: 'anonymous' }],
  ['a wrong key', { method: 'key', secret: 'wrong' }],
  ['a wrong token', { method: 'jwt', secret: 'a.b.c' }],
])('[I5] %s is refused, with a final close code', async (_what, credential) => {
  const client = await asked(byName, { kind: 'auth', ...credential });
  await until(() => client.closed);
  expect(client.of('error')).toMatchObject([{ code: 'unauthorised' }]);
  expect(client.closed?.code).toBe(4401);
});

test('[I5] a client that gives no credential in time is closed', async () => {
  const started = await start({ limits: { authTimeoutMs: 20, heartbeatMs: 20 } });
  const client = started.raw();
  await until(() => client.closed);
  expect(client.closed).toEqual({ code: 4408, reason: 'auth_timeout' });
});

test.each([
  ['all', 'windows:revenue', true],
  ['all', 'system', true],
  ['windows', 'windows:revenue', true],
  ['windows', 'system', false],
  ['windows', 'windows:unknown', null],
  ['system', 'windows:revenue', false],
  ['system', 'nothing', false],
])('[I5] %s may read %s: %s', async (secret, channel, isAllowed) => {
  const client = await asked(byName, { kind: 'auth', method: 'key', secret });
  await until(() => client.of('ready').length === 1);
  client.send({ kind: 'subscribe', id: 1, channel });
  await until(() => client.of('subscribed').length + client.of('error').length === 1);
  const code = client.of('error')[0]?.code;
  expect(code).toBe(isAllowed === null ? 'unknown_channel' : isAllowed ? undefined : 'forbidden_channel');
  expect(client.closed).toBeNull();
});

test('[I5] an expired token closes the socket, a renewed one keeps it', async () => {
  const { clock, pass } = movedClock();
  const expiring: Authenticate = (credential) => {
    const isRenewed = credential.method === 'jwt' && credential.secret === 'renewed';
    const expiresMs = clock.nowMs() + (isRenewed ? 60 : 2) * minuteMs;
    return { kind: 'ok', principal: { subject: 's', expiresMs, channels: null } };
  };
  const started = await start({ authenticate: expiring, clock, limits: { heartbeatMs: 60 * minuteMs } });
  const [left, renewed] = [started.raw(), started.raw()];
  await until(() => left.of('hello').length + renewed.of('hello').length === 2);
  for (const client of [left, renewed]) client.send({ kind: 'auth', method: 'jwt', secret: 'first' });
  await until(() => left.of('ready').length + renewed.of('ready').length === 2);
  renewed.send({ kind: 'auth', method: 'jwt', secret: 'renewed' });
  await until(() => renewed.of('ready').length === 2);
  pass(3 * minuteMs);
  await until(() => left.closed);
  expect(left.closed).toEqual({ code: 4402, reason: 'token_expired' });
  expect(renewed.closed).toBeNull();
});

test('[I5] a renewed token that grants less ends the subscriptions that it does not cover', async () => {
  const client = await asked(byName, { kind: 'auth', method: 'key', secret: 'all' });
  await until(() => client.of('ready').length === 1);
  client.send({ kind: 'subscribe', id: 1, channel: 'system' });
  client.send({ kind: 'subscribe', id: 2, channel: 'windows:revenue' });
  client.send({ kind: 'auth', method: 'key', secret: 'windows' });
  await until(() => client.of('error').length === 1);
  expect(client.of('error')).toMatchObject([{ code: 'forbidden_channel', id: 1 }]);
  expect(rig?.gateway.status().subscriptions).toBe(1);
});

test('the typed client stops trying when its credential is refused', async () => {
  const started = await start({ authenticate: byName });
  const client = started.client({ secret: 'wrong' });
  await until(() => client.status().phase === 'refused');
  expect(client.status()).toMatchObject({ detail: 'the credential is not accepted', reconnects: 0 });
});

test('[I5] rights are names, or beginnings with a star', () => {
  const of = (channels: readonly string[] | null): Principal => ({ subject: 's', expiresMs: null, channels });
  expect(mayRead(of(null), 'anything')).toBe(true);
  expect(mayRead(of([]), 'system')).toBe(false);
  expect(mayRead(of(['windows:*']), 'windows:revenue')).toBe(true);
  expect(mayRead(of(['windows']), 'windows:revenue')).toBe(false);
  expect(mayRead(of(['*']), 'system')).toBe(true);
});
