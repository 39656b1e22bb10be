// SQL from people, run so that it can only read, and only so much.
// Guarantees, one behind the other: the engine's own parser prints the statement and the guard judges what it printed; that text, not the one
// that was sent, runs with `readonly` = 1 under limits of rows, bytes, memory and time; and with the rights of a role or user that may
// read one database. Redelivery: reads only, asking again changes nothing.
import type { Readable } from 'node:stream';
import { ClickHouseError, type ClickHouseClient, type ClickHouseSettings, type ResponseJSON } from '@clickhouse/client';
import { refusalOf } from './sql-guard.ts';
import { positionIn, type SqlPosition } from './sql-position.ts';

export interface ReadOnlyOptions {
  /** Asks the engine's parser and for the names of its functions. */
  readonly client: ClickHouseClient;
  /** What the statement itself runs on, in its database: a user of its own, or the same one. */
  readonly reader: ClickHouseClient;
  /** A role to take on: then only its rights hold. */
  readonly role?: string;
  readonly limits: ReadOnlyLimits;
}

export interface ReadOnlyLimits {
  readonly rowsMax: number;
  readonly resultBytesMax: number;
  readonly memoryBytesMax: number;
  readonly timeMaxMs: number;
}

export type ReadOnlyOutcome =
  | { readonly kind: 'rows'; readonly result: SqlResult }
  /** By the guard. */
  | { readonly kind: 'refused'; readonly why: string }
  /** By the engine: its code, its name for it, its message. */
  | { readonly kind: 'failed'; readonly fault: SqlFault }
  | { readonly kind: 'unavailable' };

export interface SqlResult {
  readonly columns: readonly { readonly name: string; readonly type: string }[];
  /** 64-bit numbers are decimal text, NaN and infinities their names. */
  readonly rows: readonly (readonly unknown[])[];
  /** There were more rows than the limit. */
  readonly isTruncated: boolean;
  readonly elapsedMs: number;
  readonly rowsRead: number;
  readonly bytesRead: number;
}

export interface SqlFault {
  readonly code: number;
  readonly name: string;
  readonly message: string;
  /** Where in the text that was sent, when the engine says it or names something that is there. */
  readonly position: SqlPosition | null;
}

export type ReadOnlyQuery = (sql: string, signal: AbortSignal) => Promise<ReadOnlyOutcome>;

export function createReadOnlyQuery(options: ReadOnlyOptions): ReadOnlyQuery {
  let tableFunctions: Promise<ReadonlySet<string>> | null = null;
  const known = (): Promise<ReadonlySet<string>> => {
    tableFunctions ??= tableFunctionsOf(options.client);
    tableFunctions.catch(() => (tableFunctions = null));
    return tableFunctions;
  };
  return async (sql, signal) => {
    try {
      const printed = await printedBy(options.client, sql);
      const why = refusalOf(printed, await known());
      return why === null ? { kind: 'rows', result: await run(options, printed, signal) } : { kind: 'refused', why };
    } catch (error) {
      if (error instanceof TooLarge) return { kind: 'failed', fault: error.fault };
      return error instanceof ClickHouseError
        ? { kind: 'failed', fault: faultOf(error, sql) }
        : { kind: 'unavailable' };
    }
  };
}

/** The statement as the engine understands it. Rejects where it is none, or more than one. */
async function printedBy(client: ClickHouseClient, sql: string): Promise<string> {
  // In the text itself: as a parameter it would be part of an address, which is shorter than SQL may be.
  const literal = `'${sql.replace(/[\\']/g, '\\$&').replaceAll('\0', '\\0')}'`;
  const query = `SELECT formatQuerySingleLine(${literal})`;
  const [row] = await (await client.query({ query, format: 'JSONCompactEachRow' })).json<[string]>();
  return row?.[0] ?? '';
}

async function tableFunctionsOf(client: ClickHouseClient): Promise<ReadonlySet<string>> {
  const query = 'SELECT lower(name) FROM system.table_functions';
  const rows = await (await client.query({ query, format: 'JSONCompactEachRow' })).json<[string]>();
  return new Set(rows.map(([name]) => name));
}

async function run(
  { reader, role, limits }: ReadOnlyOptions,
  printed: string,
  signal: AbortSignal,
): Promise<SqlResult> {
  const clickhouse_settings: ClickHouseSettings = {
    readonly: '1',
    // One more than is given tells that there were more.
    limit: String(limits.rowsMax + 1),
    max_result_bytes: String(limits.resultBytesMax),
    result_overflow_mode: 'throw',
    max_memory_usage: String(limits.memoryBytesMax),
    max_execution_time: Math.ceil(limits.timeMaxMs / 1_000),
    timeout_overflow_mode: 'throw',
    output_format_json_quote_denormals: 1,
    cancel_http_readonly_queries_on_client_close: 1,
    // An error in the middle then is an error, not a broken answer.
    wait_end_of_query: 1,
  };
  const { stream } = await reader.exec({
    query: `${printed}\nFORMAT JSONCompact`,
    clickhouse_settings,
    abort_signal: signal,
    ...(role !== undefined && { role }),
  });
  const { meta, data, statistics } = JSON.parse(await textOf(stream, limits.resultBytesMax)) as ResponseJSON<unknown[]>;
  return {
    columns: meta ?? [],
    rows: data.slice(0, limits.rowsMax),
    isTruncated: data.length > limits.rowsMax,
    elapsedMs: Math.round((statistics?.elapsed ?? 0) * 1_000),
    rowsRead: statistics?.rows_read ?? 0,
    bytesRead: statistics?.bytes_read ?? 0,
  };
}

/** The engine holds its bound only for some results. */
async function textOf(stream: Readable, bytesMax: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new TooLarge(bytesMax);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

/** In ClickHouse's own words. */
class TooLarge extends Error {
  readonly fault: SqlFault;
  constructor(bytesMax: number) {
    super('too large');
    const message = `the result is larger than ${bytesMax} bytes: ask for less, or raise sql.resultBytesMax`;
    this.fault = { code: 396, name: 'TOO_MANY_ROWS_OR_BYTES', message, position: null };
  }
}

const messageLengthMax = 600;

function faultOf({ code, type, message }: ClickHouseError, sql: string): SqlFault {
  const text = message.replace(/: In scope SELECT formatQuerySingleLine\([^]*$/, '').trim();
  return {
    code: Number(code),
    name: type ?? '',
    message: text.length > messageLengthMax ? `${text.slice(0, messageLengthMax)} …` : text,
    position: positionIn(message, sql),
  };
}
