// What the OpenAPI document says of POST /v1/decide. The payment's own schema comes from the catalog, its newest version. Pure data.
// Redelivery: not concerned.
import { eventsSchema, newestSchemas } from './events-schema.ts';

const failure = { type: 'object', properties: { error: { type: 'string' }, message: { type: 'string' } } };
const {
  400: faultyEvents,
  401: unauthorised,
  413: tooLarge,
  415: notJson,
  429: behind,
  503: noBroker,
} = eventsSchema.response;

export const decideSchema = {
  tags: ['fraud'],
  summary: 'Send one payment and get its decision',
  description:
    'The payment is stored as by POST /v1/events, and decided the same way. The answer is the decision as it was published on ' +
    '`millrace.decisions`: outcome, score, every rule with its verdict, every feature. The same (source, id) again gets the same decision.',
  body: { oneOf: newestSchemas('payment') },
  response: {
    200: { description: 'The decision', type: 'object', additionalProperties: true },
    ...{ 400: faultyEvents, 401: unauthorised, 413: tooLarge, 415: notJson, 429: behind, 503: noBroker },
    504: {
      description: 'The payment is stored, its decision not there in time: ask for it later by `id`',
      ...failure,
      properties: { ...failure.properties, id: { type: 'string' } },
    },
  },
};
