import { z } from 'zod';
import { unwrapped } from './options.ts';
import { configSchema } from './schema.ts';

/** `config/millrace.yaml`: every option with its default, meaning and environment variable. */
export function renderYaml(): string {
  return `${header}${renderBlock(configSchema, '').join('\n')}\n`;
}

/** `config/millrace.schema.json`, draft 7: what editors check and complete by. `${…}` is allowed in place of any value. */
export function renderJsonSchema(): string {
  const schema = z.toJSONSchema(configSchema, {
    io: 'input',
    target: 'draft-7',
    override: ({ jsonSchema }) => allowReference(jsonSchema),
  });
  return `${JSON.stringify({ ...schema, title: 'millrace configuration' }, null, 2)}\n`;
}

const header = `# yaml-language-server: $schema=./millrace.schema.json
#
# Every option of millrace with its default. Written by \`npm run config\` from config/schema.ts: change values freely,
# take out what you do not change. The end of a name is its unit. Empty text ('') means "not set".
#
# Any value may hold \${NAME} or \${NAME:-default}. Any option may also be set by the environment, which wins:
# MILLRACE_ and the path, e.g. MILLRACE_KAFKA_BROKERS, MILLRACE_SERVER_BODY_BYTES_MAX; lists with commas.
# Secrets are only given by reference: env:NAME or file:/path.
`;

function renderBlock(schema: z.ZodType, indent: string): readonly string[] {
  const shape = (unwrapped(schema) as z.ZodObject).shape;
  return Object.entries(shape).flatMap(([name, child]) => {
    const option = child as z.ZodType;
    const comment = `${indent}# ${option.description ?? ''}${choices(option)}`;
    const gap = indent === '' ? [''] : [];
    if (unwrapped(option) instanceof z.ZodObject)
      return [...gap, comment, `${indent}${name}:`, ...renderBlock(option, `${indent}  `)];
    return [...gap, comment, `${indent}${name}: ${yamlOf(option.parse(undefined))}`];
  });
}

function choices(option: z.ZodType): string {
  const inner = unwrapped(option);
  if (!(inner instanceof z.ZodEnum) || inner.options.length < 2) return '';
  return ` One of: ${inner.options.map((choice) => yamlOf(choice)).join(', ')}.`;
}

function yamlOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlOf).join(', ')}]`;
  if (typeof value !== 'string') return String(value);
  return /^[A-Za-z][\w./-]*$|^\d+\.\d+\.\d+\.\d+$|^\.\/\w+$/.test(value) ? value : `'${value.replaceAll("'", "''")}'`;
}

type JsonSchema = Parameters<
  NonNullable<NonNullable<Parameters<typeof z.toJSONSchema>[1]>['override']>
>[0]['jsonSchema'];

/** A leaf becomes "this, or text with a `${`": the loader checks what is put in. */
function allowReference(schema: JsonSchema): void {
  const isPlainText = schema.type === 'string' && !schema.pattern && !schema.enum;
  if (schema.type === 'object' || schema.type === undefined || isPlainText) return;
  const { description, default: fallback, ...rest } = schema;
  for (const name of Object.keys(schema)) delete (schema as Record<string, unknown>)[name];
  const own = fallback === undefined ? {} : { default: fallback };
  Object.assign(schema, description === undefined ? {} : { description }, own, {
    anyOf: [rest, { type: 'string', pattern: '\\$\\{' }],
  });
}
