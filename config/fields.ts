import { z } from 'zod';

/** The kinds of values that options take. Units are in the options' names; limits are here. */

/** A TCP port; 0 asks the system for any free one. */
export const port = (value: number) => z.int().min(0).max(65_535).default(value);

/** A whole number of at least `min`: milliseconds, bytes, counts, as the option's name says. */
export const whole = (value: number, min = 1, max = Number.MAX_SAFE_INTEGER) =>
  z.int().min(min).max(max).default(value);

/** Days to keep; 0 keeps for good. */
export const days = (value: number) => z.int().min(0).max(36_500).default(value);

/** A part of 1. */
export const share = (value: number) => z.number().min(0).max(1).default(value);

/** Text; empty means "not set". */
export const text = (value = '') => z.string().max(4_096).default(value);

/** An http or https URL; empty means "not set". */
export const httpUrl = () =>
  z
    .string()
    .refine((value) => value === '' || isHttpUrl(value), 'must be an http:// or https:// URL without credentials in it')
    .default('');

/** An http or https URL that must be given. */
export const requiredUrl = () =>
  z.string().refine(isHttpUrl, 'must be an http:// or https:// URL without credentials in it');

/** An amqp or amqps URL; empty means "not set". */
export const amqpUrl = () =>
  z
    .string()
    .refine(
      (value) => value === '' || isUrlOf(value, ['amqp:', 'amqps:']),
      'must be an amqp:// or amqps:// URL without credentials in it',
    )
    .default('');

/** A comma-separated list of host:port; empty means "not set". */
export const hostPorts = () =>
  z
    .string()
    .regex(
      /^(\s*[^\s,:/]+:\d{1,5}\s*(,\s*[^\s,:/]+:\d{1,5}\s*)*)?$/,
      'must be host:port, or several with commas between',
    )
    .default('');

const referencePattern = /^(env:[A-Za-z_][A-Za-z0-9_]*|file:\/.+)$/;
const referenceError = 'a secret is only given by reference: env:NAME (a variable) or file:/path (a file)';

/** A reference to a secret, `env:NAME` or `file:/path`; empty means "not set". */
export const secretRef = () =>
  z
    .string()
    .refine((value) => value === '' || referencePattern.test(value), referenceError)
    .default('');

/** A list of references to secrets. */
export const secretRefs = () => z.array(z.string().regex(referencePattern, referenceError)).max(100).default([]);

/** At least one reference to a secret. */
export const requiredSecretRefs = (max: number) =>
  z.array(z.string().regex(referencePattern, referenceError)).min(1).max(max);

/** A list of texts. */
export const texts = () => z.array(z.string().min(1).max(4_096)).max(1_000).default([]);

const isHttpUrl = (value: string): boolean => isUrlOf(value, ['http:', 'https:']);

function isUrlOf(value: string, protocols: readonly string[]): boolean {
  const url = URL.canParse(value) ? new URL(value) : null;
  return (
    url !== null &&
    protocols.includes(url.protocol) &&
    url.hostname !== '' &&
    url.username === '' &&
    url.password === ''
  );
}
