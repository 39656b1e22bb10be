import { z } from 'zod';

/**
 * The fields that several event types share, each with its limits. Authored in zod, exported as JSON Schema
 * (draft 2020-12) and compiled by ajv in `validators.ts`: zod itself is not on the hot path.
 */

/** Names and ids: 1 to 200 characters. */
export const idField = z.string().min(1).max(200);

/** Event times from 1970 up to 2100-01-01, whole ms: catches seconds or microseconds sent as ms at the upper end. */
export const timeField = z.int().min(0).max(4_102_444_800_000);

/** ISO 4217 alphabetic code. */
export const currencyField = z.string().regex(/^[A-Z]{3}$/);

/** ISO 3166-1 alpha-2 code, upper case; left out when not known. */
export const countryField = z.string().regex(/^[A-Z]{2}$/);

/** Money in minor units: never negative, at most 10^12. */
export const amountMinorField = z.int().min(0).max(1_000_000_000_000);

/** The envelope of one version of one event type, to be spread into its object. */
export const envelopeFields = <T extends string, V extends number>(type: T, version: V) => ({
  id: idField,
  type: z.literal(type),
  version: z.literal(version),
  source: idField,
  eventTimeMs: timeField,
  key: idField,
});
