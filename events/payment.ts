import { z } from 'zod';
import { minorUnits } from './currency.ts';
import { amountMinorField, countryField, currencyField, envelopeFields, idField } from './fields.ts';

/**
 * A card payment. Topic `payments`, key = `cardId`.
 *
 * Version 1 carried the amount in major units, as a number or as decimal text, and neither
 * country nor place. Version 2 carries minor units, so that no reader ever rounds money again.
 */
export const paymentV1 = z.object({
  ...envelopeFields('payment', 1),
  /** Major units: `57.16` or `"57.16"`; at most 4 decimals count. */
  amount: z.union([z.string().regex(/^\d{1,9}(\.\d{1,4})?$/), z.number().min(0).max(999_999_999)]),
  currency: currencyField,
  cardId: idField,
  terminalId: idField.optional(),
  merchantId: idField.optional(),
  deviceId: idField.optional(),
});
export type PaymentV1 = z.infer<typeof paymentV1>;

export const paymentV2 = z.object({
  ...envelopeFields('payment', 2),
  amountMinor: amountMinorField,
  currency: currencyField,
  cardId: idField,
  terminalId: idField.optional(),
  merchantId: idField.optional(),
  deviceId: idField.optional(),
  country: countryField.optional(),
  category: idField.optional(),
  latitude: z.number().min(-90).max(90).optional(),
  longitude: z.number().min(-180).max(180).optional(),
});
export type PaymentV2 = z.infer<typeof paymentV2>;

/** The newest version: what pipelines see. */
export type Payment = PaymentV2;

/** Version 1 as version 2: the amount in minor units of its currency (rounded half up), all else as it was. */
export function upcastPaymentV1(event: PaymentV1): PaymentV2 {
  const { amount, currency } = event;
  const majorText = typeof amount === 'number' ? amount.toFixed(4) : amount;
  // Every field of version 1 but `amount` keeps its name and meaning, those that no schema names too.
  const newest: Record<string, unknown> = { amountMinor: minorUnits(majorText, currency) };
  for (const name in event) if (name !== 'amount') newest[name] = event[name as keyof PaymentV1];
  newest['version'] = 2;
  return newest as PaymentV2;
}
