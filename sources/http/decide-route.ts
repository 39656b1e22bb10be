// POST /v1/decide: one payment in, its decision out, once the decision is on its topic.
// Guarantees: the payment goes the same way as any other (the same decision as by POST /v1/events); what is answered is what was
// published, and nothing is answered that is not.
// Redelivery: the same (source, id) again is the same payment: it is not decided twice, and the stored decision is the answer.
import type { FastifyInstance } from 'fastify';
import type { Decision } from '../../events/decisions.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { RouteProducer } from './known-counts.ts';
import type { AwaitedDecision, AwaitedDecisions, AwaitedPayment } from './awaited-decisions.ts';
import { decideSchema } from './decide-schema.ts';
import { produce } from './produce.ts';
import { type ReadEvent, readEvents } from './read-events.ts';
import { faulty, notProduced } from './replies.ts';

export interface DecideRouteOptions {
  readonly producer: RouteProducer;
  readonly decisions: AwaitedDecisions;
  /** A decision that was made before; null when none is stored. */
  readonly storedDecision: (payment: AwaitedPayment) => Promise<Decision | null>;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly onProducerFailed?: (why: string) => void;
  /** How long a decision may take. */
  readonly decisionTimeoutMs?: number;
  readonly pendingMessagesMax?: number;
  /** How long the broker may take. */
  readonly timeoutMs?: number;
}

const defaults = { decisionTimeoutMs: 2_000, pendingMessagesMax: 100_000, timeoutMs: 10_000 };

/** To be registered with a fastify server: adds the route. */
export function decideRoute(options: DecideRouteOptions): (app: FastifyInstance) => void {
  const limits = { ...defaults, ...options };
  const answers = options.metrics.counter(
    'millrace_http_decides_total',
    'Payments sent to POST /v1/decide, by outcome',
    ['outcome'],
  );
  return (app) => {
    // A payment has a schema of its own, judged by events/validate.ts: the one here is for people.
    const validatorCompiler = () => () => true;
    app.post('/v1/decide', { schema: decideSchema, validatorCompiler }, async (request, reply) => {
      const read = readEvents(request.body, { newId: options.newId, eventsMax: 1 });
      const event = read.kind === 'ok' ? read.events[0] : undefined;
      if (read.kind === 'bad' || !event || event.topic !== 'payments') {
        answers.inc({ outcome: 'faulty' });
        if (read.kind === 'bad') return faulty(reply, read.faults, read.faultsTotal);
        return faulty(reply, [{ path: '/type', message: 'must be payment: only payments are decided' }], 1);
      }
      const payment = paymentOf(event);
      const awaited = await announcedInTime(payment, limits);
      if (!awaited) {
        answers.inc({ outcome: 'unavailable' });
        const message = 'the broker does not answer: nothing was stored, send the same again';
        return reply.code(503).header('retry-after', '1').send({ error: 'broker_unavailable', message });
      }
      const produced = await produce([event], limits, options.clock);
      if (produced.kind !== 'accepted') {
        awaited.forget();
        answers.inc({ outcome: produced.kind });
        return notProduced(reply, request, produced, options);
      }
      const decision = (await awaited.within(limits.decisionTimeoutMs)) ?? (await stored(options, payment));
      answers.inc({ outcome: decision ? 'decided' : 'late' });
      if (decision) return reply.code(200).send(decision);
      const message = `the payment is stored, its decision is not there after ${limits.decisionTimeoutMs} ms: ask for it later at /v1/decisions/${encodeURIComponent(payment.id)}`;
      return reply.code(504).send({ error: 'decision_late', message, id: payment.id });
    });
  };
}

/** The bytes are what was validated. */
function paymentOf({ value }: ReadEvent): AwaitedPayment {
  const { source, id, cardId } = JSON.parse(Buffer.from(value).toString()) as AwaitedPayment;
  return { source, id, cardId };
}

/** Null when the topic cannot be read now. */
async function announcedInTime(
  payment: AwaitedPayment,
  { decisions, clock, logger, timeoutMs }: DecideRouteOptions & { readonly timeoutMs: number },
): Promise<AwaitedDecision | null> {
  const timer = new AbortController();
  const announcing = decisions.announce(payment).catch((error: unknown) => {
    logger.warn({ err: error }, 'decisions cannot be read');
    return null;
  });
  const announced = await Promise.race([announcing, clock.sleep(timeoutMs, timer.signal).then(() => null)]);
  timer.abort('over');
  if (!announced) void announcing.then((late) => late?.forget());
  return announced;
}

async function stored(
  { storedDecision, logger }: DecideRouteOptions,
  payment: AwaitedPayment,
): Promise<Decision | null> {
  try {
    return await storedDecision(payment);
  } catch (error) {
    logger.warn({ err: error }, 'stored decisions cannot be read');
    return null;
  }
}
