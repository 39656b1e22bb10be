import { createHmac, randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { createSigner } from './sign.ts';

const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;
const body = '{"type":"alert.raised","title":"café ✓"}';

test('[H7] the signature is the HMAC-SHA256 of id, seconds and body that the specification describes', () => {
  const secret = newSecret();
  const headers = createSigner({ current: secret, previous: null })('msg_1', 1_764_000_000_999, body);
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64');
  const mac = createHmac('sha256', key).update(`msg_1.1764000000.${body}`).digest('base64');
  expect(headers).toEqual({
    'content-type': 'application/json',
    'webhook-id': 'msg_1',
    'webhook-timestamp': '1764000000',
    'webhook-signature': `v1,${mac}`,
  });
});

test('[H7] while secrets rotate a receiver with either one accepts, and one with another does not', () => {
  const [current, previous] = [newSecret(), newSecret()];
  const headers = createSigner({ current, previous })('msg_1', Date.now(), body);
  for (const secret of [current, previous]) expect(new Webhook(secret).verify(body, headers)).toEqual(JSON.parse(body));
  expect(() => new Webhook(newSecret()).verify(body, headers)).toThrow();
  expect(() => new Webhook(current).verify(`${body} `, headers)).toThrow();
  expect(() => new Webhook(current).verify(body, { ...headers, 'webhook-id': 'msg_2' })).toThrow();
});
