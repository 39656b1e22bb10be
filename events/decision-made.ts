import type { Envelope } from './envelope.ts';
import type { DeadOutcome } from './decode.ts';

/**
 * A decision as a task sees it that reads `millrace.decisions`: what a fold needs of it, as an event. Its id is new with each
 * revision, for a correction is no duplicate.
 */
export interface DecisionMade extends Envelope {
  readonly type: 'decision';
  readonly pipelineVersion: number;
  readonly shard: number;
  readonly revision: string;
  readonly index: number;
  readonly paymentSource: string;
  readonly paymentId: string;
  readonly country: string | null;
  readonly currency: string;
  readonly isDeclined: boolean;
}

export type DecisionOutcome = { readonly kind: 'event'; readonly event: DecisionMade } | DeadOutcome;

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** The decision in `bytes[start, end)`; our own producers write the topic: as much is checked as folding needs. Never throws. */
export function decodeDecision(bytes: Uint8Array, start: number, end: number): DecisionOutcome {
  let parsed: unknown;
  try {
    parsed = JSON.parse(utf8.decode(bytes.subarray(start, end)));
  } catch {
    return dead('undecodable', 'not JSON');
  }
  if (typeof parsed !== 'object' || parsed === null) return dead('undecodable', 'not a JSON object');
  const {
    kind,
    paymentId,
    paymentSource,
    eventTimeMs,
    cardId,
    country,
    currency,
    outcome,
    version,
    revision,
    producer,
  } = parsed as Record<string, unknown>;
  const { shard, index } = (producer ?? {}) as Record<string, unknown>;
  if (kind !== 'decision') return dead('invalid', 'no decision');
  const areTexts = [paymentId, paymentSource, cardId, currency, outcome].every((text) => typeof text === 'string');
  const areNumbers = [eventTimeMs, version, shard, index].every(Number.isSafeInteger);
  const isRevision = typeof revision === 'string' && /^\d+$/.test(revision);
  if (!areTexts || !areNumbers || !isRevision) return dead('invalid', 'not as a decision must be');
  const event = {
    id: `${paymentId as string} ${revision}`,
    type: 'decision',
    version: 1,
    source: paymentSource,
    eventTimeMs,
    key: cardId,
    pipelineVersion: version,
    shard,
    revision,
    index,
    paymentSource,
    paymentId,
    country: typeof country === 'string' ? country : null,
    currency,
    isDeclined: outcome === 'decline',
  };
  return { kind: 'event', event: event as DecisionMade };
}

const dead = (reason: DeadOutcome['reason'], message: string): DeadOutcome => ({
  ...{ kind: 'dead', reason, message, fieldPath: null, source: null },
});
