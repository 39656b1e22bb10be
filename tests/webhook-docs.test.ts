import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { createSigner } from '../sinks/webhook/sign.ts';

test('[H7] the verification of docs/webhooks.md takes what we sign, with either secret of a rotation, and nothing else', async () => {
  const text = readFileSync(new URL('../docs/webhooks.md', import.meta.url), 'utf8');
  const [, code = ''] = /```js\n([^]*?)```/.exec(text) ?? [];
  type Verify = (headers: unknown, body: string, secret: string, nowMs: number) => boolean;
  const { isFromMillrace } = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    readonly isFromMillrace: Verify;
  };
  const [current, previous, other] = [1, 2, 3].map((fill) => `whsec_${Buffer.alloc(32, fill).toString('base64')}`) as [
    string,
    string,
    string,
  ];
  const atMs = 1_764_000_000_000;
  const headers = createSigner({ current, previous })('msg_1', atMs, '{"a":1}');
  for (const secret of [current, previous]) expect(isFromMillrace(headers, '{"a":1}', secret, atMs)).toBe(true);
  expect(isFromMillrace(headers, '{"a":1}', other, atMs)).toBe(false);
  expect(isFromMillrace(headers, '{"a":2}', current, atMs)).toBe(false);
  expect(isFromMillrace(headers, '{"a":1}', current, atMs + 301_000)).toBe(false);
  expect(isFromMillrace({ ...headers, 'webhook-id': 'msg_2' }, '{"a":1}', current, atMs)).toBe(false);
});
