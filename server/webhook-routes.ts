import type { FastifyInstance, FastifyReply } from 'fastify';
import type { DeliveryAttempt } from '../events/decisions.ts';

export interface WebhookRoutesOptions {
  /** Names of the endpoints that are told about alerts. */
  readonly endpoints: readonly string[];
  /** Stored attempts, newest first. */
  readonly log: (query: {
    readonly endpoint?: string | undefined;
    readonly isDead: boolean;
    readonly rowsMax: number;
  }) => Promise<readonly DeliveryAttempt[]>;
  /** Resolves once the wish is on its topic. */
  readonly ask: (note: {
    readonly endpoint: string;
    readonly note: 'enabled' | 'resend';
    readonly webhookId: string;
  }) => Promise<void>;
}

const failure = (description: string) => ({
  description,
  type: 'object',
  properties: { error: { type: 'string' }, message: { type: 'string' } },
});

const deliveriesSchema = {
  tags: ['webhooks'],
  summary: 'Attempts to deliver webhooks',
  description: 'The newest first; with dead=true only deliveries that were given up and may be sent again.',
  querystring: {
    type: 'object',
    properties: {
      endpoint: { type: 'string', description: 'Of this endpoint only' },
      dead: { type: 'boolean', default: false },
      limit: { type: 'integer', minimum: 1, maximum: 10_000, default: 100 },
    },
  },
  response: {
    200: {
      description: 'Endpoints and attempts',
      type: 'object',
      properties: {
        endpoints: { type: 'array', items: { type: 'string' } },
        deliveries: { type: 'array', items: { type: 'object', additionalProperties: true } },
      },
    },
    503: failure('ClickHouse does not answer'),
  },
};

const accepted = { description: 'The wish is on its topic', type: 'object', properties: { asked: { type: 'string' } } };
const refusals = { 404: failure('No such endpoint'), 503: failure('The broker does not answer') };

const resendSchema = {
  tags: ['webhooks'],
  summary: 'Send a dead delivery again, or all of an endpoint',
  body: {
    type: 'object',
    required: ['endpoint'],
    additionalProperties: false,
    properties: {
      endpoint: { type: 'string' },
      webhookId: { type: 'string', pattern: '^msg_[0-9a-f]{32}$', description: 'Left out: all that are dead' },
    },
  },
  response: { 202: accepted, ...refusals },
};

const enableSchema = {
  tags: ['webhooks'],
  summary: 'Enable an endpoint that answered 410',
  body: {
    type: 'object',
    required: ['endpoint'],
    additionalProperties: false,
    properties: { endpoint: { type: 'string' } },
  },
  response: { 202: accepted, ...refusals },
};

interface Wish {
  readonly endpoint: string;
  readonly webhookId?: string;
}

/** `GET /v1/webhooks/deliveries`, `POST /v1/commands/webhooks/resend`, `POST /v1/commands/webhooks/enable`. */
export const webhookRoutes =
  ({ endpoints, log, ask }: WebhookRoutesOptions) =>
  (app: FastifyInstance): void => {
    app.get<{ Querystring: { endpoint?: string; dead: boolean; limit: number } }>(
      '/v1/webhooks/deliveries',
      { schema: deliveriesSchema },
      async ({ query: { endpoint, dead, limit } }, reply) => {
        const deliveries = await log({ endpoint, isDead: dead, rowsMax: limit }).catch(() => null);
        if (deliveries) return reply.send({ endpoints, deliveries });
        return unavailable(reply, 'clickhouse_unavailable', 'stored attempts cannot be read now: ask again');
      },
    );
    const command = async (reply: FastifyReply, { endpoint, webhookId = '' }: Wish, note: 'enabled' | 'resend') => {
      if (!endpoints.includes(endpoint)) {
        const message = `no endpoint ${endpoint}; there are ${endpoints.join(', ') || 'none'}`;
        return reply.code(404).send({ error: 'not_found', message });
      }
      const isAsked = await ask({ endpoint, note, webhookId }).then(
        () => true,
        () => false,
      );
      if (isAsked) return reply.code(202).send({ asked: note });
      return unavailable(reply, 'broker_unavailable', 'the broker does not answer: ask again');
    };
    app.post<{ Body: Wish }>('/v1/commands/webhooks/resend', { schema: resendSchema }, async ({ body }, reply) =>
      command(reply, body, 'resend'),
    );
    app.post<{ Body: Wish }>('/v1/commands/webhooks/enable', { schema: enableSchema }, async ({ body }, reply) =>
      command(reply, body, 'enabled'),
    );
  };

const unavailable = (reply: FastifyReply, error: string, message: string) =>
  reply.code(503).header('retry-after', '1').send({ error, message });
