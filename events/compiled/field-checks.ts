import type { EventVersion } from '../catalog.ts';
import { jsonSchemaOf } from '../validators.ts';

/** What a field's schema asks, as far as a compiled decoder can check it. */
export type FieldCheck =
  | { readonly kind: 'constant' }
  | {
      readonly kind: 'text';
      readonly min: number;
      readonly max: number;
      /** What its length does not decide; null: nothing. */
      readonly accepts: ((text: string) => boolean) | null;
    }
  | { readonly kind: 'integer' | 'number'; readonly min: number; readonly max: number }
  | { readonly kind: 'boolean' };

/** The checks of every declared field by name; null when the schema asks anything that they cannot express. */
export function fieldChecksOf(version: EventVersion): ReadonlyMap<string, FieldCheck | null> | null {
  const { properties, ...rest } = jsonSchemaOf(version) as Schema;
  const unknown = Object.keys(rest).filter((keyword) => !['$schema', 'type', 'required'].includes(keyword));
  if (unknown.length > 0 || rest['type'] !== 'object' || !properties) return null;
  return new Map(Object.entries(properties).map(([name, schema]) => [name, checkOf(schema)]));
}

type Schema = Readonly<Record<string, unknown>> & { readonly properties?: Readonly<Record<string, Schema>> };

/** By type: the keywords that are understood. Anything else makes the field one that only the slow path decodes. */
const understood: Readonly<Record<string, readonly string[]>> = {
  string: ['minLength', 'maxLength', 'pattern', 'enum'],
  integer: ['minimum', 'maximum'],
  number: ['minimum', 'maximum'],
  boolean: [],
};

function checkOf(schema: Schema): FieldCheck | null {
  const { type, ...rest } = schema;
  if ('const' in schema) return { kind: 'constant' };
  const keywords = typeof type === 'string' ? understood[type] : undefined;
  if (!keywords || Object.keys(rest).some((keyword) => !keywords.includes(keyword))) return null;
  const number = (keyword: string, otherwise: number): number => (rest[keyword] as number | undefined) ?? otherwise;
  switch (type) {
    case 'string':
      return {
        kind: 'text',
        min: number('minLength', 0),
        max: number('maxLength', Infinity),
        accepts: acceptsOf(rest),
      };
    case 'integer':
    case 'number':
      return { kind: type, min: number('minimum', -Infinity), max: number('maximum', Infinity) };
    default:
      return { kind: 'boolean' };
  }
}

function acceptsOf({ pattern, enum: values }: Schema): ((text: string) => boolean) | null {
  const known = values === undefined ? null : new Set(values as string[]);
  const shape = pattern === undefined ? null : new RegExp(pattern as string, 'u');
  if (!known && !shape) return null;
  return (text) => (known?.has(text) ?? true) && (shape?.test(text) ?? true);
}
