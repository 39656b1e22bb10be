// How a fact of the demo shop is sent: as an event with an id, a little or much too late, now and then broken or twice, and what
// follows from it later (its copy, its label). Pure but for the randomness handed in; a copy has the bytes of the first, so that
// redelivery is seen as what it is.
import type { InputTopic } from '../../events/topics.ts';
import type { Fact, LabelFact, PaymentFact } from './facts.ts';
import { malformed } from './malformed.ts';
import type { Random } from './random.ts';
import { type GeneratedEvent, toEvent } from './to-event.ts';

/** Parts of the events that are late, sent twice, or broken. */
export interface Shares {
  readonly late: number;
  readonly duplicate: number;
  readonly malformed: number;
}

export interface GeneratedMessage {
  readonly topic: InputTopic;
  readonly key: string;
  readonly text: string;
  readonly kind: 'normal' | 'late' | 'duplicate' | 'malformed';
}

export interface SendingOptions {
  readonly random: Random;
  readonly shares: Shares;
  readonly source: string;
  /** A text that no other call gives. */
  readonly nextName: () => string;
}

export interface Sent {
  readonly message: GeneratedMessage;
  /** The same once more, later. */
  readonly copy: { readonly message: GeneratedMessage; readonly atMs: number } | null;
  readonly label: LabelFact | null;
}

/** Honest payments that are reported and found to be honest, as a part of all. */
const refutedShare = 0.005;
const delayMs = { network: 1_500, copyMin: 200, copyMax: 20_000, labelMin: 60_000, labelMax: 240_000 } as const;
/** A late event is behind the watermark but mostly within what windows still correct; one in twenty is not. */
const lateMs = { min: 15_000, max: 300_000, hopeless: 4_500_000, hopelessShare: 0.05 } as const;

export function send(options: SendingOptions, fact: Fact): Sent {
  const { random, shares, source } = options;
  // A label is never known before its payment: it keeps its time.
  const isLate = fact.kind !== 'label' && random.chance(shares.late);
  const behindMs = fact.kind === 'label' ? 0 : isLate ? lateness(random) : random.between(0, delayMs.network);
  const eventTimeMs = Math.floor(fact.atMs - behindMs);
  const event = toEvent(fact, { id: options.nextName(), source, eventTimeMs });
  const { key } = event;
  const topic = topicOf(event);
  if (random.chance(shares.malformed)) {
    const message: GeneratedMessage = { topic, key, text: malformed(event, random), kind: 'malformed' };
    return { message, copy: null, label: null };
  }
  const message: GeneratedMessage = { topic, key, text: JSON.stringify(event), kind: isLate ? 'late' : 'normal' };
  const label = fact.kind === 'payment' ? labelOf(random, fact, event) : null;
  if (!random.chance(shares.duplicate)) return { message, copy: null, label };
  const copyAtMs = fact.atMs + random.between(delayMs.copyMin, delayMs.copyMax);
  return { message, copy: { message: { topic, key, text: message.text, kind: 'duplicate' }, atMs: copyAtMs }, label };
}

const lateness = (random: Random): number =>
  random.chance(lateMs.hopelessShare) ? lateMs.hopeless : random.between(lateMs.min, lateMs.max);

function labelOf(random: Random, payment: PaymentFact, event: GeneratedEvent): LabelFact | null {
  const isFraud = payment.fraud !== null;
  if (!isFraud && !random.chance(refutedShare)) return null;
  return {
    kind: 'label',
    atMs: Math.round(payment.atMs + random.between(delayMs.labelMin, delayMs.labelMax)),
    verdict: isFraud ? 'confirmed' : 'refuted',
    paymentId: event.id,
    paymentEventTimeMs: event.eventTimeMs,
    payment,
  };
}

function topicOf(event: GeneratedEvent): InputTopic {
  switch (event.type) {
    case 'payment':
      return 'payments';
    case 'interaction':
      return 'interactions';
    case 'label':
      return 'labels';
  }
}
