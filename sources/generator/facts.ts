// What happens in the demo shop before it becomes events: who, what, when, and whether a payment is fraud.
import type { Item, Terminal, User } from './world.ts';

export type FraudPattern =
  'card-testing' | 'account-takeover' | 'impossible-travel' | 'stolen-card-amounts' | 'compromised-terminal';

export interface PaymentFact {
  readonly kind: 'payment';
  readonly atMs: number;
  readonly cardId: string;
  readonly terminal: Terminal;
  readonly amountMinor: number;
  /** Online payments have a device and no place. */
  readonly deviceId: string | null;
  readonly fraud: FraudPattern | null;
}

export interface InteractionFact {
  readonly kind: 'interaction';
  readonly atMs: number;
  readonly action: 'view' | 'click' | 'cart' | 'purchase';
  readonly user: User;
  readonly sessionId: string;
  readonly item: Item;
  readonly deviceId: string;
}

/** What became known about a payment. */
export interface LabelFact {
  readonly kind: 'label';
  readonly atMs: number;
  readonly verdict: 'confirmed' | 'refuted';
  readonly paymentId: string;
  /** As the payment's event said. */
  readonly paymentEventTimeMs: number;
  readonly payment: PaymentFact;
}

export type Fact = PaymentFact | InteractionFact | LabelFact;
