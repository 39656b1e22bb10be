import type { ProducerPosition } from './results.ts';

/**
 * What the fraud pipeline puts on `millrace.decisions` and `millrace.alerts`: JSON objects in UTF-8, with their producer's
 * position and revision like every result.
 */

export type Outcome = 'approve' | 'review' | 'decline';

/** One rule as it was judged: kept whether it hit or not. */
export interface RuleVerdict {
  readonly ruleId: string;
  /** hit, no hit, switched off, or an error (its text in `reason`), which counts as no hit. */
  readonly verdict: 'hit' | 'miss' | 'off' | 'error';
  readonly weight: number;
  /** For a person; of a hit, with values filled in. */
  readonly reason: string;
}

/** Identity: (pipeline, version, paymentSource, paymentId). */
export interface Decision {
  readonly kind: 'decision';
  readonly pipeline: string;
  readonly version: number;
  readonly paymentId: string;
  readonly paymentSource: string;
  readonly eventTimeMs: number;
  readonly cardId: string;
  readonly terminalId: string | null;
  readonly deviceId: string | null;
  readonly merchantId: string | null;
  readonly country: string | null;
  readonly amountMinor: number;
  readonly currency: string;
  readonly outcome: Outcome;
  /** Sum of the weights of the rules that hit. */
  readonly score: number;
  /** From which score on it was review, and decline: the thresholds in force. */
  readonly reviewScore: number;
  readonly declineScore: number;
  /** Hash of the rules in force, and how many record on `millrace.rules` made them. */
  readonly ruleSetVersion: string;
  readonly rules: readonly RuleVerdict[];
  /** Every feature that a rule could use, as of this payment; null where there was nothing to say. */
  readonly features: Readonly<Record<string, number | boolean | null>>;
  /** The logged clock of the entry. */
  readonly clockMs: number;
  /** Where the payment was read. */
  readonly input: { readonly topic: string; readonly partition: number; readonly inputOffset: string };
  readonly revision: string;
  readonly producer: ProducerPosition;
}

/** raised: new; updated: more of the same within the cool-down; retracted: a later fact took its ground away; resolved: ended. */
export type AlertTransition = 'raised' | 'updated' | 'retracted' | 'resolved';

/** Identity: (pipeline, version, alertId); its transitions have rising revisions. Message key: alertId. */
export interface Alert {
  readonly kind: 'alert';
  readonly pipeline: string;
  readonly version: number;
  readonly alertId: string;
  readonly transition: AlertTransition;
  /** What it is about, e.g. `card` and the card's id. Alerts of one fingerprint are one group. */
  readonly entityType: string;
  readonly entityId: string;
  readonly fingerprint: string;
  readonly severity: 'low' | 'medium' | 'high';
  readonly title: string;
  readonly reasons: readonly string[];
  /** How many hits it stands for. */
  readonly hits: number;
  readonly firstEventTimeMs: number;
  readonly lastEventTimeMs: number;
  readonly paymentId: string | null;
  /** What it was raised from, for a page to link to. */
  readonly decisionPaymentIds: readonly string[];
  readonly clockMs: number;
  readonly revision: string;
  readonly producer: ProducerPosition;
}

/** One attempt to deliver one transition to one endpoint; on `millrace.deliveries`. Identity: (webhookId, endpoint, attempt). */
export interface DeliveryAttempt {
  readonly kind: 'delivery';
  /** Hash of the transition's position: the receiver's idempotency key. */
  readonly webhookId: string;
  readonly endpoint: string;
  readonly alertId: string;
  readonly transition: AlertTransition;
  /** From 1. */
  readonly attempt: number;
  readonly outcome: 'delivered' | 'failed' | 'dead' | 'replaced' | 'disabled';
  /** HTTP status, or null where there was no answer. */
  readonly status: number | null;
  /** For a person; never a body, address or secret. */
  readonly detail: string;
  readonly atMs: number;
  /** When it will be tried again, or null. */
  readonly nextAtMs: number | null;
}

/**
 * What was said about an endpoint, or is asked of it; on `millrace.deliveries`. added: alerts decided from then on are told to it;
 * enabled: after it had disabled itself; resend: what is dead is to be sent again. Identity: (endpoint, note, webhookId, atMs).
 */
export interface EndpointNote {
  readonly kind: 'endpoint-note';
  readonly endpoint: string;
  readonly note: 'added' | 'enabled' | 'resend';
  /** Of `resend`: which one; empty: all that are dead. */
  readonly webhookId: string;
  readonly atMs: number;
}

/** What is on `millrace.deliveries`. */
export type DeliveryRecord = DeliveryAttempt | EndpointNote;
