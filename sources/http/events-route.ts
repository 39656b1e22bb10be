// POST /v1/events: events from anyone who can speak HTTP, onto their Kafka topics.
// Guarantees: all or nothing when events are faulty (every fault is named, nothing is produced); 202 only once the broker has
// acknowledged all of them; back-pressure is told (429), not hidden in memory. Redelivery: who got no answer sends the same events
// with the same ids again, and (source, id) makes the second a duplicate that is dropped and counted.
import type { FastifyInstance } from 'fastify';
import type { SentMessage } from '../../kafka/contract.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { RouteProducer } from './known-counts.ts';
import { eventsSchema } from './events-schema.ts';
import { readEvents, type ReadEvent } from './read-events.ts';
import { produce } from './produce.ts';
import { faulty, notProduced } from './replies.ts';

export interface EventsRouteOptions {
  readonly producer: RouteProducer;
  /** Gives an id to events that come without one. */
  readonly newId: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The producer will never send again: whoever made it makes another. */
  readonly onProducerFailed?: (why: string) => void;
  /** Events of one request. */
  readonly eventsMax?: number;
  /** Messages of all requests that wait for the broker; above: 429. */
  readonly pendingMessagesMax?: number;
  /** How long the broker may take. */
  readonly timeoutMs?: number;
}

const defaults = { eventsMax: 10_000, pendingMessagesMax: 100_000, timeoutMs: 10_000 };

/** To be registered with a fastify server: adds the route. */
export function eventsRoute(options: EventsRouteOptions): (app: FastifyInstance) => void {
  const limits = { ...defaults, ...options };
  const events = options.metrics.counter(
    'millrace_http_events_total',
    'Events sent over HTTP, by what became of them',
    ['outcome'],
  );
  return (app) => {
    // Events have schemas of their own, judged by events/validate.ts: the one here is for people.
    const validatorCompiler = () => () => true;
    app.post('/v1/events', { schema: eventsSchema, validatorCompiler }, async (request, reply) => {
      const read = readEvents(request.body, { newId: options.newId, eventsMax: limits.eventsMax });
      if (read.kind === 'bad') {
        events.inc({ outcome: 'faulty' }, read.count);
        return faulty(reply, read.faults, read.faultsTotal);
      }
      const outcome = await produce(read.events, limits, options.clock);
      events.inc({ outcome: outcome.kind }, read.events.length);
      if (outcome.kind !== 'accepted') return notProduced(reply, request, outcome, options);
      return reply.code(202).send(acceptedBody(read.events, outcome.sent));
    });
  };
}

function acceptedBody(events: readonly ReadEvent[], sent: readonly SentMessage[]) {
  const positions = sent.map(({ topic, partition, messageOffset }, i) => ({
    id: events[i]?.id,
    topic,
    partition,
    offset: String(messageOffset),
  }));
  return { accepted: sent.length, positions };
}
