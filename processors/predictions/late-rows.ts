import type { DecisionMade } from '../../events/decision-made.ts';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Output, StreamRecord, TimedEvent } from '../../streams/batch.ts';
import { inputPositionOf, positionText } from '../../streams/positions.ts';

/** Late records: what came too late for its minute, and what it would have added there. */
type Late = StreamRecord<TimedEvent>;

const minuteMs = 60_000;

export const latePayment = (payment: Payment, record: Late, watermarkMs: number, allowedLatenessMs: number): Output =>
  lateOutput('payments_1m', payment, record, watermarkMs, allowedLatenessMs, {
    count: 1,
    sumMinor: payment.amountMinor,
  });

export const lateDecision = (
  decision: DecisionMade,
  record: Late,
  watermarkMs: number,
  allowedLatenessMs: number,
): Output =>
  lateOutput('decisions_1m', decision, record, watermarkMs, allowedLatenessMs, {
    count: 1,
    declined: decision.isDeclined ? 1 : 0,
  });

function lateOutput(
  output: string,
  event: Payment | DecisionMade,
  { batch, index }: Late,
  watermarkMs: number,
  allowedLatenessMs: number,
  wouldAdd: object,
): Output {
  const key = `${event.country ?? 'unknown'}/${event.currency}`;
  const windowStartMs = event.eventTimeMs - (event.eventTimeMs % minuteMs);
  const windowEndMs = windowStartMs + minuteMs;
  const body = {
    ...{ kind: 'late', output, key, windowStartMs, windowEndMs, eventId: event.id, source: event.source },
    ...{ eventTimeMs: event.eventTimeMs, watermarkMs, lateByMs: watermarkMs - (windowEndMs + allowedLatenessMs) },
    ...{ wouldAdd, input: inputPositionOf(batch, index) },
  };
  return { topic: resultTopics.late, key, identity: `${positionText(batch, index)} ${output}`, body };
}
