// What is accepted and what the OpenAPI document says of GET /v1/recommendations/:user. Pure data. Redelivery: not concerned.

/** Items of an answer: by default and at most. */
const itemsAsked = 10;
const itemsMax = 100;

const failure = { type: 'object', properties: { error: { type: 'string' }, message: { type: 'string' } } };
const from = { type: 'string', enum: ['trending', 'co_visited', 'personal'] };
const item = {
  type: 'object',
  properties: {
    itemId: { type: 'string' },
    score: { type: 'number', description: 'Comparable within what it was found by' },
    reason: { type: 'string', description: 'For a person' },
    from: { ...from, description: 'What it was found by' },
  },
};
const id = { type: 'string', minLength: 1, maxLength: 200 };

export const recommendationsSchema = {
  tags: ['recommendations'],
  summary: 'What a visitor is to be shown',
  description:
    'Items visited together with what the visitor looked at last, then what trends; never what was bought, nor what was just looked at. ' +
    'For a visitor nobody knows: what trends. Each answer is an event `served` on `interactions` under its attribution id; a click or ' +
    'purchase that came of it carries the id as `attributionId`.',
  params: { type: 'object', properties: { user: { ...id, description: 'As `userId` in interactions' } } },
  querystring: {
    type: 'object',
    additionalProperties: false,
    properties: {
      n: { type: 'integer', minimum: 1, maximum: itemsMax, default: itemsAsked, description: 'Items at most' },
      category: { ...id, description: 'Where a visitor nobody knows is looking' },
    },
  },
  response: {
    200: {
      description: 'The list, best item first',
      type: 'object',
      properties: {
        userId: { type: 'string' },
        attributionId: { type: ['string', 'null'], description: 'Null when the answer could not be recorded' },
        list: { ...from, description: 'What the first item was found by' },
        eventTimeMs: { type: 'integer', description: 'Event time that the list is as of' },
        items: { type: 'array', items: item },
      },
    },
    400: { description: 'n or category is not as it must be', ...failure },
    403: { description: 'The token does not cover recommendations:<user>', ...failure },
    404: { description: 'Nothing is known of the visitor, and nothing trends (yet)', ...failure },
    503: { description: 'Lists cannot be read now: ask again', ...failure },
  },
};
