import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js';
import { z } from 'zod';
import type { EventVersion } from './catalog.ts';

/** A fault in an event: where (JSON pointer) and what. Never holds the value itself. */
export interface Fault {
  readonly path: string;
  readonly message: string;
}

/** The JSON Schema (draft 2020-12) of one version. Fields that it does not name are allowed and ignored, so that a producer may add one first. */
export const jsonSchemaOf = (version: EventVersion): object => z.toJSONSchema(version.schema, { io: 'input' });

// `strict` also refuses NaN and Infinity (`JSON.parse('1e400')`) where a number is asked for.
const compilers = {
  first: new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false }),
  all: new Ajv2020({ strict: true, allowUnionTypes: true, validateFormats: false, allErrors: true }),
};
const compiled = {
  first: new Map<EventVersion, ValidateFunction>(),
  all: new Map<EventVersion, ValidateFunction>(),
};

/** Compiled once per version: `first` stops at the first fault (hot path), `all` finds every one (for people). */
export function validatorOf(version: EventVersion, mode: 'first' | 'all'): ValidateFunction {
  const known = compiled[mode].get(version);
  if (known) return known;
  const made = compilers[mode].compile(jsonSchemaOf(version));
  compiled[mode].set(version, made);
  return made;
}

/** ajv's errors as faults; a missing field is reported at its own path. */
export function faultsOf(errors: readonly ErrorObject[] | null | undefined): Fault[] {
  return (errors ?? [])
    .filter((error) => error.keyword !== 'anyOf')
    .map((error) =>
      error.keyword === 'required'
        ? { path: `${error.instancePath}/${String(error.params['missingProperty'])}`, message: 'is required' }
        : { path: error.instancePath, message: messageOf(error) },
    );
}

function messageOf(error: ErrorObject): string {
  if (error.keyword === 'enum') return `must be one of ${(error.params['allowedValues'] as string[]).join(', ')}`;
  if (error.keyword === 'const') return `must be ${String(error.params['allowedValue'])}`;
  return error.message ?? 'is not valid';
}

/** Path of the first text with half a surrogate pair (it cannot be stored as UTF-8 and come back the same), or null. */
export function illFormedTextPath(event: object): string | null {
  for (const [name, value] of Object.entries(event))
    if (typeof value === 'string' && /\p{Surrogate}/u.test(value)) return `/${name}`;
  return null;
}
