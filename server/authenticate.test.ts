import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { SignJWT, exportJWK, generateKeyPair } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthenticate } from './authenticate.ts';

const secret = 'a shared secret of at least 32 bytes';
const nowMs = 1_764_000_000_000;
const key = new TextEncoder().encode(secret);
const remote = { isLocal: false };

const signed = (claims: Record<string, unknown> = {}, header: { alg: string } = { alg: 'HS256' }) =>
  new SignJWT({ iss: 'us', aud: 'millrace', sub: 'ada', exp: nowMs / 1_000 + 60, ...claims }).setProtectedHeader(
    header,
  );

describe('a shared secret and keys', () => {
  const authenticate = createAuthenticate({
    apiKeys: [
      { name: 'grafana', secret: 'key-one' },
      { name: 'shop', secret: 'key-two' },
    ],
    jwt: { issuer: 'us', audience: 'millrace', secret },
    nowMs: () => nowMs,
  });
  const judge = async (token: string) => authenticate({ method: 'jwt', secret: token }, remote);

  test('[I5] nothing at all is enough on this machine, and nowhere else', async () => {
    expect(await authenticate({ method: 'anonymous' }, { isLocal: true })).toMatchObject({ kind: 'ok' });
    expect(await authenticate({ method: 'anonymous' }, remote)).toMatchObject({ kind: 'refused' });
  });

  test('[I5] any of the keys is accepted under its name, anything else refused', async () => {
    expect(await authenticate({ method: 'key', secret: 'key-two' }, remote)).toEqual({
      kind: 'ok',
      principal: { subject: 'shop', expiresMs: null, channels: null },
    });
    for (const wrong of ['key-tw', 'key-two ', 'KEY-TWO', 'x'])
      expect(await authenticate({ method: 'key', secret: wrong }, { isLocal: true })).toMatchObject({
        kind: 'refused',
      });
  });

  test('[I5] a token gives its subject, expiry and channels', async () => {
    const token = await signed({ channels: ['windows:*', 7] }).sign(key);
    expect(await judge(token)).toEqual({
      kind: 'ok',
      principal: { subject: 'ada', expiresMs: nowMs + 60_000, channels: ['windows:*'] },
    });
    expect(await judge(await signed({ channels: 'all' }).sign(key))).toMatchObject({ principal: { channels: [] } });
  });

  test.each([
    ['an expired one', { exp: nowMs / 1_000 - 1 }],
    ['one of another issuer', { iss: 'them' }],
    ['one for another audience', { aud: 'other' }],
    ['one that is not valid yet', { nbf: nowMs / 1_000 + 30 }],
    ['one without expiry', { exp: undefined }],
    ['one without subject', { sub: undefined }],
  ])('[I5] of tokens %s is refused', async (_what, claims) => {
    expect(await judge(await signed(claims).sign(key))).toEqual({
      kind: 'refused',
      message: 'the credential is not accepted',
    });
  });

  test('[I5] of tokens one of another key, one unsigned and one in another algorithm are refused', async () => {
    const [head, body] = (await signed().sign(key)).split('.');
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`;
    const others = [
      await signed().sign(new TextEncoder().encode('another secret that is 32 bytes long')),
      await signed({}, { alg: 'HS512' }).sign(new TextEncoder().encode(secret.repeat(3))),
      unsigned,
      `${head}.${body}.AAAA`,
      'a.b.c',
    ];
    for (const token of others) expect(await judge(token)).toMatchObject({ kind: 'refused' });
  });

  test('a short secret is refused at once', () => {
    expect(() =>
      createAuthenticate({ apiKeys: [], jwt: { issuer: 'us', audience: 'm', secret: 'short' }, nowMs: () => 0 }),
    ).toThrow('32 bytes');
  });
});

describe('public keys', () => {
  const server = createServer();
  let url = '';
  let privateKey: Parameters<SignJWT['sign']>[0];
  beforeAll(async () => {
    const pair = await generateKeyPair('ES256');
    privateKey = pair.privateKey;
    const jwk = { ...(await exportJWK(pair.publicKey)), alg: 'ES256', use: 'sig', kid: 'k' };
    server.on('request', (_request, response) => response.end(JSON.stringify({ keys: [jwk] })));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  });
  afterAll(() => void server.close());

  test('[I5] a token is judged by them, and the public key is no shared secret', async () => {
    const authenticate = createAuthenticate({
      apiKeys: [],
      jwt: { issuer: 'us', audience: 'millrace', jwksUrl: url },
      nowMs: () => nowMs,
    });
    const good = await signed({}, { alg: 'ES256' }).sign(privateKey);
    expect(await authenticate({ method: 'jwt', secret: good }, remote)).toMatchObject({ kind: 'ok' });
    const forged = await signed().sign(key);
    expect(await authenticate({ method: 'jwt', secret: forged }, remote)).toMatchObject({ kind: 'refused' });
  });
});
