import { randomUUID } from 'node:crypto';
import { createAuthenticate } from '../../server/authenticate.ts';
import type { ReadyCheck } from '../../server/health.ts';
import { alertsRoute } from '../../server/alerts-route.ts';
import { decisionRoute } from '../../server/decision-route.ts';
import { createServer, type Server } from '../../server/server.ts';
import { sqlRoute } from '../../server/sql-route.ts';
import { webhookRoutes, type WebhookRoutesOptions } from '../../server/webhook-routes.ts';
import { readSecret } from '../../config/secrets.ts';
import { clickhouseGroup, resultTopics } from '../../events/topics.ts';
import type { NextOffset, Producer } from '../../kafka/contract.ts';
import type { SystemStatus } from '../../live/system-status.ts';
import { alertsOn } from '../../sinks/clickhouse/stored-alerts.ts';
import { deliveryLog } from '../../sinks/clickhouse/stored-deliveries.ts';
import { publishNote } from '../../sinks/webhook/publish-note.ts';
import { decisionsOn } from '../../sinks/clickhouse/stored-decisions.ts';
import { newestWindowRows } from '../../sinks/clickhouse/queries.ts';
import { createLiveGateway, type LiveGateway } from '../../sinks/websocket/gateway.ts';
import { createAwaitedDecisions } from '../../sources/http/awaited-decisions.ts';
import { decideRoute } from '../../sources/http/decide-route.ts';
import { eventsRoute } from '../../sources/http/events-route.ts';
import { withKnownCounts } from '../../sources/http/known-counts.ts';
import { recommendationsRoute } from '../../sources/http/recommendations-route.ts';
import type { TopicPartition } from '../../sources/source.ts';
import type { Service } from '../../telemetry/service.ts';
import type { RunContext } from './context.ts';
import type { Infrastructure } from './infrastructure.ts';
import { newestListOf, storedListsOf } from './newest-list.ts';
import { owning } from './owning.ts';
import type { ServiceParts } from './parts.ts';
import { processorsOf } from './processors-of.ts';
import { openReading } from './reading.ts';
import { endpointsOf } from './webhook-endpoints.ts';

/** What the HTTP server is built from. */
export interface EdgeParts extends RunContext {
  readonly infrastructure: Infrastructure;
}

/** What the two edges towards people share. */
export interface Page {
  /** The built page; may appear later. */
  readonly dir: string;
  readonly version: string;
  readonly systemStatus: () => SystemStatus;
  readonly readiness: () => readonly ReadyCheck[];
  readonly stalled: () => readonly string[];
  /** The gateway that runs now. */
  gateway: LiveGateway | null;
  /** The server that runs now. */
  server: Server | null;
}

/** The live gateway; reads every result partition itself. */
export async function liveService(parts: ServiceParts, page: Page): Promise<Service> {
  const { infrastructure, config, clock, metrics } = parts;
  const { kafka, clickhouse } = infrastructure;
  const reader = await kafka.reader({ fetchWaitMs: 100, fetchBytesMin: 64 * 1024 });
  // The embedded broker is asked by one: it wakes nobody anyway.
  const soonReader = infrastructure.isEmbeddedBroker ? null : await kafka.reader({ fetchWaitMs: 100 });
  const member = await kafka.membership({
    groupId: clickhouseGroup,
    topics: Object.values(resultTopics),
    kind: 'solo',
  });
  const partitionsOf = async (topic: string): Promise<readonly TopicPartition[]> =>
    Array.from({ length: await reader.partitionCount(topic) }, (_, partition) => ({ topic, partition }));
  const committedPositions = async (topics: readonly string[]): Promise<readonly NextOffset[]> =>
    member.committed((await Promise.all(topics.map(partitionsOf))).flat());
  const { maxPayloadBytes, ...limits } = config.live;
  const gateway = createLiveGateway({
    reader,
    ...(soonReader && { soonReader }),
    pipelines: parts.processors.map(({ name }) => name),
    committedPositions,
    windowRows: (query) => newestWindowRows({ client: clickhouse, database: config.clickhouse.database }, query),
    storedLists: storedListsOf(parts),
    systemStatus: page.systemStatus,
    authenticate: authenticateOf(parts),
    instance: randomUUID(),
    clock,
    random: Math.random,
    logger: parts.logger.child({ service: 'websocket' }),
    metrics,
    limits: { ...limits, messageBytesMax: maxPayloadBytes },
  });
  page.gateway = gateway;
  return owning(gateway, [member, reader, ...(soonReader ? [soonReader] : [])]);
}

