import type { ClickHouseClient } from '@clickhouse/client';
import type { Logger } from '../../telemetry/logger.ts';
import { writeResult } from './blocks.ts';
import { createTableSink } from './insert.ts';
import { migrate } from './migrate.ts';
import type { ReadFrom } from './queries.ts';
import { readResult } from './result-records.ts';
import { createRowBuffer, type RowBuffer } from './row-binary.ts';
import { columnsOf, type TableName } from './tables.ts';

/**
 * Results that are made again, in tables of their own: a database beside the live one, with the same tables and views. Guarantees that
 * nothing of the live database is written: the name of the sandbox is no name that a live one can have here.
 * Redelivery: identity and revision, as in the live tables.
 */
export interface Sandbox {
  readonly database: string;
  /** Values of result topics. Resolves when durable. */
  write(values: readonly Uint8Array[]): Promise<void>;
  /** Values that are no results; live, they would be in `sink_rejects`. */
  rejects(): number;
}

/** Tables of results that a pipeline makes. */
const resultTables = [
  ...(['window_results', 'late_records', 'dead_letters', 'quarantined', 'decisions', 'alerts'] as const),
  ...(['recommendation_lists', 'predictions', 'forecast_scores', 'forecast_bands'] as const),
] satisfies readonly TableName[];

/** Makes it anew: one of the same name is dropped. Throws a RangeError for a name that is not letters, digits and underscores. */
export async function openSandbox({ client, database }: ReadFrom, name: string, logger: Logger): Promise<Sandbox> {
  const sandbox = sandboxName(database, name);
  await client.command({ query: `DROP DATABASE IF EXISTS ${sandbox}` });
  await migrate(client, { database: sandbox, logger });
  let rejects = 0;
  const sink = createTableSink(client, sandbox);
  return {
    database: sandbox,
    async write(values) {
      if (values.length === 0) return;
      const buffers = new Map<TableName, RowBuffer>();
      const bufferOf = (table: TableName): RowBuffer => {
        const buffer = buffers.get(table) ?? createRowBuffer();
        buffers.set(table, buffer);
        return buffer;
      };
      for (const value of values) {
        const read = readResult(value);
        if (read.kind === 'result') writeResult(bufferOf, read.result);
        else rejects += 1;
      }
      await sink.write([...buffers].map(([table, block]) => ({ table, block })));
    },
    rejects: () => rejects,
  };
}

/** `<database>_sandbox_<name>`. */
function sandboxName(database: string, name: string): string {
  if (!/^\w{1,24}$/.test(name)) throw new RangeError(`${name}: must be up to 24 letters, digits and underscores`);
  return `${database}_sandbox_${name}`;
}

export interface SandboxDifference {
  readonly table: string;
  /** Rows made again. */
  readonly rows: number;
  /** Live rows that were not made again, and rows made again that are not live, in any column. */
  readonly onlyLive: number;
  readonly onlySandbox: number;
}

export interface DiffScope {
  readonly sandbox: string;
  readonly pipeline: string;
  readonly version: number;
  /** What was made again of each shard. */
  readonly ranges: readonly RevisionRange[];
}

/** Revisions of one shard, both included. */
export interface RevisionRange {
  readonly shard: number;
  readonly from: bigint;
  readonly to: bigint;
}

/** Compares row by row, every column. What live has replaced by a later revision since is left out. */
export async function diffSandbox(
  { client, database }: ReadFrom,
  scope: DiffScope,
): Promise<readonly SandboxDifference[]> {
  const found: SandboxDifference[] = [];
  for (const table of resultTables) {
    const [rows, onlyLive, onlySandbox] = await diffTable(client, database, table, scope);
    if (rows + onlyLive + onlySandbox > 0) found.push({ table, rows, onlyLive, onlySandbox });
  }
  return found;
}

async function diffTable(
  client: ClickHouseClient,
  database: string,
  table: TableName,
  { sandbox, pipeline, version, ranges }: DiffScope,
): Promise<readonly [number, number, number]> {
  const ask = async (query: string): Promise<readonly (string | number)[]> => {
    const query_params = { pipeline, version, database, table };
    const answer = await client.query({ query, query_params, format: 'JSONCompactEachRow' });
    return (await answer.json<readonly (string | number)[]>())[0] ?? [];
  };
  const [key] = await ask(
    'SELECT sorting_key FROM system.tables WHERE database = {database:String} AND name = {table:String}',
  );
  const identity = `(${String(key)})`;
  // What a new version ended at its swap no fold has made.
  const of = `pipeline = {pipeline:String} AND version = {version:UInt32} AND NOT startsWith(entry_id, 'swap-')`;
  // Numbers of ours, not texts of others.
  const within = anyOf(ranges, ({ shard, from, to }) => `shard = ${shard} AND revision BETWEEN ${from} AND ${to}`);
  const beyond = anyOf(ranges, ({ shard, to }) => `shard = ${shard} AND revision > ${to}`);
  const made = `SELECT ${columnsOf[table]} FROM ${sandbox}.${table} FINAL WHERE ${of}`;
  const live = `SELECT ${columnsOf[table]} FROM ${database}.${table} FINAL WHERE ${of} AND (${within})`;
  const later = `SELECT ${identity} FROM ${database}.${table} FINAL WHERE ${of} AND (${beyond})`;
  const counts = await ask(`SELECT (SELECT count() FROM (${made})), (SELECT count() FROM (${live} EXCEPT ${made})),
    (SELECT count() FROM (${made} AND ${identity} NOT IN (${later}) EXCEPT ${live}))`);
  return counts.map(Number) as unknown as readonly [number, number, number];
}

const anyOf = (ranges: readonly RevisionRange[], condition: (range: RevisionRange) => string): string =>
  ranges.map((range) => `(${condition(range)})`).join(' OR ') || 'false';
