import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createLiveClient, type LiveClient, type LiveClientOptions } from './client.ts';
import type { SocketLike } from './connection.ts';
import type { ClientMessage, LiveRow, ServerMessage } from './messages.ts';

/** The server's end of a socket, played by the test. */
interface FakeSocket extends SocketLike {
  readonly sent: ClientMessage[];
  readonly closedWith: number[];
  say(...messages: readonly (ServerMessage | Record<string, unknown>)[]): void;
  drop(code?: number, reason?: string): void;
  /** The last subscription asked for. */
  wish(): ClientMessage & { readonly kind: 'subscribe' };
}

function fakeSocket(): FakeSocket {
  const listeners: Record<string, ((event: never) => void)[]> = { message: [], close: [], error: [] };
  const emit = (type: string, event: object): void => listeners[type]?.forEach((listener) => listener(event as never));
  const socket: FakeSocket = {
    sent: [],
    closedWith: [],
    send: (data) => void socket.sent.push(JSON.parse(data) as ClientMessage),
    close: (code = 1000) => void socket.closedWith.push(code),
    addEventListener: (type: string, listener: (event: never) => void) => void listeners[type]?.push(listener),
    say: (...messages) => messages.forEach((message) => emit('message', { data: JSON.stringify(message) })),
    drop: (code = 1006, reason = '') => emit('close', { code, reason }),
    wish: () => socket.sent.findLast((message): message is never => message.kind === 'subscribe') as never,
  };
  return socket;
}

const hello = {
  ...{ kind: 'hello', protocol: 1, instance: 'i', heartbeatMs: 1_000 },
  ...{ authTimeoutMs: 1_000, messageBytesMax: 1, subscriptionsMax: 1 },
};
const readyMessage = { kind: 'ready', subject: 's', expiresMs: null };
const row = (id: string, revision: number, over: object = {}): LiveRow => ({
  id,
  revision: String(revision),
  row: { state: 'final', ...over },
});
const snapshot = (seq: number, rows: readonly LiveRow[], over: object = {}) => ({
  ...{ kind: 'snapshot', feed: 7, part: 0, isLast: true, isPartial: false, seq, resume: `t${seq}`, rows },
  ...over,
});
const delta = (prev: number, seq: number, rows: readonly LiveRow[], expired: readonly string[] = []) => ({
  ...{ kind: 'delta', feed: 7, prev, seq, resume: `t${seq}`, rows, expired },
});

let sockets: FakeSocket[] = [];
let clients: LiveClient[] = [];
const last = (): FakeSocket => sockets.at(-1) as FakeSocket;

function connect(options: Partial<LiveClientOptions> = {}): LiveClient {
  const client = createLiveClient({
    url: 'ws://127.0.0.1:1/v1/live',
    connect: () => {
      sockets.push(fakeSocket());
      return last();
    },
    random: () => 0,
    ...options,
  });
  clients.push(client);
  return client;
}

/** To the point where the server has accepted the credential. */
async function welcome(): Promise<void> {
  last().say(hello);
  await vi.advanceTimersByTimeAsync(0);
  last().say(readyMessage);
}

const subscribed = (mode: 'snapshot' | 'resumed') => ({ kind: 'subscribed', id: last().wish().id, feed: 7, mode });

beforeEach(() => {
  vi.useFakeTimers();
  sockets = [];
  clients = [];
});
afterEach(() => {
  clients.forEach((client) => client.close());
  vi.useRealTimers();
});

