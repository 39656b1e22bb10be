import { createHash } from 'node:crypto';
import type { Logger } from '../../telemetry/logger.ts';
import type { Sink, SinkError } from '../sink.ts';
import type { Blocks } from './blocks.ts';
import { writeBisecting, type TableRows } from './insert.ts';
import type { SinkMetrics } from './metrics.ts';
import { untilDone, type RetryOptions } from './retry.ts';
import { createRowBuffer, type RowBuffer } from './row-binary.ts';
import type { TableName } from './tables.ts';

/** From blocks of rows to durable rows: every row ends in its table or in `sink_rejects`; repeated ones change nothing. */
export interface FlushOptions extends RetryOptions {
  readonly sink: Sink<TableRows>;
  readonly epoch: number;
  readonly logger: Logger;
  readonly metrics: SinkMetrics;
}

/**
 * Inserts all that the blocks hold, each table by itself, and empties them. Resolves when every row is durable, in its table
 * or, where ClickHouse will never take it, in `sink_rejects`. Rejects only when aborted; then nothing may be committed.
 */
export async function flushBlocks(blocks: Blocks, options: FlushOptions): Promise<void> {
  const rejects = createRowBuffer();
  await Promise.all(blocks.filled().map(([table, block]) => flushTable(table, block, rejects, options)));
  await flushTable('sink_rejects', rejects, rejects, options);
  countWays(blocks, options.metrics);
  blocks.reset();
}

function countWays(blocks: Blocks, { results }: SinkMetrics): void {
  for (const [topic, made] of blocks.made())
    for (const way of ['direct', 'parsed'] as const) results.inc({ topic, way }, made[way]);
}

async function flushTable(
  table: TableName,
  block: RowBuffer,
  rejects: RowBuffer,
  options: FlushOptions,
): Promise<void> {
  if (block.rows === 0) return;
  const { metrics, clock } = options;
  const startedMs = clock.nowMs();
  const refused = new Map<string, readonly [Uint8Array, SinkError]>();
  await untilDone(`insert into ${table}`, options, () =>
    writeBisecting(options.sink, { table, block }, (row, error) =>
      refused.set(hashOf(row).toString(), [row.slice(), error]),
    ),
  );
  for (const [hash, [row, error]] of refused) reject(rejects, table, hash, row, error, options);
  metrics.rows.inc({ table }, block.rows - refused.size);
  metrics.inserts.inc({ table });
  metrics.insertSeconds.observe({ table }, (clock.nowMs() - startedMs) / 1_000);
}

/** By a hash of its bytes, as the row's own place is in them: the same row again is the same reject. */
function reject(
  rejects: RowBuffer,
  table: TableName,
  hash: string,
  row: Uint8Array,
  error: SinkError,
  options: FlushOptions,
): void {
  options.logger.error({ table, err: error.message }, 'ClickHouse refuses a row for good: kept in sink_rejects');
  options.metrics.rejects.inc({ topic: table });
  rejects.text(`table ${table}`);
  rejects.u32(options.epoch);
  rejects.i32(0);
  rejects.i64(BigInt(hash));
  rejects.text(error.message);
  rejects.bytes(row, 0, row.length);
  rejects.endRow();
}

const hashOf = (row: Uint8Array): bigint => createHash('sha256').update(row).digest().readBigInt64LE();
