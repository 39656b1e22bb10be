// How a row becomes an event: declared in YAML, one entry a field of the event (a column, a constant or a template). Checked against
// the event's own schema before the first row is read. Pure: the same row gives the same event, so that replaying again is a duplicate.
import { z } from 'zod';
import { type Converted, toNumber, toTimeMs } from './convert.ts';

const scalar = z.union([z.string().max(4_096), z.number(), z.boolean()]);

const columnField = z.strictObject({
  column: z.string().min(1),
  type: z.enum(['text', 'number', 'integer']).default('text'),
  /** Multiplies; with `type: integer` the product is rounded half up. */
  scale: z.number().positive().optional(),
  /** Replaces whole values; a value without an entry is a fault. */
  map: z.record(z.string(), scalar).optional(),
  /** Stands in for an empty or missing value. */
  default: scalar.optional(),
  /** An empty or missing value leaves the field out. */
  optional: z.boolean().default(false),
});
const timeField = z.strictObject({
  column: z.string().min(1),
  time: z.enum(['iso', 's', 'ms', 'us']),
  /** Added to the time, e.g. 604800000 for labels that become known a week later. */
  plusMs: z.int().default(0),
});
const constantField = z.strictObject({ constant: scalar });
const templateField = z.strictObject({ template: z.string().min(1).max(4_096) });

export const mappingSchema = z.strictObject({
  description: z.string().optional(),
  event: z.strictObject({ type: z.string(), version: z.int().min(1) }),
  fields: z.record(
    z.string(),
    z.union([timeField, columnField, constantField, templateField], {
      error:
        'must be one of {column, type, scale, map, default, optional}, {column, time: iso|s|ms|us, plusMs}, {constant}, {template}',
    }),
  ),
});
export type Mapping = z.output<typeof mappingSchema>;
type Field = Mapping['fields'][string];

export type MappedRow =
  | { readonly kind: 'mapped'; readonly input: Readonly<Record<string, unknown>> }
  | { readonly kind: 'fault'; readonly column: string | null; readonly message: string };

const holePattern = /\{([^{}]+)\}/g;

/** The event's fields from a row's columns, not yet validated as an event. */
export function applyMapping(mapping: Mapping, row: Readonly<Record<string, unknown>>): MappedRow {
  const input: Record<string, unknown> = { type: mapping.event.type, version: mapping.event.version };
  for (const [name, field] of Object.entries(mapping.fields)) {
    const converted = convertField(field, row);
    if (converted.kind === 'fault') return { ...converted, column: 'column' in field ? field.column : null };
    if (converted.value !== undefined) input[name] = converted.value;
  }
  return { kind: 'mapped', input };
}

/** The columns that a field is made from. */
export function columnsOf(field: Field): readonly string[] {
  if ('column' in field) return [field.column];
  if ('template' in field) return [...field.template.matchAll(holePattern)].map(([, name = '']) => name);
  return [];
}

function convertField(field: Field, row: Readonly<Record<string, unknown>>): Converted<unknown> {
  if ('constant' in field) return { kind: 'value', value: field.constant };
  if ('template' in field) return fillTemplate(field.template, row);
  const text = textOf(row[field.column]);
  if (text === null) return { kind: 'fault', message: 'is not text or a number' };
  if ('time' in field) {
    const time = toTimeMs(text, field.time);
    return time.kind === 'fault' ? time : { kind: 'value', value: time.value + field.plusMs };
  }
  if (text === '' && (field.default !== undefined || field.optional)) return { kind: 'value', value: field.default };
  if (field.map) return mapped(field.map, text);
  return field.type === 'text' ? { kind: 'value', value: text } : toNumber(text, field.type === 'integer', field.scale);
}

function fillTemplate(template: string, row: Readonly<Record<string, unknown>>): Converted<string> {
  const missing = [...template.matchAll(holePattern)].find(([, name = '']) => !textOf(row[name]));
  if (missing) return { kind: 'fault', message: `the column ${missing[1]} is empty` };
  return { kind: 'value', value: template.replaceAll(holePattern, (_, name: string) => textOf(row[name]) ?? '') };
}

function mapped(map: Readonly<Record<string, unknown>>, text: string): Converted<unknown> {
  if (Object.hasOwn(map, text)) return { kind: 'value', value: map[text] };
  return { kind: 'fault', message: `is none of ${Object.keys(map).join(', ')}` };
}

/** A column's value as text; '' when it is missing, null when it is a list or an object. */
function textOf(value: unknown): string | null {
  if (typeof value === 'string') return value;
  if (value === undefined || value === null) return '';
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : null;
}
