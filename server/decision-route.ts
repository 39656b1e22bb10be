import type { FastifyInstance } from 'fastify';
import { requireRight } from './guard.ts';

/** Decisions on the payments of one id, one a source; empty when none is stored. */
export type DecisionsOf = (paymentId: string) => Promise<readonly object[]>;

const schema = {
  tags: ['fraud'],
  summary: 'The decision on a payment',
  description:
    'As it was published: outcome, score, every rule with its verdict, every feature, its place in the order log.',
  params: { type: 'object', properties: { id: { type: 'string', description: 'Id of the payment' } } },
  querystring: {
    type: 'object',
    properties: { source: { type: 'string', description: 'Source of the payment, where several have one of this id' } },
  },
  response: {
    200: { description: 'The decision', type: 'object', additionalProperties: true },
    404: failure('No decision on such a payment is stored'),
    409: {
      description: 'Several sources have a payment of this id: say which',
      type: 'object',
      properties: {
        error: { type: 'string' },
        message: { type: 'string' },
        sources: { type: 'array', items: { type: 'string' } },
      },
    },
    503: failure('ClickHouse does not answer'),
  },
};

/** `GET /v1/decisions/:id`, by what is stored. */
export const decisionRoute =
  (decisionsOf: DecisionsOf) =>
  (app: FastifyInstance): void => {
    app.get<{ Params: { id: string }; Querystring: { source?: string } }>(
      '/v1/decisions/:id',
      { schema, onRequest: requireRight('decisions') },
      async ({ params: { id }, query: { source } }, reply) => {
        const stored = await decisionsOf(id).catch(() => null);
        if (!stored)
          return reply
            .code(503)
            .header('retry-after', '1')
            .send({ error: 'clickhouse_unavailable', message: 'stored decisions cannot be read now: ask again' });
        const found = stored.filter((decision) => source === undefined || sourceOf(decision) === source);
        if (found.length === 1) return reply.send(found[0]);
        if (found.length === 0)
          return reply
            .code(404)
            .send({ error: 'not_found', message: `no decision on a payment ${id} is stored (yet)` });
        const sources = found.map((decision) => String(sourceOf(decision)));
        return reply.code(409).send({
          error: 'ambiguous',
          message: `payments of ${sources.join(', ')} have this id: add ?source=`,
          sources,
        });
      },
    );
  };

const sourceOf = (decision: object): unknown => (decision as { readonly paymentSource?: unknown }).paymentSource;

function failure(description: string) {
  return { description, type: 'object', properties: { error: { type: 'string' }, message: { type: 'string' } } };
}
