import type { Alert, Decision, DeliveryAttempt, EndpointNote } from '../../events/decisions.ts';
import { producerColumns, writeProducer } from './producer-columns.ts';
import { writeNullableF64, type RowWriter } from './row-binary.ts';

/**
 * Decisions, alerts and deliveries as rows: names and values side by side. Pure. Guarantees that rules and features are kept
 * word for word (as JSON) beside the columns that SQL wants. Redelivery: the same record gives the same bytes.
 */
export const decisionTables = {
  decisions: `pipeline, version, payment_source, payment_id, event_time, card_id, terminal_id, device_id, merchant_id, country, amount_minor, currency, outcome, score, review_score, decline_score, rule_set_version, rules, features, feature_values, clock, topic, partition, offset, ${producerColumns}`,
  alerts: `pipeline, version, alert_id, transition, entity_type, entity_id, fingerprint, severity, title, reasons, hits, first_event_time, last_event_time, payment_id, decision_payment_ids, clock, ${producerColumns}`,
  deliveries: 'webhook_id, endpoint, alert_id, transition, attempt, outcome, status, detail, at, next_at',
  endpoint_notes: 'endpoint, note, webhook_id, at',
} as const;

export function writeDecision(to: RowWriter, decision: Decision): void {
  to.text(decision.pipeline);
  to.u32(decision.version);
  to.text(decision.paymentSource);
  to.text(decision.paymentId);
  to.timeMs(decision.eventTimeMs);
  to.text(decision.cardId);
  to.nullableText(decision.terminalId);
  to.nullableText(decision.deviceId);
  to.nullableText(decision.merchantId);
  to.nullableText(decision.country);
  to.i64(BigInt(decision.amountMinor));
  to.text(decision.currency);
  to.text(decision.outcome);
  to.f64(decision.score);
  to.f64(decision.reviewScore);
  to.f64(decision.declineScore);
  to.text(decision.ruleSetVersion);
  to.text(JSON.stringify(decision.rules));
  to.text(JSON.stringify(decision.features));
  writeFeatures(to, decision.features);
  to.timeMs(decision.clockMs);
  to.text(decision.input.topic);
  to.i32(decision.input.partition);
  to.i64(BigInt(decision.input.inputOffset));
  writeProducer(to, decision.revision, decision.producer);
}

export function writeAlert(to: RowWriter, alert: Alert): void {
  to.text(alert.pipeline);
  to.u32(alert.version);
  to.text(alert.alertId);
  to.text(alert.transition);
  to.text(alert.entityType);
  to.text(alert.entityId);
  to.text(alert.fingerprint);
  to.text(alert.severity);
  to.text(alert.title);
  writeTexts(to, alert.reasons);
  to.u32(alert.hits);
  to.timeMs(alert.firstEventTimeMs);
  to.timeMs(alert.lastEventTimeMs);
  to.nullableText(alert.paymentId);
  writeTexts(to, alert.decisionPaymentIds);
  to.timeMs(alert.clockMs);
  writeProducer(to, alert.revision, alert.producer);
}

export function writeDelivery(to: RowWriter, delivery: DeliveryAttempt): void {
  to.text(delivery.webhookId);
  to.text(delivery.endpoint);
  to.text(delivery.alertId);
  to.text(delivery.transition);
  to.u32(delivery.attempt);
  to.text(delivery.outcome);
  to.u8(delivery.status === null ? 1 : 0);
  if (delivery.status !== null) to.u32(delivery.status);
  to.text(delivery.detail);
  to.timeMs(delivery.atMs);
  to.nullableTimeMs(delivery.nextAtMs);
  to.endRow();
}

export function writeEndpointNote(to: RowWriter, { endpoint, note, webhookId, atMs }: EndpointNote): void {
  to.text(endpoint);
  to.text(note);
  to.text(webhookId);
  to.timeMs(atMs);
  to.endRow();
}

/** Map(String, Nullable(Float64)): flags as 1 and 0. */
function writeFeatures(to: RowWriter, features: Decision['features']): void {
  const entries = Object.entries(features);
  to.length(entries.length);
  for (const [name, value] of entries) {
    to.text(name);
    writeNullableF64(to, value === null ? null : Number(value));
  }
}

function writeTexts(to: RowWriter, texts: readonly string[]): void {
  to.length(texts.length);
  for (const text of texts) to.text(text);
}
