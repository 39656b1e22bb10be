import type { FastifyInstance } from 'fastify';
import { requireRight } from './guard.ts';

/** Alerts that stand or stood on a payment, each as it stands now, the newest first. */
export type AlertsOf = (paymentId: string) => Promise<readonly object[]>;

const failure = {
  description: 'ClickHouse does not answer',
  type: 'object',
  properties: { error: { type: 'string' }, message: { type: 'string' } },
};

const schema = {
  tags: ['fraud'],
  summary: 'The alerts that a payment belongs to',
  querystring: {
    type: 'object',
    required: ['payment'],
    properties: { payment: { type: 'string', minLength: 1, description: 'Id of the payment' } },
  },
  response: {
    200: {
      description: 'Alerts as they stand now',
      type: 'object',
      properties: { alerts: { type: 'array', items: { type: 'object', additionalProperties: true } } },
    },
    503: failure,
  },
};

/** `GET /v1/alerts?payment=`, by what is stored. */
export const alertsRoute =
  (alertsOf: AlertsOf) =>
  (app: FastifyInstance): void => {
    app.get<{ Querystring: { payment: string } }>(
      '/v1/alerts',
      { schema, onRequest: requireRight('alerts') },
      async ({ query: { payment } }, reply) => {
        const alerts = await alertsOf(payment).catch(() => null);
        if (alerts) return reply.send({ alerts });
        return reply
          .code(503)
          .header('retry-after', '1')
          .send({ error: 'clickhouse_unavailable', message: 'stored alerts cannot be read now: ask again' });
      },
    );
  };
