import fastify from 'fastify';
import { expect, test } from 'vitest';
import { decisionRoute, type DecisionsOf } from './decision-route.ts';

const ask = async (url: string, decisionsOf: DecisionsOf) => {
  const app = fastify();
  decisionRoute(decisionsOf)(app);
  const response = await app.inject({ url });
  await app.close();
  return [response.statusCode, response.json<unknown>()];
};
const one = { paymentId: 'p/1', paymentSource: 'shop', outcome: 'decline', features: { card_count_1m: 5 } };

test('the stored decision is given whole', async () => {
  const asked: string[] = [];
  const decisionsOf: DecisionsOf = async (id) => (asked.push(id), [one]);
  expect(await ask('/v1/decisions/p%2F1', decisionsOf)).toEqual([200, one]);
  expect(asked).toEqual(['p/1']);
});

test('what is not stored is 404; of several sources one has to be named', async () => {
  const two: DecisionsOf = async () => [one, { ...one, paymentSource: 'till' }];
  expect(await ask('/v1/decisions/x', async () => [])).toMatchObject([404, { error: 'not_found' }]);
  expect(await ask('/v1/decisions/x?source=other', two)).toMatchObject([404, {}]);
  expect(await ask('/v1/decisions/x', two)).toMatchObject([
    409,
    { message: expect.stringContaining('shop, till'), sources: ['shop', 'till'] },
  ]);
  expect(await ask('/v1/decisions/x?source=till', two)).toMatchObject([200, { paymentSource: 'till' }]);
});

test('without ClickHouse it is 503', async () => {
  expect(await ask('/v1/decisions/x', () => Promise.reject(new Error('gone')))).toMatchObject([503, {}]);
});
