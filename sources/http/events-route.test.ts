import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import { KafkaError, type OutMessage } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { eventsRoute, type EventsRouteOptions } from './events-route.ts';

const nowMs = 1_764_000_000_000;
const payment = (over: object = {}) => ({
  id: 'p1',
  type: 'payment',
  version: 2,
  source: 'shop',
  eventTimeMs: nowMs - 5,
  key: 'c1',
  cardId: 'c1',
  amountMinor: 1_250,
  currency: 'EUR',
  ...over,
});

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

function build(over: Partial<EventsRouteOptions['producer']> = {}, options: Partial<EventsRouteOptions> = {}) {
  const sent: OutMessage[] = [];
  const metrics = createMetrics();
  let ids = 0;
  app = fastify({ bodyLimit: 1_048_576 });
  app.removeContentTypeParser('text/plain');
  eventsRoute({
    producer: {
      partitionCount: async () => 4,
      isGated: () => false,
      pendingMessages: () => 0,
      send: async (messages) =>
        messages.map((message) => {
          sent.push(message);
          return { topic: message.topic, partition: message.partition, messageOffset: BigInt(sent.length - 1) };
        }),
      ...over,
    },
    newId: () => `made-${++ids}`,
    clock: { ...systemClock, nowMs: () => nowMs },
    logger: silentLogger,
    metrics,
    ...options,
  })(app);
  const post = async (body: unknown, headers = { 'content-type': 'application/json' }) => {
    const payload = typeof body === 'string' ? body : JSON.stringify(body);
    const response = await (app as FastifyInstance).inject({ method: 'POST', url: '/v1/events', payload, headers });
    return { status: response.statusCode, headers: response.headers, body: response.json() };
  };
  return { post, sent, metrics };
}

