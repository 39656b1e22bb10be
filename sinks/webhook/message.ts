// One transition of an alert as what is sent: its id and its body.
// Guarantees: the same transition has the same id and the same bytes, whoever makes them and how often (after a crash, from the
// topic, from ClickHouse); two transitions never share an id.
import { createHash } from 'node:crypto';
import type { Alert, AlertTransition } from '../../events/decisions.ts';
import type { ProducerPosition } from '../../events/results.ts';

/** What is to be delivered to every endpoint that wants it. */
export interface Message {
  /** The receiver's idempotency key. */
  readonly webhookId: string;
  /** Deliveries of one alert keep their order, over versions of its pipeline too. */
  readonly alertKey: string;
  readonly alertId: string;
  readonly transition: AlertTransition;
  /** Of two transitions of one alert the higher is the newer. */
  readonly revision: bigint;
  /** The logged clock of the entry that made it. */
  readonly clockMs: number;
  /** JSON. */
  readonly body: () => string;
}

/** The alert as a message; its body is made when it is asked for. */
export function messageOf(alert: Alert): Message {
  const { pipeline, alertId, transition, revision, clockMs, producer } = alert;
  return {
    webhookId: webhookIdOf(producer),
    alertKey: `${pipeline} ${alertId}`,
    ...{ alertId, transition, revision: BigInt(revision), clockMs },
    body: () => bodyOf(alert),
  };
}

/** `msg_` and 32 hex digits: a hash of where the transition was produced. In SQL: see stored-deliveries.ts of the ClickHouse sink. */
export function webhookIdOf({ pipeline, version, shard, epoch, orderOffset, index }: ProducerPosition): string {
  const place = [pipeline, version, shard, epoch, orderOffset, index].join('/');
  return `msg_${createHash('sha256').update(place).digest('hex').slice(0, 32)}`;
}

/** Named one by one: a field that the alert gains is not sent by accident, and the order of the bytes stays. */
function bodyOf(alert: Alert): string {
  const { alertId, transition, severity, title, reasons, hits, entityType, entityId, fingerprint } = alert;
  const { firstEventTimeMs, lastEventTimeMs, paymentId, decisionPaymentIds, pipeline, version, revision } = alert;
  const data = {
    ...{ alertId, transition, severity, title, reasons, hits, entityType, entityId, fingerprint },
    ...{ firstEventTimeMs, lastEventTimeMs, paymentId, decisionPaymentIds, pipeline, version, revision },
  };
  return JSON.stringify({ type: `alert.${transition}`, timestamp: new Date(alert.clockMs).toISOString(), data });
}
