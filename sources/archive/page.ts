import type { ClickHouseClient } from '@clickhouse/client';
import { SourceError, type Header, type RecordBatch, type TopicPartition } from '../source.ts';
import { createRowReader, type RowReader } from './row-binary-reader.ts';

/**
 * One page of a partition out of the archive, as a batch. Guarantees exact bytes, rising offsets without repetition
 * (rows that a redelivery wrote twice are one record), and that no record is missing: each row names the offset before it,
 * and the chain is followed from page to page.
 */
export interface ArchivePlace extends TopicPartition {
  readonly database: string;
  /** Archived order logs have a table of their own. */
  readonly table: 'events' | 'order_log';
  readonly epoch: number;
}

/** Rows of a page: the first is small, for nobody knows yet how large records are. */
const pageRows = { first: 64, max: 2_000, min: 8 } as const;
/** Bytes of a page: the next one's rows are chosen for it, and ClickHouse stops behind a block that exceeds it. */
const pageBytesMax = 8 * 2 ** 20;

/** How many rows to ask for next, after a page of `bytes` and `rows`. */
export const nextPageRows = (page: { readonly bytes: number; readonly rows: number } | null): number =>
  page === null
    ? pageRows.first
    : Math.max(pageRows.min, Math.min(pageRows.max, Math.floor((pageBytesMax * page.rows) / page.bytes)));

/**
 * The records from `fromOffset` on, null when there are none (yet). Throws a `SourceError`: `offset_out_of_range` when the
 * archive begins behind `fromOffset`, `gap` when it has a hole there.
 */
export async function readPage(
  client: ClickHouseClient,
  place: ArchivePlace,
  fromOffset: bigint,
  rowsMax: number,
): Promise<RecordBatch | null> {
  const rows = decode(await fetchPage(client, place, fromOffset, rowsMax), place, fromOffset, rowsMax);
  if (rows === null || rows.firstPrevious < fromOffset) return rows?.batch ?? null;
  const { lowOffset } = await archiveBounds(client, place);
  const why = `archived ${place.topic}-${place.partition} of epoch ${place.epoch} has nothing between ${fromOffset} and ${rows.batch.baseOffset}`;
  throw new SourceError(fromOffset < lowOffset ? 'offset_out_of_range' : 'gap', why);
}

/** First and one past the last archived offset; 0 and 0 for nothing. */
export async function archiveBounds(
  client: ClickHouseClient,
  place: ArchivePlace,
): Promise<{ readonly lowOffset: bigint; readonly endOffset: bigint }> {
  const query = `SELECT min(offset), max(offset) + 1 FROM ${place.database}.${place.table} WHERE ${wherePlace} HAVING count() > 0`;
  const result = await client.query({ query, query_params: paramsOf(place), format: 'JSONCompactEachRow' });
  const [found] = await result.json<[string, string]>();
  return { lowOffset: BigInt(found?.[0] ?? 0), endOffset: BigInt(found?.[1] ?? 0) };
}

const wherePlace = 'topic = {topic:String} AND epoch = {epoch:UInt32} AND partition = {partition:Int32}';
const paramsOf = ({ topic, epoch, partition }: ArchivePlace) => ({ topic, epoch, partition });

/** In the order of the primary key, so that ClickHouse stops after a page. Rows not merged yet are told apart in `decode`. */
async function fetchPage(
  client: ClickHouseClient,
  place: ArchivePlace,
  fromOffset: bigint,
  rowsMax: number,
): Promise<Buffer> {
  const { stream } = await client.exec({
    query: `SELECT offset, previous_offset, toUnixTimestamp64Milli(timestamp), toString(timestamp_type), key, value, headers
      FROM ${place.database}.${place.table} WHERE ${wherePlace} AND offset >= {from:Int64}
      ORDER BY topic, epoch, partition, offset, previous_offset LIMIT ${rowsMax} FORMAT RowBinary`,
    query_params: { ...paramsOf(place), from: String(fromOffset) },
    clickhouse_settings: {
      optimize_read_in_order: 1,
      max_block_size: '64',
      max_result_bytes: String(pageBytesMax),
      result_overflow_mode: 'break',
      wait_end_of_query: 1,
    },
  });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

interface Decoded {
  readonly batch: RecordBatch;
  readonly firstPrevious: bigint;
}

function decode(bytes: Buffer, place: ArchivePlace, fromOffset: bigint, rowsMax: number): Decoded | null {
  if (bytes.length === 0) return null;
  const columns = emptyColumns(rowsMax + 1);
  const reader = createRowReader(bytes);
  const headers: (readonly Header[])[] = [];
  let count = 0;
  let baseOffset = -1n;
  let nextOffset = fromOffset;
  let firstPrevious = -1n;
  let timestampType: RecordBatch['timestampType'] = 'unknown';
  while (!reader.isAtEnd()) {
    const offset = reader.i64();
    const previous = reader.i64();
    // A repeated row; the one with the earlier `previous` came first and proves more.
    const isRepeated = count > 0 && offset < nextOffset;
    if (count > 0 && !isRepeated && previous >= nextOffset) break;
    columns.timestampsMs[count] = Number(reader.i64());
    const type = readText(bytes, reader);
    readPlace(reader, columns.keyStart, columns.keyEnd, count);
    readPlace(reader, columns.valueStart, columns.valueEnd, count);
    headers[count] = readHeaders(bytes, reader);
    if (isRepeated) continue;
    if (count === 0)
      [baseOffset, firstPrevious, timestampType] = [offset, previous, type as RecordBatch['timestampType']];
    columns.offsetDeltas[count] = Number(offset - baseOffset);
    nextOffset = offset + 1n;
    count += 1;
  }
  const { topic, partition } = place;
  const kept = headers.slice(0, count);
  const hasHeaders = kept.some((list) => list.length > 0);
  const batch = {
    topic,
    partition,
    count,
    baseOffset,
    timestampType,
    ...columns,
    bytes,
    headers: hasHeaders ? kept : null,
    nextOffset,
  };
  return { batch, firstPrevious };
}

/** One more than a page: a repeated row is written there before it is known to be one. */
const emptyColumns = (rows: number) => ({
  offsetDeltas: new Int32Array(rows),
  timestampsMs: new Float64Array(rows),
  keyStart: new Int32Array(rows),
  keyEnd: new Int32Array(rows),
  valueStart: new Int32Array(rows),
  valueEnd: new Int32Array(rows),
});

function readPlace(reader: RowReader, starts: Int32Array, ends: Int32Array, i: number): void {
  const isNull = reader.u8() === 1;
  starts[i] = isNull ? -1 : reader.bytes();
  ends[i] = isNull ? -1 : reader.position();
}

function readText(bytes: Buffer, reader: RowReader): string {
  const start = reader.bytes();
  return bytes.toString('utf8', start, reader.position());
}

function readHeaders(bytes: Buffer, reader: RowReader): readonly Header[] {
  const headers: Header[] = [];
  for (let left = reader.length(); left > 0; left -= 1) {
    const name = readText(bytes, reader);
    const start = reader.bytes();
    headers.push([name, bytes.subarray(start, reader.position())]);
  }
  return headers;
}
