// What an expression is judged over: one payment and its features. Guarantees: what has nothing to say is not a number (false in every
// comparison), "" or false. Redelivery: no state but the payment that is judged now.
import type { Payment } from '../../../events/payment.ts';
import { featureNames } from '../feature-names.ts';
import { type FeatureRow, isFlagAt } from '../feature-row.ts';

/** One payment at a time; `row` is read as it is then. */
export interface RuleSubject {
  readonly payment: Payment;
  readonly row: FeatureRow;
}

export const paymentTexts: Readonly<Record<string, (subject: RuleSubject) => string>> = {
  id: ({ payment }) => payment.id,
  source: ({ payment }) => payment.source,
  currency: ({ payment }) => payment.currency,
  cardId: ({ payment }) => payment.cardId,
  terminalId: ({ payment }) => payment.terminalId ?? '',
  merchantId: ({ payment }) => payment.merchantId ?? '',
  deviceId: ({ payment }) => payment.deviceId ?? '',
  country: ({ payment }) => payment.country ?? '',
  category: ({ payment }) => payment.category ?? '',
};

export const paymentNumbers: Readonly<Record<string, (subject: RuleSubject) => number>> = {
  amountMinor: ({ payment }) => payment.amountMinor,
  eventTimeMs: ({ payment }) => payment.eventTimeMs,
  latitude: ({ payment }) => payment.latitude ?? Number.NaN,
  longitude: ({ payment }) => payment.longitude ?? Number.NaN,
};

/** The same as the interpreter of the language wants it. */
export interface RuleContext {
  readonly payment: Readonly<Record<string, string | number>>;
  readonly f: Readonly<Record<string, number | boolean>>;
}

export function ruleContext(subject: RuleSubject): RuleContext {
  const payment: Record<string, string | number> = {};
  for (const [name, of] of Object.entries(paymentTexts)) payment[name] = of(subject);
  for (const [name, of] of Object.entries(paymentNumbers)) payment[name] = of(subject);
  const f: Record<string, number | boolean> = {};
  for (const [place, name] of featureNames.entries()) {
    const value = subject.row[place] as number;
    f[name] = isFlagAt(place) ? value === 1 : value;
  }
  return { payment, f };
}