describe('POST /v1/events', () => {
  test('an event is on its topic, by its key and at our time, before it is answered', async () => {
    const { post, sent } = build();
    const { status, body } = await post(payment());
    const partition = partitionOf(Buffer.from('c1'), 4);
    expect([status, body]).toEqual([
      202,
      { accepted: 1, positions: [{ id: 'p1', topic: 'payments', partition, offset: '0' }] },
    ]);
    expect(sent).toMatchObject([{ topic: 'payments', partition, timestampMs: nowMs }]);
    expect(JSON.parse(Buffer.from(sent[0]!.value!).toString())).toEqual(payment());
  });

  test('a list keeps its order in the answer, whatever the topics', async () => {
    const { post } = build();
    const view = {
      ...{ id: 'i1', type: 'interaction', version: 1, source: 'shop', eventTimeMs: nowMs, key: 'u1' },
      ...{ userId: 'u1', sessionId: 's1', itemId: 'x', action: 'view' },
    };
    const { status, body } = await post([payment({ id: 'a' }), view, payment({ id: 'b' })]);
    expect([status, body.faults]).toEqual([202, undefined]);
    expect(body.positions.map(({ id, topic }: { id: string; topic: string }) => [id, topic])).toEqual([
      ['a', 'payments'],
      ['i1', 'interactions'],
      ['b', 'payments'],
    ]);
  });

  test('only id and source may be left out', async () => {
    const { post, sent } = build();
    const { id: _id, source: _source, ...bare } = payment();
    expect((await post(bare)).body.positions[0].id).toBe('made-1');
    expect(JSON.parse(Buffer.from(sent[0]!.value!).toString())).toMatchObject({ id: 'made-1', source: 'http' });
    for (const name of ['type', 'version', 'eventTimeMs', 'key', 'amountMinor', 'currency']) {
      const { status, body } = await post(payment({ [name]: undefined }));
      expect([status, body.faults[0].path]).toEqual([400, `/${name}`]);
    }
    expect((await post(payment({ id: null }))).body.faults).toEqual([{ path: '/id', message: expect.any(String) }]);
  });

  test('one faulty event and nothing is stored; every fault is named by its path', async () => {
    const { post, sent, metrics } = build();
    const { status, body } = await post([
      payment(),
      payment({ amountMinor: -1, currency: 'euro' }),
      'text',
      payment({ type: 'nothing' }),
      payment({ version: 99 }),
    ]);
    expect([status, body.error, body.faultsTotal]).toEqual([400, 'faulty_events', 5]);
    expect(body.faults.map(({ path }: { path: string }) => path).toSorted()).toEqual([
      '/1/amountMinor',
      '/1/currency',
      '/2',
      '/3/type',
      '/4/version',
    ]);
    expect(JSON.stringify(body)).not.toContain('euro');
    expect(sent).toEqual([]);
    expect(await metrics.text()).toContain('millrace_http_events_total{outcome="faulty"} 5');
  });

  test('a thousand malformed events give a bounded answer', async () => {
    const { post, sent } = build();
    const { status, body } = await post(Array.from({ length: 1_000 }, () => ({})));
    expect([status, body.faultsTotal, body.faults.length, sent.length]).toEqual([400, 1_000, 100, 0]);
  });

  test.each([
    ['not JSON', '{', 'application/json', 400],
    ['nothing', '', 'application/json', 400],
    ['a number', '7', 'application/json', 400],
    ['an empty list', '[]', 'application/json', 400],
    ['a prototype', '{"__proto__":{"a":1}}', 'application/json', 400],
    ['text', 'hello', 'text/plain', 415],
    ['a form', 'a=1', 'application/x-www-form-urlencoded', 415],
    ['10 MB', `"${'x'.repeat(10 * 2 ** 20)}"`, 'application/json', 413],
  ])('a body of %s is refused with a reason', async (_what, body, type, status) => {
    const { post, sent } = build();
    const answer = await post(body, { 'content-type': type });
    expect(answer.status).toBe(status);
    expect(answer.body.message).toEqual(expect.any(String));
    expect(sent).toEqual([]);
  });

  test('more events than one request may hold are refused', async () => {
    const { post } = build({}, { eventsMax: 2 });
    expect((await post([payment(), payment(), payment()])).body.faults).toEqual([
      { path: '', message: 'holds more than 2 events' },
    ]);
  });

  test('a closed gate on any of the partitions, or too much waiting, is 429 with Retry-After', async () => {
    const full = partitionOf(Buffer.from('c2'), 4);
    const gated = build({ isGated: ({ partition }) => partition === full });
    const answer = await gated.post([payment(), payment({ key: 'c2', cardId: 'c2' })]);
    expect([answer.status, answer.headers['retry-after'], gated.sent.length]).toEqual([429, '1', 0]);
    const busy = build({ pendingMessages: () => 100_000 });
    expect((await busy.post(payment())).status).toBe(429);
  });

  test.each([
    ['says nothing', () => new Promise<never>(() => {})],
    ['is away', () => Promise.reject(new KafkaError('kafka_unavailable', 'down'))],
    ['is closed', () => Promise.reject(new KafkaError('kafka_closed', 'closed'))],
  ])('503 when the broker %s, on any question', async (_what, fails) => {
    for (const question of [{ send: fails }, { partitionCount: fails }]) {
      const { post } = build(question, { timeoutMs: 20 });
      const { status, body, headers } = await post(payment());
      expect([status, body.error, headers['retry-after']]).toEqual([503, 'broker_unavailable', '1']);
    }
  });

  test('an event that brokers may not take is a fault, by its path', async () => {
    const { post, sent } = build();
    const { status, body } = await post([payment(), payment({ note: 'x'.repeat(600_000) })]);
    expect([status, body.faults, sent]).toEqual([400, [{ path: '/1', message: 'is larger than 524288 bytes' }], []]);
  });

  test.each([
    ['kafka_unavailable', 0],
    ['kafka_fatal', 1],
    ['kafka_message_too_large', 1],
  ] as const)('after %s the producer is made anew: %i', async (code, times) => {
    let failed = 0;
    const send = () => Promise.reject(new KafkaError(code, 'why'));
    const { post } = build({ send }, { onProducerFailed: () => failed++ });
    await post(payment());
    expect(failed).toBe(times);
  });

  test('413 when the broker takes no event of that size', async () => {
    const { post } = build({ send: () => Promise.reject(new KafkaError('kafka_message_too_large', 'big')) });
    expect((await post(payment())).status).toBe(413);
  });
});
