import { z } from 'zod';
import { configSchema } from './schema.ts';

/** One settable option, as the schema has it. */
export interface Option {
  /** e.g. `['server', 'port']`. */
  readonly path: readonly string[];
  /** e.g. `MILLRACE_SERVER_PORT`. */
  readonly environmentName: string;
  readonly type: 'number' | 'boolean' | 'list' | 'text';
  readonly defaultValue: unknown;
  readonly description: string;
}

/** Every option of the schema, in its order. */
export function listOptions(): readonly Option[] {
  return optionsBelow(configSchema, []);
}

/** `['server', 'bodyBytesMax']` → `MILLRACE_SERVER_BODY_BYTES_MAX`. */
export function environmentName(path: readonly string[]): string {
  const words = path.map((part) => part.replace(/[A-Z]/g, (capital) => `_${capital}`).toUpperCase());
  return `MILLRACE_${words.join('_')}`;
}

/** Text from the environment or a `${VAR}` as the option's type; text that does not fit stays text, and the schema says why. */
export function coerce(type: Option['type'], value: string): unknown {
  if (type === 'number') return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(value.trim()) ? Number(value) : value;
  if (type === 'boolean') return value === 'true' ? true : value === 'false' ? false : value;
  if (type === 'list') return listOf(value.trim());
  return value;
}

/** With commas, or as JSON, which lists of blocks need. */
function listOf(value: string): unknown {
  if (value.startsWith('[')) {
    try {
      return JSON.parse(value);
    } catch {
      return value;
    }
  }
  return value === '' ? [] : value.split(',').map((item) => item.trim());
}

/** The names that a block inside a list may have, e.g. at `['webhooks', 'endpoints', 0]`; empty where there is none. */
export function namesInList(path: readonly PropertyKey[]): readonly string[] {
  let at: z.ZodType | undefined = configSchema;
  for (const part of path) {
    const inner: z.ZodType | undefined = at && unwrapped(at);
    if (inner instanceof z.ZodArray) at = inner.element as z.ZodType;
    else at = inner instanceof z.ZodObject ? (inner.shape[String(part)] as z.ZodType | undefined) : undefined;
  }
  const block = at && unwrapped(at);
  return block instanceof z.ZodObject ? Object.keys(block.shape) : [];
}

function optionsBelow(schema: z.ZodType, path: readonly string[]): readonly Option[] {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject)
    return Object.entries(inner.shape).flatMap(([name, child]) => optionsBelow(child as z.ZodType, [...path, name]));
  return [
    {
      path,
      environmentName: environmentName(path),
      type: typeOf(inner),
      defaultValue: schema.parse(undefined),
      description: schema.description ?? '',
    },
  ];
}

function typeOf(schema: z.ZodType): Option['type'] {
  if (schema instanceof z.ZodNumber) return 'number';
  if (schema instanceof z.ZodBoolean) return 'boolean';
  return schema instanceof z.ZodArray ? 'list' : 'text';
}

/** The schema inside its defaults. */
export function unwrapped(schema: z.ZodType): z.ZodType {
  let inner = schema;
  while (inner instanceof z.ZodDefault || inner instanceof z.ZodPrefault) inner = inner.unwrap() as z.ZodType;
  return inner;
}
