import { afterEach, describe, expect, test } from 'vitest';
import type { DeadLetter, LateRecord } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import type { ProblemCounts } from '../../live/messages.ts';
import { minuteMs, movedClock, startRig, until, windowRow, type Rig, type RigOptions } from './gateway-suite-rig.ts';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});
const start = async (options?: RigOptions): Promise<Rig> => (rig = await startRig(options));

async function ready(options?: RigOptions) {
  const started = await start(options);
  const client = started.raw();
  await until(() => client.of('hello').length === 1);
  client.send({ kind: 'auth', method: 'anonymous' });
  await until(() => client.of('ready').length === 1);
  return { ...started, client };
}

describe('the protocol', () => {
  test('[I1] hello, auth, subscribe, snapshot, deltas, unsubscribe, in this order, several channels on one socket', async () => {
    const { client, push } = await ready({
      before: ({ push: write, store }) => {
        write(windowRow(0, 'DE/EUR', 1));
        store.catchUp();
      },
    });
    client.send({ kind: 'subscribe', id: 1, channel: 'windows:revenue' });
    client.send({ kind: 'subscribe', id: 2, channel: 'system' });
    await until(() => client.of('snapshot').length === 2);
    const [windowsFeed, systemFeed] = client.of('subscribed').map(({ feed }) => feed);
    expect(windowsFeed).not.toBe(systemFeed);
    const snapshot = client.of('snapshot').find(({ feed }) => feed === windowsFeed);
    expect(snapshot).toMatchObject({
      part: 0,
      isLast: true,
      isPartial: false,
      rows: [{ row: windowRow(0, 'DE/EUR', 1) }],
    });
    push(windowRow(1, 'DE/EUR', 2, 'provisional'));
    await until(() => client.of('delta').some(({ feed }) => feed === windowsFeed));
    const delta = client.of('delta').find(({ feed }) => feed === windowsFeed);
    expect(delta).toMatchObject({ rows: [{ row: windowRow(1, 'DE/EUR', 2, 'provisional') }], expired: [] });
    expect(delta!.prev).toBeLessThanOrEqual(snapshot!.seq);
    expect(delta!.seq).toBeGreaterThan(snapshot!.seq);
    client.send({ kind: 'unsubscribe', id: 1 });
    await until(() => client.of('unsubscribed').length === 1);
    client.send({ kind: 'ping', n: 7 });
    await until(() => client.of('pong').some(({ n }) => n === 7));
  });

  test('[I8] every row says its revision, state and watermark', async () => {
    const { client, push } = await ready();
    client.send({ kind: 'subscribe', id: 1, channel: 'windows:revenue' });
    push(windowRow(0, 'DE/EUR', 9, 'corrected'));
    await until(() => client.received.some((message) => 'rows' in message && message.rows.length === 1));
    const [row] = client.received.flatMap((message) => ('rows' in message ? message.rows : []));
    expect(row).toMatchObject({
      revision: windowRow(0, 'x', 9).revision,
      row: { state: 'corrected', watermarkMs: expect.any(Number) },
    });
  });

  test.each([
    ['bad JSON', '{', 4400, 'bad_message'],
    ['no object', '[1]', 4400, 'bad_message'],
    ['an unknown kind', '{"kind":"drop"}', 4400, 'bad_message'],
    ['bytes', Buffer.from([1, 2]), 1003, 'bad_message'],
    ['more than 64 KiB', `"${'x'.repeat(70_000)}"`, 1009, null],
    ['a subscription before auth', '{"kind":"subscribe","id":1,"channel":"system"}', 4401, 'not_authenticated'],
  ])('[I1] %s is answered with an error and closes this socket alone', async (_what, frame, code, error) => {
    const { gateway, raw } = await start();
    const other = raw();
    const client = raw();
    await until(() => client.of('hello').length === 1 && other.of('hello').length === 1);
    client.socket.send(frame);
    await until(() => client.closed);
    expect(client.closed?.code).toBe(code);
    expect(client.of('error').map((message) => message.code)).toEqual(error === null ? [] : [error]);
    expect(client.of('ready')).toEqual([]);
    await until(() => gateway.status().clients === 1);
    expect(other.closed).toBeNull();
  });

  test.each([
    ['unknown_channel', { channel: 'nothing' }],
    ['unknown_channel', { channel: 'windows:other' }],
    ['bad_params', { channel: 'windows:revenue', params: { outputs: 'country_1m' } }],
    ['bad_params', { channel: 'windows:revenue', params: { since: 1 } }],
    ['bad_params', { channel: 'system', params: { a: 1 } }],
  ])('[I1] %s is told, and the socket stays', async (code, wish) => {
    const { client } = await ready();
    client.send({ kind: 'subscribe', id: 5, ...wish });
    await until(() => client.of('error').length === 1);
    expect(client.of('error')[0]).toMatchObject({ code, id: 5 });
    expect(client.closed).toBeNull();
  });

  test('[I1] one id or channel twice, too many subscriptions and too many messages are refused', async () => {
    const { client } = await ready({ limits: { subscriptionsMax: 2, messagesPerSecondMax: 12 } });
    client.send({ kind: 'subscribe', id: 1, channel: 'system' });
    client.send({ kind: 'subscribe', id: 1, channel: 'problems' });
    client.send({ kind: 'subscribe', id: 2, channel: 'system' });
    client.send({ kind: 'subscribe', id: 2, channel: 'problems' });
    client.send({ kind: 'subscribe', id: 3, channel: 'windows:revenue' });
    client.send({ kind: 'unsubscribe', id: 9 });
    await until(() => client.of('error').length === 4);
    expect(client.of('error').map(({ code }) => code)).toEqual([
      'already_subscribed',
      'already_subscribed',
      'too_many_subscriptions',
      'not_subscribed',
    ]);
    for (let n = 0; n < 30; n++) client.send({ kind: 'ping', n });
    await until(() => client.closed);
    expect(client.closed?.code).toBe(4428);
  });

  test('[I7] a silent client is pinged, and closed when it does not answer', async () => {
    const { clock, pass } = movedClock();
    const { client } = await ready({ clock, limits: { heartbeatMs: minuteMs } });
    for (let pings = 1; pings <= 2; pings++) {
      pass(minuteMs);
      await until(() => client.of('ping').length === pings);
    }
    expect(client.closed).toBeNull();
    pass(minuteMs);
    await until(() => client.closed);
    expect(client.closed).toEqual({ code: 4409, reason: 'heartbeat_missed' });
  });

  test('[I7] a client that answers pings lives on in silence', async () => {
    const { clock, pass } = movedClock();
    const started = await start({ clock, limits: { heartbeatMs: minuteMs } });
    const client = started.client();
    let frames = 0;
    client.sockets[0]?.on('message', () => frames++);
    await until(() => client.status().phase === 'connected');
    for (let pings = 1; pings <= 8; pings++) {
      const before = frames;
      pass(minuteMs);
      await until(() => frames > before);
    }
    expect(client.status()).toMatchObject({ phase: 'connected', reconnects: 0 });
  });

  test('a socket beyond the limit is answered 503', async () => {
    const { client, raw } = await ready({ limits: { clientsMax: 1 } });
    const second = raw();
    const status = await new Promise((resolve) =>
      second.socket.on('unexpected-response', (_request, response) => resolve(response.statusCode)),
    );
    expect(status).toBe(503);
    expect(client.closed).toBeNull();
    second.socket.terminate();
  });

  test('a drain says goodbye to every client', async () => {
    const { client, gateway } = await ready();
    await gateway.drain();
    await until(() => client.closed);
    expect(client.closed).toEqual({ code: 1001, reason: 'shutting_down' });
    expect(gateway.status()).toMatchObject({ state: 'stopped', clients: 0 });
  });
});

