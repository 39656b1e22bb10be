import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { LiveCredential } from '../live/messages.ts';
import { mayRead, type Authenticate, type Principal } from '../live/principal.ts';
import { isLocalRequest, type Access } from './access.ts';

declare module 'fastify' {
  interface FastifyRequest {
    /** Who asks; null where nobody was asked for. */
    principal: Principal | null;
  }
}

/** Reachable without a credential: they tell nothing but whether we are well, and the page, which holds no data. */
const isOpen = (path: string): boolean => path !== '/metrics' && !path.startsWith('/v1/');

/**
 * Before any route: the Host header must name us, a page must be of an allowed origin, and `/v1/…` and `/metrics` need a credential
 * (`Authorization: Bearer …` or `X-Api-Key`) unless the request comes from this machine.
 */
export function guard(app: FastifyInstance, access: Access, authenticate: Authenticate): void {
  app.decorateRequest('principal', null);
  app.addHook('onRequest', async (request, reply) => {
    const { host, origin } = request.headers;
    if (!access.allowsHost(host))
      return refuse(reply, 403, 'host_not_allowed', 'the Host header names another server: see server.allowedHosts');
    if (!access.allowsOrigin(origin, host))
      return refuse(reply, 403, 'origin_not_allowed', 'pages of this origin may not ask: see server.allowedOrigins');
    const [path = ''] = request.url.split('?', 1);
    if (isOpen(path)) return;
    const outcome = await authenticate(credentialOf(request), { isLocal: isLocalRequest(request.raw) });
    if (outcome.kind === 'ok') {
      request.principal = outcome.principal;
      return;
    }
    void reply.header('www-authenticate', 'Bearer');
    return refuse(reply, 401, 'unauthorised', outcome.message);
  });
}

/** For a route: a token whose claim `channels` does not cover `name` is answered 403. */
export const requireRight =
  (name: string) =>
  async ({ principal }: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> =>
    principal && !mayRead(principal, name)
      ? refuse(reply, 403, 'forbidden', `the token gives no right to ${name}: see its claim channels`)
      : undefined;

/** A JWT has two dots; a key that looks like one is to be sent as `X-Api-Key`. */
function credentialOf({ headers }: FastifyRequest): LiveCredential {
  const key = headers['x-api-key'];
  if (typeof key === 'string') return { method: 'key', secret: key };
  const [, bearer] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (bearer === undefined) return { method: 'anonymous' };
  return { method: bearer.split('.').length === 3 ? 'jwt' : 'key', secret: bearer };
}

function refuse(reply: FastifyReply, status: number, error: string, message: string): FastifyReply {
  return reply.code(status).send({ error, message });
}
