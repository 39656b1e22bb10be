import fastify, { type FastifyInstance } from 'fastify';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import type { RankedItem, RecommendationList } from '../../events/insights.ts';
import { decodeEvent } from '../../events/decode.ts';
import { KafkaError, type OutMessage } from '../../kafka/contract.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { recommendationsRoute, type RecommendationsRouteOptions } from './recommendations-route.ts';

const itemOf = (itemId: string, from?: RankedItem['from']): RankedItem => ({
  ...{ itemId, score: 0.5, reason: 'because' },
  ...(from && { from }),
});
const listOf = (list: RecommendationList['list'], key: string, items: readonly RankedItem[]): RecommendationList => ({
  ...{ kind: 'recommendation-list', pipeline: 'recommendations', version: 1, list, key, items },
  ...{ eventTimeMs: 1_764_000_000_000, clockMs: 1_764_000_001_000, revision: '1' },
  producer: {
    ...{ pipeline: 'recommendations', version: 1, shard: 0, epoch: 1, orderOffset: '1', index: 0, entryId: 'a' },
  },
});

let app: FastifyInstance | undefined;
afterEach(() => app?.close());

const sent: OutMessage[] = [];

async function ask(
  url: string,
  lists: readonly RecommendationList[],
  over: Partial<RecommendationsRouteOptions> = {},
  channels?: string,
) {
  await app?.close();
  const made = fastify({ routerOptions: { maxParamLength: 500 } });
  made.decorateRequest('principal', null);
  made.addHook('onRequest', async (request) => {
    const granted = request.headers['x-channels'];
    if (typeof granted === 'string')
      Object.assign(request, { principal: { subject: 'ada', expiresMs: null, channels: [granted] } });
  });
  app = made;
  sent.length = 0;
  let ids = 0;
  recommendationsRoute({
    newestList: async (list, key) => lists.find((one) => one.list === list && one.key === key) ?? null,
    producer: {
      partitionCount: async () => 2,
      isGated: () => false,
      pendingMessages: () => 0,
      send: async (messages) => {
        sent.push(...messages);
        return messages.map(({ topic, partition }) => ({ topic, partition, messageOffset: 0n }));
      },
    },
    newId: () => `served-${++ids}`,
    clock: systemClock,
    logger: silentLogger,
    metrics: createMetrics(),
    timeoutMs: 200,
    ...over,
  })(made);
  const response = await made.inject({ url, ...(channels !== undefined && { headers: { 'x-channels': channels } }) });
  return { status: response.statusCode, body: response.json<Record<string, unknown>>() };
}

const eventOf = ({ value }: OutMessage): unknown => {
  if (!value) return null;
  const decoded = decodeEvent(value, 0, value.length);
  return decoded.kind === 'event' ? decoded.event : decoded;
};

const own = listOf('personal', 'u/1', [itemOf('a', 'personal'), itemOf('b', 'personal'), itemOf('t', 'trending')]);
const all = listOf('trending', 'all', [itemOf('t'), itemOf('s')]);
const books = listOf('trending', 'books', [itemOf('book')]);

test('[F12] a visitor gets the own list with reasons and an attribution id, and what was served is an event that carries it', async () => {
  const { status, body } = await ask('/v1/recommendations/u%2F1?n=2', [own, all]);
  expect(status).toBe(200);
  expect(body).toEqual({
    ...{ userId: 'u/1', attributionId: 'served-1', list: 'personal', eventTimeMs: own.eventTimeMs },
    items: own.items.slice(0, 2),
  });
  expect(sent).toHaveLength(1);
  expect(sent[0]).toMatchObject({ topic: 'interactions', key: Buffer.from('u/1') });
  expect(eventOf(sent[0] as OutMessage)).toMatchObject({
    ...{ type: 'served', attributionId: 'served-1', userId: 'u/1', list: 'personal', items: ['a', 'b'] },
    eventTimeMs: own.eventTimeMs,
  });
});

test('[F6] a visitor nobody knows gets what trends where they are looking, else all over', async () => {
  const asked = async (query: string) => {
    const { body } = await ask(`/v1/recommendations/new${query}`, [own, all, books]);
    return [body['list'], (body['items'] as RankedItem[]).map(({ itemId, from }) => `${itemId} ${from}`).join()];
  };
  expect(await asked('')).toEqual(['trending', 't trending,s trending']);
  expect(await asked('?category=books')).toEqual(['trending', 'book trending']);
  expect(await asked('?category=unknown')).toEqual(['trending', 't trending,s trending']);
});

test('[F9] nothing is added to a visitor’s own list, were it empty: what it leaves out was bought or just looked at', async () => {
  const ids = fc.uniqueArray(fc.constantFrom('a', 'b', 's', 't'));
  await fc.assert(
    fc.asyncProperty(ids, fc.integer({ min: 1, max: 100 }), async (items, n) => {
      const list = listOf('personal', 'u', items.map((itemId) => itemOf(itemId, 'personal'))); // prettier-ignore
      const { body } = await ask(`/v1/recommendations/u?n=${n}`, [list, all, books]);
      expect((body['items'] as RankedItem[]).map(({ itemId }) => itemId)).toEqual(items.slice(0, n));
    }),
    { numRuns: 25 },
  );
});

test('a token needs the right to the channel of the same name', async () => {
  const status = async (channels: string) => (await ask('/v1/recommendations/u%2F1', [own], {}, channels)).status;
  expect(await status('recommendations:*')).toBe(200);
  expect(await status('recommendations:u/1')).toBe(200);
  expect(await status('recommendations:u')).toBe(403);
  expect(await status('windows:*')).toBe(403);
});

test('n and category are checked', async () => {
  for (const query of ['?n=0', '?n=101', '?n=x', '?n=1.5', '?category='])
    expect(await ask(`/v1/recommendations/u${query}`, [all]), query).toMatchObject({ status: 400 });
  expect(await ask(`/v1/recommendations/${'u'.repeat(201)}`, [all])).toMatchObject({ status: 400 });
  expect(sent).toEqual([]);
});

test('it is 404 while nothing is known at all, and 503 while lists cannot be read', async () => {
  expect(await ask('/v1/recommendations/u', [])).toMatchObject({ status: 404, body: { error: 'no_recommendations' } });
  const newestList = () => Promise.reject(new Error('gone'));
  expect(await ask('/v1/recommendations/u', [], { newestList })).toMatchObject({
    ...{ status: 503, body: { error: 'recommendations_unavailable' } },
  });
  expect(sent).toEqual([]);
});

test('a visitor is served though the record of it cannot be written: without an attribution id', async () => {
  const broken = {
    partitionCount: async () => 1,
    isGated: () => false,
    pendingMessages: () => 0,
    send: () => Promise.reject(new KafkaError('kafka_unavailable', 'gone')),
  };
  for (const producer of [
    broken,
    { ...broken, isGated: () => true },
    { ...broken, send: () => new Promise<never>(() => {}) },
  ])
    expect(await ask('/v1/recommendations/u%2F1', [own], { producer })).toMatchObject({
      ...{ status: 200, body: { attributionId: null, items: own.items } },
    });
});
