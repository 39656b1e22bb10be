import type { AddressInfo } from 'node:net';
import type { IncomingMessage } from 'node:http';
import helmet from '@fastify/helmet';
import rateLimit from '@fastify/rate-limit';
import fastify, { type FastifyInstance } from 'fastify';
import type { Authenticate } from '../live/principal.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Service, ServiceStatus } from '../telemetry/service.ts';
import { createAccess, isLocalRequest, isLoopback } from './access.ts';
import { ServerError, listenError } from './errors.ts';
import { answerErrors } from './error-answers.ts';
import { guard } from './guard.ts';
import { healthRoutes, type ReadyCheck } from './health.ts';
import { openApi } from './openapi.ts';
import { page } from './page.ts';
import { observeRequests } from './request-metrics.ts';
import { upgrades, type HandleUpgrade } from './upgrades.ts';

export interface ServerOptions {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly authenticate: Authenticate;
  /** Whether any API key or JWT issuer is configured: needed to listen on anything but loopback. */
  readonly hasCredentials: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly bodyBytesMax: number;
  /** Requests of one address in a minute; this machine's are not counted. */
  readonly requestsPerMinuteMax?: number;
  readonly version: string;
  /** The built page; may appear later. */
  readonly pageDir: string;
  readonly readiness: () => readonly ReadyCheck[];
  /** Names of services that are alive but read nothing: `/livez` answers 503. */
  readonly stalled: () => readonly string[];
  /** WebSocket upgrades on `/v1/live`; null while nobody takes them (503). Asked each time: a restarted gateway is another one. */
  readonly live: () => HandleUpgrade | null;
  /** Further routes (`sources/http`, queries): what they declare is in the OpenAPI document. */
  readonly routes: readonly ((app: FastifyInstance) => void | Promise<void>)[];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Server extends Service {
  /** `http://127.0.0.1:4700`; only once started. */
  url(): string;
  /** A part of it is beyond repair: from now on `failed`, so that it is built anew. */
  fail(why: string): void;
  /** For tests: requests without a socket. */
  readonly app: FastifyInstance;
}

const drainTimeoutMs = 3_000;

/** The HTTP server with everything on it, not yet listening. Rejects with a `ServerError` where it would be open to everybody. */
export async function createServer(options: ServerOptions): Promise<Server> {
  const { host, port, clock, logger } = options;
  if (!isLoopback(host) && !options.hasCredentials)
    throw new ServerError(
      'unsafe_bind',
      `server.host ${host} can be reached from other machines: set server.apiKeyRefs or server.jwt, or listen on 127.0.0.1`,
    );
  const app = fastify({
    bodyLimit: options.bodyBytesMax,
    forceCloseConnections: 'idle',
    requestTimeout: 30_000,
    routerOptions: { maxParamLength: 500 },
  });
  const access = createAccess(options);
  const sockets = await addParts(app, options, access);
  let state: ServiceStatus['state'] = 'starting';
  let detail: string | undefined;
  let draining: Promise<void> | undefined;

  const drain = async (): Promise<void> => {
    const timer = new AbortController();
    const closing = app.close();
    await Promise.race([closing, clock.sleep(drainTimeoutMs, timer.signal)]);
    timer.abort();
    sockets.destroy();
    app.server.closeAllConnections();
    await closing;
    state = 'stopped';
  };
  return {
    app,
    async start() {
      try {
        await app.listen({ host, port });
      } catch (error) {
        state = 'failed';
        throw listenError(error, host, port);
      }
      state = 'running';
      logger.info({ url: urlOf(app, host) }, 'listening');
    },
    drain: () => (draining ??= drain()),
    status: () => ({ state, ...(detail !== undefined && { detail }) }),
    fail(why) {
      detail = why;
      if (state === 'running') state = 'failed';
    },
    url: () => urlOf(app, host),
  };
}

type Destroy = { destroy(): void };

async function addParts(
  app: FastifyInstance,
  options: ServerOptions,
  access: ReturnType<typeof createAccess>,
): Promise<Destroy> {
  const { authenticate, metrics, clock, logger } = options;
  // What is not JSON is 415.
  app.removeContentTypeParser('text/plain');
  answerErrors(app, logger);
  observeRequests(app, metrics, clock);
  await app.register(helmet, headers);
  guard(app, access, authenticate);
  await app.register(rateLimit, {
    max: options.requestsPerMinuteMax ?? 6_000,
    timeWindow: 60_000,
    allowList: (request) => isLocalRequest(request.raw),
  });
  await openApi(app, options.version);
  healthRoutes(app, options);
  for (const route of options.routes) await app.register(async (scope) => route(scope));
  await page(app, options.pageDir);
  return upgrades(app.server, '/v1/live', options.live, {
    allows: ({ headers: { host, origin } }: IncomingMessage) =>
      access.allowsHost(host) && access.allowsOrigin(origin, host),
  });
}

const headers = {
  contentSecurityPolicy: {
    useDefaults: false,
    directives: {
      defaultSrc: ["'self'"],
      baseUri: ["'none'"],
      formAction: ["'none'"],
      frameAncestors: ["'none'"],
      objectSrc: ["'none'"],
    },
  },
  // Plain HTTP is what we speak: TLS, and saying so, is a proxy's.
  strictTransportSecurity: false,
  crossOriginOpenerPolicy: false,
  originAgentCluster: false,
  frameguard: { action: 'deny' as const },
};

function urlOf(app: FastifyInstance, host: string): string {
  const address = app.server.address() as AddressInfo | null;
  const name = host === '0.0.0.0' || host === '::' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${address?.port ?? 0}`;
}
