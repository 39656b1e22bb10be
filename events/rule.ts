import { z } from 'zod';
import { envelopeFields, idField } from './fields.ts';

/**
 * A rule of the fraud pipeline, whole, as it is from now on. Topic `millrace.rules`, key = `ruleId`. Published from
 * `config/rules`, so that who folds the topic knows the text of every rule that was ever in force.
 */
export const ruleV1 = z.object({
  ...envelopeFields('rule', 1),
  /** e.g. `card-velocity`. */
  ruleId: idField,
  /** CEL over `payment` and the features `f`; true: the rule hits. */
  expression: z.string().min(1).max(4_000),
  /** Added to the score when it hits; negative ones speak for the payment. */
  weight: z.int().min(-1_000).max(1_000),
  /** For a person; `{name}` is replaced by the feature of that name. */
  reason: z.string().min(1).max(500),
  severity: z.enum(['low', 'medium', 'high']),
  isOn: z.boolean(),
});
export type Rule = z.infer<typeof ruleV1>;

/** From which score on a payment is looked at, and declined. Topic `millrace.rules`, key = `thresholds`. */
export const thresholdsV1 = z.object({
  ...envelopeFields('thresholds', 1),
  reviewScore: z.int().min(-100_000).max(100_000),
  declineScore: z.int().min(-100_000).max(100_000),
  /** Every rule that is in force: another one is no more. Absent: all that were published stay. */
  ruleIds: z.array(idField).max(1_000).optional(),
});
export type Thresholds = z.infer<typeof thresholdsV1>;

/**
 * An entity is put on a list, or taken off it. Topic `millrace.rules`, key = `entityId`. The lists `allow` and `block` decide by
 * themselves; others can be asked for in rules: `listed("name", "card")`.
 */
export const listEntryV1 = z.object({
  ...envelopeFields('list-entry', 1),
  list: z.string().regex(/^[a-z][a-z0-9-]{0,49}$/),
  entityType: z.enum(['card', 'device', 'terminal', 'merchant', 'country']),
  entityId: idField,
  /** Event time from which on it is no longer listed; absent: never. */
  expiresMs: z.int().min(0).max(4_102_444_800_000).optional(),
  isRemoved: z.boolean().optional(),
});
export type ListEntry = z.infer<typeof listEntryV1>;