describe('snapshots', () => {
  test('[I2] one holds what ClickHouse had, what it had not yet, and no tombstone', async () => {
    const { client } = await ready({
      before: ({ push, store }) => {
        push(windowRow(0, 'DE/EUR', 1));
        push(windowRow(0, 'FR/EUR', 2));
        store.catchUp();
        push(windowRow(0, 'DE/EUR', 3, 'tombstone'));
        push(windowRow(1, 'FR/EUR', 4));
      },
    });
    client.send({ kind: 'subscribe', id: 1, channel: 'windows:revenue' });
    await until(() => client.of('snapshot').length === 1);
    const rows = client.of('snapshot')[0]!.rows.map(({ row }) => row);
    expect(rows).toHaveLength(2);
    expect(rows).toEqual(expect.arrayContaining([windowRow(0, 'FR/EUR', 2), windowRow(1, 'FR/EUR', 4)]));
  });

  test('parameters narrow it, and lastMs counts from the newest window', async () => {
    const { client } = await ready({
      before: ({ push }) => {
        for (let minute = 0; minute < 10; minute++) {
          push(windowRow(minute, 'DE/EUR', minute));
          push(windowRow(minute, 'FR/EUR', minute));
          push(windowRow(minute, 'm1/EUR', minute, 'final', { output: 'merchant_1m' }));
        }
      },
    });
    const params = { outputs: ['country_1m'], keys: ['DE/EUR'], lastMs: 3 * minuteMs };
    client.send({ kind: 'subscribe', id: 1, channel: 'windows:revenue', params });
    await until(() => client.of('snapshot').length === 1);
    const minutes = client.of('snapshot')[0]!.rows.map(({ row }) => row);
    expect(minutes).toEqual([7, 8, 9].map((minute) => windowRow(minute, 'DE/EUR', minute)));
  });

  test('a large one comes in parts', async () => {
    const { client } = await ready({
      limits: { frameRowsMax: 10 },
      before: ({ push }) => {
        for (let key = 0; key < 35; key++) push(windowRow(0, `k${key}`, key));
      },
    });
    client.send({ kind: 'subscribe', id: 1, channel: 'windows:revenue' });
    await until(() => client.of('snapshot').some(({ isLast }) => isLast));
    expect(client.of('snapshot').map(({ part, isLast, rows }) => [part, isLast, rows.length])).toEqual([
      [0, false, 10],
      [1, false, 10],
      [2, false, 10],
      [3, true, 5],
    ]);
  });

  test('without ClickHouse it is partial and pushing goes on; when ClickHouse is back everything comes again', async () => {
    const started = await start({
      before: ({ push, store }) => {
        push(windowRow(0, 'DE/EUR', 1));
        store.catchUp();
        store.isDown = true;
      },
    });
    // Retention: ClickHouse alone has the first row.
    started.source.trim({ topic: resultTopics.windows, partition: 0 }, 1n);
    const client = started.client();
    const partial: boolean[] = [];
    const rows = client.subscribe('windows:revenue', {}, (update) => {
      if (update.kind === 'snapshot') partial.push(update.isPartial);
    });
    await until(() => partial.length === 1);
    started.push(windowRow(1, 'DE/EUR', 2));
    await until(() => rows.rows().size === 1);
    expect(started.gateway.status()).toMatchObject({ state: 'running', detail: 'store down' });
    started.store.isDown = false;
    await until(() => partial.length === 2);
    expect(partial).toEqual([true, false]);
    await until(() => rows.rows().size === 2);
    expect(client.status()).toMatchObject({ resyncs: 1, reconnects: 0 });
    await until(() => started.gateway.status().detail === undefined);
  });

  test('records that are gone from the topic are taken from ClickHouse once it has them, and clients are resynced', async () => {
    const started = await start();
    const client = started.client();
    const rows = client.subscribe('windows:revenue', {}, () => {});
    started.push(windowRow(0, 'aa', 1));
    await until(() => rows.rows().size === 1);
    started.source.setDown(true);
    started.push(windowRow(0, 'bb', 2));
    started.push(windowRow(0, 'cc', 3));
    started.source.trim({ topic: resultTopics.windows, partition: 0 }, 2n);
    started.source.setDown(false);
    await until(() => rows.rows().size === 2);
    expect(started.gateway.status().detail).toContain('gap');
    started.store.catchUp();
    await until(() => rows.rows().size === 3);
    // What ClickHouse had may be pushed before the view is whole again.
    await until(() => client.status().resyncs === 1);
  });

  test('a broker that is away is waited for', async () => {
    const started = await start({ before: ({ source }) => source.setDown(true) });
    const client = started.client();
    const rows = client.subscribe('windows:revenue', {}, () => {});
    await until(() => started.gateway.status().detail);
    started.source.setDown(false);
    started.push(windowRow(0, 'DE/EUR', 1));
    await until(() => rows.rows().size === 1);
    expect(started.gateway.status().state).toBe('running');
  });

  test('windows beyond the horizon leave the view and every client, and do not come back', async () => {
    const started = await start({ limits: { shortHorizonMs: 3 * minuteMs } });
    const client = started.client();
    const rows = client.subscribe('windows:revenue', {}, () => {});
    for (let minute = 0; minute < 6; minute++) started.push(windowRow(minute, 'DE/EUR', minute + 1));
    started.push(windowRow(1, 'DE/EUR', 50, 'corrected'));
    started.push(windowRow(6, 'FR/EUR', 51));
    await until(() => [...rows.rows().values()].some(({ row }) => row.key === 'FR/EUR'));
    await expect
      .poll(() => [...rows.rows().values()].map(({ row }) => row.windowStartMs).sort())
      .toEqual([4, 5, 6].map((minute) => windowRow(minute, '', 1).windowStartMs));
  });
});

