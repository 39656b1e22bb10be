// Facts as the events that a producer would send, valid by the schemas of events/. Version 1 of `payment` comes from old
// terminals, so that upcasting is seen at work. The same fact and identity give the same event, and thereby the same bytes: a
// redelivered one is a duplicate.
import type { Interaction } from '../../events/interaction.ts';
import type { Label } from '../../events/label.ts';
import type { PaymentV1, PaymentV2 } from '../../events/payment.ts';
import type { Fact, InteractionFact, LabelFact, PaymentFact } from './facts.ts';

export interface EventIdentity {
  readonly id: string;
  readonly source: string;
  readonly eventTimeMs: number;
}

export type GeneratedEvent = PaymentV1 | PaymentV2 | Interaction | Label;

export function toEvent(fact: Fact, identity: EventIdentity): GeneratedEvent {
  switch (fact.kind) {
    case 'payment':
      return fact.terminal.isOld ? paymentV1(fact, identity) : paymentV2(fact, identity);
    case 'interaction':
      return interaction(fact, identity);
    case 'label':
      return label(fact, identity);
  }
}

// Plain literals and assignments: object spread costs some 15 µs an event here.

function paymentV1({ terminal, cardId, amountMinor, deviceId }: PaymentFact, identity: EventIdentity): PaymentV1 {
  const { id, source, eventTimeMs } = identity;
  const { terminalId, merchantId, country } = terminal;
  const amount = (amountMinor / 100).toFixed(2);
  const { currency } = country;
  const event: PaymentV1 = {
    id,
    type: 'payment',
    version: 1,
    source,
    eventTimeMs,
    key: cardId,
    amount,
    currency,
    cardId,
    terminalId,
    merchantId,
  };
  if (deviceId !== null) event.deviceId = deviceId;
  return event;
}

function paymentV2({ terminal, cardId, amountMinor, deviceId }: PaymentFact, identity: EventIdentity): PaymentV2 {
  const { id, source, eventTimeMs } = identity;
  const { terminalId, merchantId, country, category, latitude, longitude } = terminal;
  const event: PaymentV2 = {
    id,
    type: 'payment',
    version: 2,
    source,
    eventTimeMs,
    key: cardId,
    amountMinor,
    currency: country.currency,
    cardId,
    terminalId,
    merchantId,
    country: country.code,
    category,
  };
  if (deviceId !== null) {
    event.deviceId = deviceId;
  } else {
    event.latitude = latitude;
    event.longitude = longitude;
  }
  return event;
}

function interaction(fact: InteractionFact, { id, source, eventTimeMs }: EventIdentity): Interaction {
  const { action, user, sessionId, item, deviceId } = fact;
  const event: Interaction = {
    id,
    type: 'interaction',
    version: 1,
    source,
    eventTimeMs,
    key: user.userId,
    action,
    userId: user.userId,
    sessionId,
    itemId: item.itemId,
    category: item.category,
    priceMinor: item.priceMinor,
    currency: 'EUR',
    country: user.country.code,
    deviceId,
  };
  if (action === 'purchase') event.quantity = 1;
  return event;
}

function label(fact: LabelFact, { id, source, eventTimeMs }: EventIdentity): Label {
  const { verdict, paymentId, paymentEventTimeMs, payment } = fact;
  const event: Label = {
    id,
    type: 'label',
    version: 1,
    source,
    eventTimeMs,
    key: payment.cardId,
    verdict,
    paymentId,
    paymentSource: source,
    paymentEventTimeMs,
    cardId: payment.cardId,
    terminalId: payment.terminal.terminalId,
    merchantId: payment.terminal.merchantId,
  };
  if (verdict === 'confirmed' && payment.fraud !== null) event.reason = payment.fraud;
  if (payment.deviceId !== null) event.deviceId = payment.deviceId;
  return event;
}
