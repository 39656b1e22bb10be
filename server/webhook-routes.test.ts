import fastify from 'fastify';
import { expect, test } from 'vitest';
import { type WebhookRoutesOptions, webhookRoutes } from './webhook-routes.ts';

const webhookId = `msg_${'0'.repeat(32)}`;

function appWith(changes: Partial<WebhookRoutesOptions> = {}) {
  const asked: unknown[] = [];
  const app = fastify();
  const log: WebhookRoutesOptions['log'] = async (query) => [{ query } as never];
  const ask: WebhookRoutesOptions['ask'] = async (note) => void asked.push(note);
  webhookRoutes({ endpoints: ['ops'], log, ask, ...changes })(app);
  const post = (path: string, payload: object) =>
    app.inject({ method: 'POST', url: `/v1/commands/webhooks/${path}`, payload });
  return { app, asked, post };
}

test('[H12] the log of an endpoint is what is stored', async () => {
  const { app } = appWith();
  const response = await app.inject('/v1/webhooks/deliveries?endpoint=ops&dead=true&limit=7');
  expect(response.json()).toEqual({
    endpoints: ['ops'],
    deliveries: [{ query: { endpoint: 'ops', isDead: true, rowsMax: 7 } }],
  });
  const { app: other } = appWith({ log: () => Promise.reject(new Error('away')) });
  expect((await other.inject('/v1/webhooks/deliveries')).statusCode).toBe(503);
});

test('[H8] a resend and an enabling are events: 202 once they are on their topic', async () => {
  const { asked, post } = appWith();
  expect((await post('resend', { endpoint: 'ops', webhookId })).statusCode).toBe(202);
  expect((await post('resend', { endpoint: 'ops' })).statusCode).toBe(202);
  expect((await post('enable', { endpoint: 'ops' })).statusCode).toBe(202);
  expect(asked).toEqual([
    { endpoint: 'ops', note: 'resend', webhookId },
    { endpoint: 'ops', note: 'resend', webhookId: '' },
    { endpoint: 'ops', note: 'enabled', webhookId: '' },
  ]);
});

test('an unknown endpoint, a wrong id and a broker that is away are told apart', async () => {
  const { asked, post } = appWith();
  expect((await post('enable', { endpoint: 'nobody' })).json()).toMatchObject({ error: 'not_found' });
  expect((await post('resend', { endpoint: 'ops', webhookId: 'x' })).statusCode).toBe(400);
  expect(asked).toEqual([]);
  const { post: postAway } = appWith({ ask: () => Promise.reject(new Error('away')) });
  expect((await postAway('enable', { endpoint: 'ops' })).statusCode).toBe(503);
});