describe('the other channels', () => {
  test('system pushes the status, one row', async () => {
    let eventsPerSecond = 0;
    const started = await start({
      limits: { systemEveryMs: 5 },
      systemStatus: () => ({
        clockMs: 1,
        services: [],
        stages: [],
        partitions: [],
        pipelines: [],
        eventsPerSecond: ++eventsPerSecond,
        totals: { deadLetters: 0, late: 0, duplicates: 0, quarantined: 0 },
      }),
    });
    const client = started.client();
    const system = client.subscribe('system', {}, () => {});
    await until(() => (system.rows().get('status')?.row.eventsPerSecond ?? 0) > 5);
    expect(system.rows().size).toBe(1);
  });

  test('problems pushes the newest, without their bytes, and counts each once', async () => {
    const started = await start({ limits: { problemsMax: 3 } });
    const client = started.client();
    const problems = client.subscribe('problems', {}, () => {});
    await until(() => problems.rows().has('counts'));
    const place = { topic: resultTopics.deadLetters, partition: 0 };
    for (let i = 0; i < 5; i++) {
      const value = JSON.stringify(deadLetter(i, i === 4 ? '__proto__' : 'shop'));
      started.source.append(place, [{ value }, { value }]);
    }
    started.source.append(place, [{ value: 'not json' }]);
    started.source.append({ topic: resultTopics.late, partition: 1 }, [{ value: JSON.stringify(lateRecord) }]);
    const counts = (): ProblemCounts => problems.rows().get('counts')?.row as ProblemCounts;
    await until(() => counts()?.late === 1 && counts()?.deadLetters === 5);
    expect(counts()).toMatchObject({ quarantined: 0, byReason: { invalid: 5 } });
    expect(Object.entries(counts().bySource)).toEqual(
      expect.arrayContaining([
        ['shop', 5],
        ['__proto__', 1],
      ]),
    );
    const rows = () => [...problems.rows().values()].map(({ row }) => row).filter(({ kind }) => kind !== 'counts');
    await expect.poll(rows).toHaveLength(3);
    expect(JSON.stringify(rows())).not.toContain('secret');
  });
});

const base = (offset: number) => ({
  pipeline: 'revenue',
  version: 1,
  revision: String(100 + offset),
  producer: windowRow(0, '', 1).producer,
  input: { topic: 'payments', partition: 0, inputOffset: String(offset), timestampMs: 1 },
});

const deadLetter = (offset: number, source: string): DeadLetter => ({
  ...base(offset),
  kind: 'dead-letter',
  reason: 'invalid',
  message: 'amountMinor is required',
  fieldPath: '/amountMinor',
  source,
  keyBase64: 'secret',
  valueBase64: 'secret',
});

const lateRecord: LateRecord = {
  ...base(99),
  kind: 'late',
  output: 'country_1m',
  key: 'DE/EUR',
  windowStartMs: 0,
  windowEndMs: 1,
  eventId: 'e',
  source: 'shop',
  eventTimeMs: 0,
  watermarkMs: 2,
  lateByMs: 1,
  wouldAdd: { count: 1 },
};