describe('the typed client', () => {
  test('[I1] gives its credential after hello, and subscribes once that is accepted', async () => {
    const client = connect({ credential: async () => ({ method: 'key', secret: 'k' }) });
    client.subscribe('windows:revenue', { outputs: ['country_1m'] }, () => {});
    expect(last().sent).toEqual([]);
    last().say(hello);
    await vi.advanceTimersByTimeAsync(0);
    expect(last().sent).toEqual([{ kind: 'auth', method: 'key', secret: 'k' }]);
    last().say(readyMessage);
    expect(last().wish()).toMatchObject({ channel: 'windows:revenue', params: { outputs: ['country_1m'] } });
    expect(client.status()).toMatchObject({ phase: 'connected', waiting: 1, channels: ['windows:revenue'] });
  });

  test('[I2] keeps rows by identity: highest revision, tombstones and expired gone, parts only as a whole', async () => {
    const client = connect();
    const updates: string[] = [];
    const subscription = client.subscribe('windows:revenue', {}, (update) =>
      updates.push(`${update.kind} ${update.rows.map(({ id, revision }) => id + revision).join()}`),
    );
    await welcome();
    last().say(subscribed('snapshot'));
    last().say(snapshot(4, [row('a', 5)], { isLast: false }), snapshot(4, [row('b', 2), row('c', 3)], { part: 1 }));
    last().say(delta(4, 5, [row('a', 4), row('b', 6, { state: 'tombstone' }), row('d', 1)], ['c', 'never']));
    expect([...subscription.rows().keys()]).toEqual(['a', 'd']);
    expect(updates).toEqual(['snapshot a5,b2,c3', 'delta b6,d1']);
  });

  test('[I3] goes on from its token after a drop, without repeating or losing a row', async () => {
    const client = connect();
    const told: string[] = [];
    client.subscribe('windows:revenue', {}, (update) =>
      told.push(...update.rows.map(({ id, revision }) => id + revision)),
    );
    await welcome();
    last().say(subscribed('snapshot'), snapshot(1, [row('a', 1)]), delta(1, 3, [row('a', 2)]));
    last().drop();
    expect(client.status()).toMatchObject({ phase: 'reconnecting', detail: 'the connection was lost' });
    await vi.advanceTimersByTimeAsync(500);
    await welcome();
    expect(last().wish().resume).toBe('t3');
    last().say(subscribed('resumed'), delta(3, 9, [row('b', 9)]), delta(8, 10, [row('b', 9), row('a', 10)]));
    expect(told).toEqual(['a1', 'a2', 'b9', 'a10']);
    expect(client.status()).toMatchObject({ phase: 'connected', reconnects: 1, resyncs: 0, waiting: 0 });
  });

  test('[I3] a resync keeps showing what it has until the new snapshot is whole', async () => {
    const client = connect();
    const subscription = client.subscribe('windows:revenue', {}, () => {});
    await welcome();
    last().say(subscribed('snapshot'), snapshot(1, [row('a', 1)]));
    last().say({ kind: 'resync', feed: 7, reason: 'rebuilt' }, snapshot(5, [row('b', 1)], { isLast: false }));
    expect([...subscription.rows().keys()]).toEqual(['a']);
    expect(client.status()).toMatchObject({ resyncs: 1, waiting: 1 });
    last().say(snapshot(5, [row('c', 1)], { part: 1 }));
    expect([...subscription.rows().keys()]).toEqual(['b', 'c']);
  });

  test('[I3] a gap makes it ask again from where it stands, and old frames are not taken', async () => {
    const client = connect();
    const subscription = client.subscribe('windows:revenue', {}, () => {});
    await welcome();
    last().say(subscribed('snapshot'), snapshot(1, [row('a', 1)]));
    const first = last().wish().id;
    last().say(delta(2, 3, [row('b', 1)]), delta(3, 4, [row('c', 1)]));
    expect([...subscription.rows().keys()]).toEqual(['a']);
    expect(last().sent.slice(-2)).toMatchObject([
      { kind: 'unsubscribe', id: first },
      { kind: 'subscribe', resume: 't1' },
    ]);
    last().say(subscribed('resumed'), delta(1, 4, [row('b', 1), row('c', 1)]));
    expect([...subscription.rows().keys()]).toEqual(['a', 'b', 'c']);
  });

  test('[I7] answers pings, and gives up on a server that has gone silent', async () => {
    const client = connect();
    await welcome();
    last().say({ kind: 'ping', n: 3 });
    expect(last().sent.at(-1)).toEqual({ kind: 'pong', n: 3 });
    await vi.advanceTimersByTimeAsync(2_499);
    expect(client.status().phase).toBe('connected');
    await vi.advanceTimersByTimeAsync(1);
    expect(client.status()).toMatchObject({ phase: 'reconnecting', detail: 'the server has gone silent' });
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(2);
  });

  test('waits longer from try to try, up to a limit, and starts anew after a success', async () => {
    connect({ random: () => 0.999999 });
    const waits: number[] = [];
    for (let attempt = 0; attempt < 8; attempt++) {
      last().drop();
      const count = sockets.length;
      let waited = 0;
      for (; sockets.length === count; waited += 100) await vi.advanceTimersByTimeAsync(100);
      waits.push(waited);
    }
    expect(waits).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
    await welcome();
    last().drop();
    await vi.advanceTimersByTimeAsync(500);
    expect(sockets).toHaveLength(10);
  });

  test.each([
    [4401, 'refused'],
    [4400, 'refused'],
    [4402, 'reconnecting'],
    [4429, 'reconnecting'],
    [1001, 'reconnecting'],
  ])('[I5] close code %i means: %s', async (code, phase) => {
    const client = connect();
    await welcome();
    last().say({ kind: 'error', code: 'x', message: 'why' });
    last().drop(code, 'reason');
    expect(client.status()).toMatchObject({ phase, detail: 'why' });
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets.length > 1).toBe(phase === 'reconnecting');
  });

  test('a credential that cannot be had is asked for again later', async () => {
    let asked = 0;
    const client = connect({
      credential: () => {
        asked += 1;
        throw new Error('no token');
      },
    });
    last().say(hello);
    await vi.advanceTimersByTimeAsync(600);
    expect(client.status()).toMatchObject({ phase: 'connecting', detail: 'no credential could be had' });
    last().say(hello);
    await vi.advanceTimersByTimeAsync(0);
    expect(asked).toBe(2);
  });

  test('a refused subscription is told to its subscriber alone', async () => {
    const client = connect();
    const errors: string[] = [];
    client.subscribe(
      'alerts',
      {},
      () => {},
      (code) => errors.push(code),
    );
    await welcome();
    last().say({ kind: 'error', id: last().wish().id, code: 'unknown_channel', message: 'no such channel' });
    expect(errors).toEqual(['unknown_channel']);
    expect(client.status().phase).toBe('connected');
  });

  test('a newer protocol is refused, an unknown kind of message and nonsense are passed over', async () => {
    const client = connect();
    last().say({ kind: 'weather', sun: true }, { kind: 'delta' });
    last().say({ ...hello, protocol: 2 });
    expect(client.status()).toMatchObject({ phase: 'refused', detail: expect.stringContaining('protocol 2') });
  });

  test('a closed client says nothing more and opens nothing more', async () => {
    const client = connect();
    const told: string[] = [];
    client.onStatus(({ phase }) => told.push(phase));
    const subscription = client.subscribe('system', {}, () => {});
    await welcome();
    subscription.close();
    expect(last().sent.at(-1)).toMatchObject({ kind: 'unsubscribe' });
    client.close();
    last().drop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sockets).toHaveLength(1);
    expect(told.at(-1)).toBe('closed');
    expect(last().closedWith).toEqual([1000]);
  });
});