/** The HTTP server with health, metrics, docs, `POST /v1/events`, the page and the upgrade to the live gateway. */
export async function httpService(parts: EdgeParts, page: Page): Promise<Service> {
  const { infrastructure, config, clock, metrics } = parts;
  const { kafka, gate } = infrastructure;
  const logger = parts.logger.child({ service: 'http' });
  const producer = awaited(kafka.producer(gate && { gate }));
  const counting = withKnownCounts(producer, clock);
  const stored = decisionsOf(parts);
  const reading = openReading(parts);
  const decisions = createAwaitedDecisions({ openReader: () => kafka.reader({ fetchWaitMs: 10 }), clock });
  const { host, port, allowedHosts, allowedOrigins, bodyBytesMax, apiKeyRefs, jwt } = config.server;
  const server = await createServer({
    host,
    port,
    authenticate: authenticateOf(parts),
    hasCredentials: apiKeyRefs.length > 0 || jwt.issuer !== '',
    allowedHosts,
    allowedOrigins,
    bodyBytesMax,
    version: page.version,
    pageDir: page.dir,
    readiness: page.readiness,
    stalled: page.stalled,
    live: () => page.gateway?.handleUpgrade.bind(page.gateway) ?? null,
    routes: [
      decisionRoute(stored),
      alertsRoute((paymentId) =>
        alertsOn({ client: infrastructure.clickhouse, database: config.clickhouse.database }, paymentId),
      ),
      ...(config.sql.enabled
        ? [sqlRoute({ runSql: reading.query, concurrentMax: config.sql.concurrentMax, metrics })]
        : []),
      webhookRoutes(webhooksOf(parts, producer)),
      eventsRoute({ producer: counting, newId: randomUUID, clock, logger, metrics }),
      recommendationsRoute({
        ...{ newestList: newestListOf(() => page.gateway, storedListsOf(parts)), producer: counting },
        ...{ newId: randomUUID, clock, logger, metrics },
      }),
      decideRoute({
        producer: counting,
        decisions,
        storedDecision: async ({ source, id }) =>
          (await stored(id)).find((one) => one.paymentSource === source) ?? null,
        newId: randomUUID,
        clock,
        logger,
        metrics,
      }),
    ],
    clock,
    logger,
    metrics,
  });
  page.server = server;
  return owning(server, [producer, decisions, reading]);
}

/** Who is told about alerts, and what became of it. */
function webhooksOf({ infrastructure, config, env, clock }: EdgeParts, producer: Producer): WebhookRoutesOptions {
  const from = { client: infrastructure.clickhouse, database: config.clickhouse.database };
  return {
    endpoints: endpointsOf(config, env).map(({ name }) => name),
    log: (query) => deliveryLog(from, query),
    ask: (note) => publishNote(producer, { ...note, atMs: clock.nowMs() }),
  };
}

/** What is stored on a payment, by the version that runs here. */
function decisionsOf({ infrastructure, config }: EdgeParts) {
  const from = { client: infrastructure.clickhouse, database: config.clickhouse.database };
  const version = processorsOf(config).find(({ name }) => name === 'fraud')?.version ?? 1;
  return (paymentId: string) => decisionsOn(from, { pipeline: 'fraud', version, paymentId });
}

/** A producer that may not be there yet: who sends waits with it, who asks hears that nothing waits. */
function awaited(opening: Promise<Producer>): Producer {
  let producer: Producer | null = null;
  // Who sends hears of a failure; unasked, it is nobody's.
  opening.then((opened) => (producer = opened)).catch(() => {});
  return {
    partitionCount: async (topic) => (await opening).partitionCount(topic),
    send: async (messages) => (await opening).send(messages),
    isGated: (topicPartition) => producer?.isGated(topicPartition) ?? false,
    pendingMessages: () => producer?.pendingMessages() ?? 0,
    close: async (timeoutMs) => producer?.close(timeoutMs),
  };
}

function authenticateOf({ config, env, clock }: RunContext) {
  const { apiKeyRefs, jwt } = config.server;
  const secret = readSecret(jwt.secretRef, env);
  return createAuthenticate({
    apiKeys: apiKeyRefs.map((name) => ({ name, secret: readSecret(name, env) ?? '' })),
    ...(jwt.issuer !== '' && {
      jwt: {
        issuer: jwt.issuer,
        audience: jwt.audience,
        ...(jwt.jwksUrl !== '' && { jwksUrl: jwt.jwksUrl }),
        ...(secret !== null && { secret }),
      },
    }),
    nowMs: () => clock.nowMs(),
  });
}
