import type { FastifyInstance } from 'fastify';
import type { Metrics } from '../telemetry/metrics.ts';
import { requireRight } from './guard.ts';

/** Runs one statement that can only read. Never rejects. */
export type RunSql = (sql: string, signal: AbortSignal) => Promise<SqlOutcome>;

export type SqlOutcome =
  | { readonly kind: 'rows'; readonly result: object }
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'failed'; readonly fault: { readonly message: string } }
  | { readonly kind: 'unavailable' };

export interface SqlRouteOptions {
  readonly runSql: RunSql;
  /** Statements that run at a time; more are answered 429. */
  readonly concurrentMax: number;
  readonly metrics: Metrics;
}

/** Characters of a statement. */
const sqlLengthMax = 65_536;

const schema = {
  tags: ['sql'],
  summary: 'Ask ClickHouse, reading only',
  description:
    'One SELECT, WITH, SHOW, DESCRIBE, EXPLAIN or EXISTS on the tables and views of millrace, under limits of rows, bytes, memory and time. 64-bit numbers come as text.',
  body: {
    type: 'object',
    required: ['sql'],
    additionalProperties: false,
    properties: { sql: { type: 'string', maxLength: sqlLengthMax } },
  },
  response: {
    200: {
      description: 'Columns and rows',
      type: 'object',
      properties: {
        columns: {
          type: 'array',
          items: { type: 'object', properties: { name: { type: 'string' }, type: { type: 'string' } } },
        },
        rows: { type: 'array', items: { type: 'array', items: {} } },
        isTruncated: { type: 'boolean', description: 'There were more rows than sql.rowsMax' },
        elapsedMs: { type: 'number' },
        rowsRead: { type: 'number' },
        bytesRead: { type: 'number' },
      },
    },
    400: failure('The engine refused it: its code, its name for it, its message, and the place in the text'),
    403: failure('Not something that only reads, or the credential has no right to sql'),
    429: failure('Too many statements run now'),
    503: failure('ClickHouse does not answer'),
  },
};

/** `POST /v1/query`. */
export const sqlRoute =
  ({ runSql, concurrentMax, metrics }: SqlRouteOptions) =>
  (app: FastifyInstance): void => {
    let running = 0;
    const statements = metrics.counter('millrace_sql_statements_total', 'Statements asked by POST /v1/query', [
      'outcome',
    ]);
    const now = metrics.gauge('millrace_sql_running_statements', 'Statements of POST /v1/query that run now');
    app.post<{ Body: { sql: string } }>(
      '/v1/query',
      { schema, onRequest: requireRight('sql') },
      async (request, reply) => {
        if (running >= concurrentMax) {
          statements.inc({ outcome: 'too_many' });
          return reply
            .code(429)
            .header('retry-after', '1')
            .send({ error: 'too_many_queries', message: `${concurrentMax} statements run now: ask again` });
        }
        const gone = new AbortController();
        reply.raw.once('close', () => gone.abort());
        now.set((running += 1));
        try {
          const outcome = await runSql(request.body.sql, gone.signal);
          statements.inc({ outcome: outcome.kind });
          const { status, body } = answerOf(outcome);
          return await reply.code(status).send(body);
        } finally {
          now.set((running -= 1));
        }
      },
    );
  };

function answerOf(outcome: SqlOutcome): { readonly status: number; readonly body: object } {
  switch (outcome.kind) {
    case 'rows':
      return { status: 200, body: outcome.result };
    case 'refused':
      return { status: 403, body: { error: 'not_read_only', message: outcome.why } };
    case 'failed':
      return { status: 400, body: { error: 'query_failed', ...outcome.fault } };
    case 'unavailable':
      return {
        status: 503,
        body: { error: 'clickhouse_unavailable', message: 'ClickHouse does not answer: ask again' },
      };
  }
}

function failure(description: string) {
  return {
    description,
    type: 'object',
    additionalProperties: true,
    properties: { error: { type: 'string' }, message: { type: 'string' } },
  };
}
