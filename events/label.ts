import { z } from 'zod';
import { envelopeFields, idField, timeField } from './fields.ts';

/**
 * What was found out about a payment, later: fraud confirmed or refuted. Topic `labels`, key = `cardId`. `eventTimeMs` is
 * when it became known; the payment's own time and entities come along, so that nothing has to be looked up to use it.
 */
export const labelV1 = z.object({
  ...envelopeFields('label', 1),
  verdict: z.enum(['confirmed', 'refuted']),
  /** What kind of fraud it was, as far as known, e.g. `card-testing`. */
  reason: idField.optional(),
  /** Id of the payment within its source. */
  paymentId: idField,
  paymentSource: idField.optional(),
  paymentEventTimeMs: timeField,
  cardId: idField,
  terminalId: idField.optional(),
  merchantId: idField.optional(),
  deviceId: idField.optional(),
});

/** The newest version: what pipelines see. */
export type Label = z.infer<typeof labelV1>;
