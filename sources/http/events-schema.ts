// What the OpenAPI document says of POST /v1/events. The events' own schemas come from the catalog, newest version of each type.
import { catalog } from '../../events/catalog.ts';
import { rulesTopic } from '../../events/topics.ts';
import { jsonSchemaOf } from '../../events/validators.ts';

const fault = {
  type: 'object',
  properties: {
    error: { type: 'string' },
    message: { type: 'string' },
    faultsTotal: { type: 'integer' },
    faults: {
      type: 'array',
      items: { type: 'object', properties: { path: { type: 'string' }, message: { type: 'string' } } },
    },
  },
};
const failure = { type: 'object', properties: { error: { type: 'string' }, message: { type: 'string' } } };
const position = {
  type: 'object',
  properties: {
    id: { type: 'string' },
    topic: { type: 'string' },
    partition: { type: 'integer' },
    offset: { type: 'string', description: 'decimal text' },
  },
};

export const eventsSchema = {
  tags: ['events'],
  summary: 'Send one event or a list of events',
  description:
    'All or nothing: one faulty event and nothing is stored. `id` (then new for each try) and `source` (then `http`) may be left out; ' +
    'send your own `id` to be able to send again: (source, id) is known, and a second one is dropped.',
  body: { oneOf: [...newestSchemas(), { type: 'array', items: { oneOf: newestSchemas() } }] },
  response: {
    202: {
      description: 'All are acknowledged by the broker; positions in the order sent',
      type: 'object',
      properties: { accepted: { type: 'integer' }, positions: { type: 'array', items: position } },
    },
    400: { description: 'Not JSON, or faulty events: nothing is stored', ...fault },
    401: { description: 'A credential is needed', ...failure },
    413: { description: 'More than the body may hold', ...failure },
    415: { description: 'Not application/json', ...failure },
    429: { description: 'millrace is behind: send the same again after Retry-After seconds', ...failure },
    503: { description: 'The broker does not answer: send the same again with the same ids', ...failure },
  },
};

/** Of one event type, or of all. */
export function newestSchemas(only?: string): object[] {
  return [...catalog.values()].flatMap(({ type, topic, versions }) => {
    const newest = versions.at(-1);
    if (!newest || topic === rulesTopic || (only !== undefined && type !== only)) return [];
    const { $schema: _dialect, ...schema } = jsonSchemaOf(newest) as Record<string, unknown>;
    const required = (schema['required'] as string[]).filter((name) => name !== 'id' && name !== 'source');
    return [{ ...schema, required, title: `${type} v${newest.version}` }];
  });
}
