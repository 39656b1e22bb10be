// GET /v1/recommendations/:user: what this visitor is to be shown now, and a record of what was shown.
// Guarantees: items, scores and reasons are those of a published list, whole from its beginning; an answer with an attribution id is on
// its topic before it is given. An answer whose record could not be written has none: the visitor is served all the same.
// Redelivery: every answer is an event of its own; the same list served twice is two.
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { RankedItem, RecommendationList } from '../../events/insights.ts';
import type { Served } from '../../events/served.ts';
import { mayRead, type Principal } from '../../live/principal.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { RouteProducer } from './known-counts.ts';
import { produce } from './produce.ts';
import { recommendationsSchema } from './recommendations-schema.ts';

/** The newest list of a key; null: there is none. Rejects when it cannot be known now. */
export type NewestList = (list: RecommendationList['list'], key: string) => Promise<ListToServe | null>;

export type ListToServe = Pick<RecommendationList, 'list' | 'items' | 'eventTimeMs'>;

export interface RecommendationsRouteOptions {
  readonly newestList: NewestList;
  readonly producer: RouteProducer;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onProducerFailed?: (why: string) => void;
  readonly pendingMessagesMax?: number;
  /** How long the record of what is served may take: an answer does not wait longer for it. */
  readonly timeoutMs?: number;
}

export interface ServedItem extends RankedItem {
  readonly from: RecommendationList['list'];
}

interface Asked {
  readonly Params: { readonly user: string };
  readonly Querystring: { readonly n: number; readonly category?: string };
}

const defaults = { pendingMessagesMax: 100_000, timeoutMs: 1_000 };

/** With nothing left out. */
type Recording = RecommendationsRouteOptions & typeof defaults;

/** To be registered with a fastify server: adds the route. */
export function recommendationsRoute(options: RecommendationsRouteOptions): (app: FastifyInstance) => void {
  const answers = options.metrics.counter(
    'millrace_http_recommendations_total',
    'Lists asked for at GET /v1/recommendations, by what the answer was made from',
    ['outcome'],
  );
  const recording: Recording = { ...defaults, ...options };
  return (app) => {
    app.get<Asked>('/v1/recommendations/:user', { schema: recommendationsSchema }, async (request, reply) => {
      const { params, query } = request;
      const userId = params.user;
      // As on the channel of the same name. Who asks is the server's to say; null or absent: anybody may.
      const { principal } = request as { readonly principal?: Principal | null };
      if (principal && !mayRead(principal, `recommendations:${userId}`)) return forbidden(reply, userId);
      const list = await found(options.newestList, userId, query.category).catch((error: unknown) => {
        options.logger.warn({ err: error }, 'recommendation lists cannot be read');
        return undefined;
      });
      if (list === undefined) {
        answers.inc({ outcome: 'unavailable' });
        return unavailable(reply);
      }
      if (list === null) {
        answers.inc({ outcome: 'none' });
        const message = 'nothing is known of this visitor, and nothing trends (yet)';
        return reply.code(404).send({ error: 'no_recommendations', message });
      }
      const items = list.items.slice(0, query.n).map((item): ServedItem => ({ ...item, from: item.from ?? list.list }));
      const from = items[0]?.from ?? list.list;
      const attributionId = await record({ userId, from, items, list }, recording);
      answers.inc({ outcome: attributionId === null ? 'unrecorded' : from });
      return reply.send({ userId, attributionId, list: from, eventTimeMs: list.eventTimeMs, items });
    });
  };
}

/** A visitor's own list, else what trends: where the visitor is looking, or all over. */
async function found(
  newestList: NewestList,
  userId: string,
  category: string | undefined,
): Promise<ListToServe | null> {
  const own = await newestList('personal', userId);
  if (own) return own;
  const near = category === undefined ? null : await newestList('trending', category);
  return near && near.items.length > 0 ? near : newestList('trending', 'all');
}

/** The attribution id, once the broker has the event; null when it does not have it in time. */
async function record(
  served: {
    readonly userId: string;
    readonly from: Served['list'];
    readonly items: readonly ServedItem[];
    readonly list: ListToServe;
  },
  options: Recording,
): Promise<string | null> {
  const { clock, logger, newId } = options;
  const attributionId = newId();
  // No objects spread into it: V8 makes hidden classes for each such event, which outlive it, and a minor collection took 4 ms, not 1.
  const event: Served = {
    id: attributionId,
    type: 'served',
    version: 1,
    source: 'millrace',
    eventTimeMs: served.list.eventTimeMs,
    key: served.userId,
    attributionId,
    userId: served.userId,
    list: served.from,
    atMs: clock.nowMs(),
    items: served.items.map(({ itemId }) => itemId),
  };
  const message = {
    topic: 'interactions' as const,
    id: attributionId,
    key: event.key,
    value: Buffer.from(JSON.stringify(event)),
  };
  const outcome = await produce([message], options, clock);
  if (outcome.kind === 'accepted') return attributionId;
  if (outcome.kind === 'failed') options.onProducerFailed?.(outcome.why);
  logger.warn({ outcome: outcome.kind }, 'a served list could not be recorded');
  return null;
}

function unavailable(reply: FastifyReply): FastifyReply {
  void reply.header('retry-after', '1');
  const message = 'recommendation lists cannot be read now: ask again';
  return reply.code(503).send({ error: 'recommendations_unavailable', message });
}

const forbidden = (reply: FastifyReply, userId: string): FastifyReply =>
  reply.code(403).send({
    error: 'forbidden',
    message: `the token gives no right to recommendations:${userId}: see its claim channels`,
  });
