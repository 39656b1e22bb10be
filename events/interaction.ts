import { z } from 'zod';
import { amountMinorField, countryField, currencyField, envelopeFields, idField } from './fields.ts';

/** What a visitor did with an item. Topic `interactions`, key = `userId`. */
export const interactionV1 = z.object({
  ...envelopeFields('interaction', 1),
  action: z.enum(['view', 'click', 'cart', 'purchase']),
  userId: idField,
  sessionId: idField,
  itemId: idField,
  category: idField.optional(),
  /** Price of one. */
  priceMinor: amountMinorField.optional(),
  currency: currencyField.optional(),
  quantity: z.int().min(1).max(1_000_000).optional(),
  country: countryField.optional(),
  deviceId: idField.optional(),
  /** Of the served list that the item was found in. */
  attributionId: idField.optional(),
});

/** The newest version: what pipelines see. */
export type Interaction = z.infer<typeof interactionV1>;
