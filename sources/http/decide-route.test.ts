import fastify, { type FastifyInstance } from 'fastify';
import { afterEach, describe, expect, test } from 'vitest';
import type { Decision } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import { KafkaError, type OutMessage } from '../../kafka/contract.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createMemorySource, type MemorySource } from '../memory.ts';
import { createAwaitedDecisions } from './awaited-decisions.ts';
import { decideRoute, type DecideRouteOptions } from './decide-route.ts';

const payment = (over: object = {}) => ({
  ...{ id: 'p1', type: 'payment', version: 2, source: 'shop', eventTimeMs: 1_764_000_000_000, key: 'c1' },
  ...{ cardId: 'c1', amountMinor: 1_250, currency: 'EUR', ...over },
});
const decisionOn = (over: Partial<Decision> = {}): Partial<Decision> => ({
  ...{ kind: 'decision', paymentId: 'p1', paymentSource: 'shop', cardId: 'c1', outcome: 'approve', score: 0, ...over },
});

let app: FastifyInstance | undefined;
let source: MemorySource;
afterEach(() => app?.close());

interface Built {
  readonly post: (body: unknown) => Promise<{ status: number; body: Record<string, unknown> }>;
  readonly sent: OutMessage[];
}

/** `decide` is what the pipeline does with a payment that was produced. */
function build(
  decide: (publish: (decision: object, key?: string) => void) => void,
  over: Partial<DecideRouteOptions> = {},
): Built {
  source = createMemorySource();
  const publish = (decision: object, key = 'c1') =>
    void source.append({ topic: resultTopics.decisions, partition: 1 }, [{ key, value: JSON.stringify(decision) }]);
  publish(decisionOn({ score: -1 })); // an old one: what is already there is no answer
  const sent: OutMessage[] = [];
  const fastifyApp = fastify();
  app = fastifyApp;
  decideRoute({
    producer: {
      partitionCount: async () => 2,
      isGated: () => false,
      pendingMessages: () => 0,
      send: async (messages) => {
        sent.push(...messages);
        decide(publish);
        return messages.map(({ topic, partition }) => ({ topic, partition, messageOffset: 0n }));
      },
    },
    decisions: createAwaitedDecisions({ openReader: async () => source.reader(), clock: systemClock, idleMs: 0 }),
    storedDecision: async () => null,
    newId: () => 'made',
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
    decisionTimeoutMs: 60_000,
    ...over,
  })(fastifyApp);
  const post = async (body: unknown) => {
    const response = await fastifyApp.inject({ method: 'POST', url: '/v1/decide', payload: body as object });
    return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
  };
  return { post, sent };
}

describe('POST /v1/decide', () => {
  test('[A3] the answer is the decision that was published on this payment, not an older or another one', async () => {
    const { post, sent } = build((publish) => {
      publish(decisionOn({ paymentSource: 'other' }));
      publish(decisionOn({ paymentId: 'p2' }));
      publish(decisionOn({ outcome: 'decline', score: 90 }));
    });
    const { status, body } = await post(payment());
    expect([status, body]).toEqual([200, decisionOn({ outcome: 'decline', score: 90 })]);
    expect(JSON.parse(Buffer.from(sent[0]?.value ?? []).toString())).toEqual(payment());
  });

  test('many at once each get their own', async () => {
    let n = 0;
    const { post } = build((publish) => {
      const i = n++;
      publish(decisionOn({ paymentId: `p${i}`, score: i }));
    });
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => post(payment({ id: `p${i}` }))));
    for (const { status, body } of answers)
      expect([status, `p${String(body['score'])}`]).toEqual([200, body['paymentId']]);
  });

  test('a decision that is not there in time is 504 with the id', async () => {
    const { post } = build(() => {}, { decisionTimeoutMs: 300 });
    const { status, body } = await post(payment());
    expect(status).toBe(504);
    expect(body).toMatchObject({ error: 'decision_late', id: 'p1' });
  });

  test('a payment that was decided before is not decided again: the stored decision is the answer', async () => {
    const stored = decisionOn({ outcome: 'review' }) as Decision;
    const { post } = build(() => {}, {
      decisionTimeoutMs: 300,
      storedDecision: async ({ source: from, id }) => (from === 'shop' && id === 'p1' ? stored : null),
    });
    expect(await post(payment())).toEqual({ status: 200, body: stored });
  });

  test('what is no payment is refused, and nothing is stored', async () => {
    const { post, sent } = build(() => {});
    const label = {
      ...{ id: 'l1', type: 'label', version: 1, source: 'shop', eventTimeMs: 1, key: 'c1', verdict: 'confirmed' },
      ...{ paymentId: 'p1', paymentEventTimeMs: 0, cardId: 'c1' },
    };
    expect(await post(label)).toMatchObject({ status: 400, body: { faults: [{ path: '/type' }] } });
    expect(await post([payment(), payment()])).toMatchObject({ status: 400, body: { error: 'faulty_events' } });
    expect(await post(payment({ amountMinor: -1 }))).toMatchObject({
      status: 400,
      body: { faults: [{ path: '/amountMinor' }] },
    });
    expect(sent).toEqual([]);
  });

  test('a broker that does not answer is 503, before and after the payment is sent', async () => {
    const { post } = build(() => {
      throw new KafkaError('kafka_unavailable', 'gone', { retryable: true });
    });
    expect(await post(payment())).toMatchObject({ status: 503, body: { error: 'broker_unavailable' } });
    const down = build(() => {});
    source.setDown(true);
    expect(await down.post(payment())).toMatchObject({ status: 503 });
    expect(down.sent).toEqual([]);
  });
});
