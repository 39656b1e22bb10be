import { Readable } from 'node:stream';
import type { ClickHouseClient } from '@clickhouse/client';
import type { Sink } from '../sink.ts';
import { SinkError } from '../sink.ts';
import { toSinkError } from './errors.ts';
import type { RowBlock } from './row-binary.ts';
import { columnsOf, type TableName } from './tables.ts';

/** One row or more of one table, as RowBinary. */
export interface TableRows {
  readonly table: TableName;
  readonly block: RowBlock;
}

/**
 * ClickHouse as a `Sink`: one insert per write and table. Resolves when durable, rejects with a `SinkError`. Identity and revision of
 * the rows make a repeated write change nothing.
 */
export function createTableSink(client: ClickHouseClient, database: string): Sink<TableRows> {
  return {
    name: 'clickhouse',
    write: async (rows) => {
      const blocks = new Map<TableName, Uint8Array[]>();
      for (const { table, block } of rows) {
        const parts = blocks.get(table) ?? [];
        parts.push(block.slice(0, block.rows));
        blocks.set(table, parts);
      }
      for (const [table, parts] of blocks) await insert(client, database, table, parts);
    },
    close: () => client.close(),
  };
}

async function insert(
  client: ClickHouseClient,
  database: string,
  table: TableName,
  parts: readonly Uint8Array[],
): Promise<void> {
  if (parts.every((part) => part.length === 0)) return;
  const query = `INSERT INTO ${database}.${table} (${columnsOf[table]}) FORMAT RowBinary`;
  try {
    const { stream } = await client.exec({ query, values: Readable.from(parts, { objectMode: false }) });
    // Read to its end (it is empty), so that the connection can be used again.
    for await (const chunk of stream) void chunk;
  } catch (error) {
    throw toSinkError(error, `insert into ${table}`);
  }
}

/**
 * Writes what can be written: a refused block is halved until the rows that ClickHouse will never take stand alone; these
 * are handed to `reject`. Any other error stops at once; trying again repeats rows, which changes nothing.
 */
export async function writeBisecting(
  sink: Sink<TableRows>,
  { table, block }: TableRows,
  reject: (row: Uint8Array, error: SinkError) => void,
): Promise<void> {
  const writeRange = async (from: number, to: number): Promise<void> => {
    try {
      await sink.write([{ table, block: rangeOf(block, from, to) }]);
    } catch (error) {
      if (!(error instanceof SinkError) || error.code !== 'rejected') throw error;
      if (to - from === 1) return reject(block.slice(from, to), error);
      const middle = from + Math.floor((to - from) / 2);
      await writeRange(from, middle);
      await writeRange(middle, to);
    }
  };
  if (block.rows > 0) await writeRange(0, block.rows);
}

const rangeOf = (block: RowBlock, from: number, to: number): RowBlock => ({
  rows: to - from,
  slice: (first, last) => block.slice(from + first, from + last),
});
