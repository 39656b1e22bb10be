import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkClientMessage, checkServerMessage } from './check.ts';
import { isFinalClose, isNewer, closeCode, type ClientMessage, type ServerMessage } from './messages.ts';

const clientMessages: readonly ClientMessage[] = [
  { kind: 'auth', method: 'anonymous' },
  { kind: 'auth', method: 'key', secret: 's' },
  { kind: 'auth', method: 'jwt', secret: 'a.b.c' },
  { kind: 'subscribe', id: 1, channel: 'windows:revenue', params: { outputs: ['country_1m'] }, resume: 'token' },
  { kind: 'subscribe', id: 0, channel: 'system' },
  { kind: 'unsubscribe', id: 1 },
  { kind: 'ping', n: 1 },
  { kind: 'pong', n: 1 },
];

const rows = [{ id: 'a', revision: '1', row: {} }];
const serverMessages: readonly ServerMessage[] = [
  {
    kind: 'hello',
    protocol: 1,
    instance: 'i',
    heartbeatMs: 1,
    authTimeoutMs: 1,
    messageBytesMax: 1,
    subscriptionsMax: 1,
  },
  { kind: 'ready', subject: 'ada', expiresMs: null },
  { kind: 'subscribed', id: 1, feed: 2, mode: 'resumed' },
  { kind: 'unsubscribed', id: 1 },
  { kind: 'resync', feed: 2, reason: 'too_old' },
  { kind: 'snapshot', feed: 2, part: 0, isLast: true, isPartial: false, seq: 3, resume: 't', rows },
  { kind: 'delta', feed: 2, prev: 3, seq: 4, resume: 't', rows, expired: ['b'] },
  { kind: 'ping', n: 1 },
  { kind: 'pong', n: 1 },
  { kind: 'error', code: 'too_slow', message: 'm' },
];

describe('messages', () => {
  test.each(clientMessages)('[I1] a client may send $kind', (message) => {
    expect(checkClientMessage(JSON.stringify(message))).toEqual({ kind: 'ok', message });
  });

  test.each(serverMessages)('[I1] a server may send $kind', (message) => {
    expect(checkServerMessage(JSON.stringify(message))).toEqual({ kind: 'ok', message });
  });

  test('[I1] a field that is not known is ignored, a needed one that is missing is named', () => {
    expect(checkClientMessage('{"kind":"ping","n":1,"later":true}')).toEqual({
      kind: 'ok',
      message: { kind: 'ping', n: 1 },
    });
    for (const message of serverMessages) {
      const [name] = Object.keys(message).slice(1);
      const { [name as keyof typeof message]: _gone, ...rest } = message;
      expect(checkServerMessage(JSON.stringify(rest))).toMatchObject({
        kind: 'bad',
        why: expect.stringContaining(name!),
      });
    }
  });

  test.each([
    '{"kind":"subscribe","id":-1,"channel":"a"}',
    '{"kind":"subscribe","id":1.5,"channel":"a"}',
    '{"kind":"subscribe","id":1,"channel":""}',
    `{"kind":"subscribe","id":1,"channel":"${'x'.repeat(251)}"}`,
    '{"kind":"subscribe","id":1,"channel":"a","params":[]}',
    '{"kind":"subscribe","id":1,"channel":"a","resume":7}',
    '{"kind":"auth"}',
    '{"kind":"auth","method":"key"}',
    '{"kind":"auth","method":"key","secret":""}',
    '{"kind":"auth","method":"basic","secret":"x"}',
    '{"kind":"unsubscribe"}',
    '{"kind":"ping","n":"1"}',
    '{"kind":"constructor"}',
    'null',
    '',
  ])('[I1] %s is refused', (text) => {
    const checked = checkClientMessage(text);
    expect(checked.kind).toBe('bad');
  });

  test('[I1] no text makes either check throw, and no secret comes back in what is said', () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.anything().map((value) => JSON.stringify(value) ?? ''),
    );
    fc.assert(
      fc.property(text, (frame) => {
        expect(['ok', 'bad']).toContain(checkClientMessage(frame).kind);
        expect(['ok', 'bad']).toContain(checkServerMessage(frame).kind);
      }),
    );
    const refused = checkClientMessage('{"kind":"auth","method":"basic","secret":"hunter2"}');
    expect(JSON.stringify(refused)).not.toContain('hunter2');
  });

  test('revisions compare as the numbers that they are, beyond what a double holds', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 63n }), fc.bigInt({ min: 0n, max: 2n ** 63n }), (a, b) => {
        expect(isNewer(String(a), String(b))).toBe(a > b);
      }),
    );
  });

  test('only what trying again cannot help is final', () => {
    const final = Object.entries(closeCode).filter(([, code]) => isFinalClose(code));
    expect(final.map(([name]) => name)).toEqual(['binary', 'tooBig', 'badMessage', 'unauthorised']);
  });
});
