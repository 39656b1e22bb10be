// What both routes answer when events are not stored: the same codes, with what to do. Pure but for the reply; says nothing of what
// broke inside. Redelivery: every answer here invites the sender to send the same ids again.
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../../telemetry/logger.ts';
import type { ProduceOutcome } from './produce.ts';
import type { EventFault } from './read-events.ts';

const retryAfterSeconds = '1';

export interface ReplyParts {
  readonly logger: Logger;
  /** The producer will never send again: whoever made it makes another. */
  readonly onProducerFailed?: (why: string) => void;
}

/** 400 with every fault by path. */
export function faulty(reply: FastifyReply, faults: readonly EventFault[], faultsTotal: number): FastifyReply {
  const message = `nothing was stored: ${faultsTotal} ${faultsTotal === 1 ? 'fault' : 'faults'} in what was sent`;
  return reply.code(400).send({ error: 'faulty_events', message, faultsTotal, faults });
}

/** 413, 429 or 503. */
export function notProduced(
  reply: FastifyReply,
  request: FastifyRequest,
  outcome: Exclude<ProduceOutcome, { readonly kind: 'accepted' }>,
  { logger, onProducerFailed }: ReplyParts,
): FastifyReply {
  switch (outcome.kind) {
    case 'gated':
      return tooMuch(reply);
    case 'unavailable':
      return unavailable(reply, request, logger, outcome.why);
    case 'failed':
      onProducerFailed?.(outcome.why);
      return unavailable(reply, request, logger, outcome.why);
    case 'too_large':
      onProducerFailed?.('the broker refused a message for its size');
      return reply.code(413).send({ error: 'event_too_large', message: 'the broker takes no event of this size' });
  }
}

function tooMuch(reply: FastifyReply): FastifyReply {
  void reply.header('retry-after', retryAfterSeconds);
  const message = 'millrace is behind: nothing was stored, send the same again';
  return reply.code(429).send({ error: 'too_many_events', message });
}

function unavailable(reply: FastifyReply, { id }: FastifyRequest, logger: Logger, why: string): FastifyReply {
  logger.warn({ err: why, request: id }, 'events could not be stored: the broker does not answer');
  void reply.header('retry-after', retryAfterSeconds);
  const message = 'the broker does not answer: some may be stored, send the same again with the same ids';
  return reply.code(503).send({ error: 'broker_unavailable', message });
}
