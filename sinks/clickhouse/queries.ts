import type { ClickHouseClient } from '@clickhouse/client';
import type { DeadLetter, LateRecord, ProducerPosition, ResultState, WindowResult } from '../../events/results.ts';

/**
 * What the server and the live gateway read: results rebuilt from rows, as they were on their topics. Guarantees one row per
 * identity, the one with the highest revision; 64-bit numbers stay decimal text. Redelivered rows that are not merged yet
 * are merged while reading. Writes nothing.
 */
export interface ReadFrom {
  readonly client: ClickHouseClient;
  readonly database: string;
}

export interface WindowQuery {
  readonly pipeline: string;
  /** Windows that start at or after. */
  readonly sinceMs: number;
  /** All outputs when absent. */
  readonly outputs?: readonly string[];
  /** All versions when absent. */
  readonly version?: number;
  /** The newest ones by start when there are more. */
  readonly rowsMax?: number;
}

const defaultRowsMax = 100_000;

/** Every state, provisional ones and tombstones included, of every version asked: what a fold by revision starts from. */
export async function windowRows({ client, database }: ReadFrom, query: WindowQuery): Promise<readonly WindowResult[]> {
  const rows = await select<WindowRow>(
    client,
    `SELECT pipeline, version, output, key, ${ms('window_start')}, ${ms('window_end')}, state, complete, ${ms('watermark')},
       ${ms('clock')}, \`values\`, ${producerColumns}
     FROM ${database}.window_results FINAL
     WHERE pipeline = {pipeline:String} AND window_start >= fromUnixTimestamp64Milli({since:Int64}, 'UTC')
       AND (empty({outputs:Array(String)}) OR output IN {outputs:Array(String)}) AND ({version:Int64} < 0 OR version = {version:Int64})
     ORDER BY window_start DESC, output, key, version LIMIT {rowsMax:UInt32}`,
    {
      pipeline: query.pipeline,
      since: String(query.sinceMs),
      outputs: query.outputs ?? [],
      version: query.version ?? -1,
      rowsMax: query.rowsMax ?? defaultRowsMax,
    },
  );
  return rows.map(toWindow);
}

export interface NewestQuery {
  readonly pipeline: string;
  readonly rowsPerOutputMax: number;
  /** Windows up to five minutes long: those that end within this of their output's newest end. */
  readonly shortHorizonMs: number;
  /** The same for longer ones. */
  readonly longHorizonMs: number;
}

/** As `windowRows`, the newest windows of each output: what the live gateway holds. */
export async function newestWindowRows(
  { client, database }: ReadFrom,
  query: NewestQuery,
): Promise<readonly WindowResult[]> {
  const horizon = "if(dateDiff('millisecond', window_start, window_end) <= 300000, {shortMs:Int64}, {longMs:Int64})";
  const rows = await select<WindowRow>(
    client,
    `WITH newest AS (SELECT output, max(window_end) AS newest_end FROM ${database}.window_results
       WHERE pipeline = {pipeline:String} GROUP BY output)
     SELECT pipeline, version, output, key, ${ms('window_start')}, ${ms('window_end')}, state, complete, ${ms('watermark')},
       ${ms('clock')}, \`values\`, ${producerColumns}
     FROM ${database}.window_results AS r FINAL INNER JOIN newest USING (output)
     WHERE pipeline = {pipeline:String} AND ${ms('window_end')} > ${ms('newest_end')} - ${horizon}
     ORDER BY window_start DESC, key LIMIT {rowsMax:UInt32} BY output`,
    {
      pipeline: query.pipeline,
      shortMs: String(query.shortHorizonMs),
      longMs: String(query.longHorizonMs),
      rowsMax: query.rowsPerOutputMax,
    },
  );
  return rows.map(toWindow);
}

export interface ResultCounts {
  /** By reason. */
  readonly deadLetters: Readonly<Record<string, number>>;
  /** By output. */
  readonly late: Readonly<Record<string, number>>;
  /** By event type. */
  readonly quarantined: Readonly<Record<string, number>>;
}

/** How many dead letters, late and quarantined records were read (by the broker's time) at or after `sinceMs`. */
export async function resultCounts({ client, database }: ReadFrom, sinceMs: number): Promise<ResultCounts> {
  const counts = (table: string, kind: string) =>
    `SELECT '${table}', toString(${kind}), toUInt32(count()) FROM ${database}.${table}_final
     WHERE timestamp >= fromUnixTimestamp64Milli({since:Int64}, 'UTC') GROUP BY ${kind}`;
  const rows = await select<[string, string, number]>(
    client,
    `${counts('dead_letters', 'reason')} UNION ALL ${counts('late_records', 'output')} UNION ALL ${counts('quarantined', 'event_type')}`,
    { since: String(sinceMs) },
  );
  const of = (table: string) =>
    Object.fromEntries(rows.filter(([name]) => name === table).map(([, kind, count]) => [kind, count]));
  return { deadLetters: of('dead_letters'), late: of('late_records'), quarantined: of('quarantined') };
}

/** The newest ones first, bytes included. */
export async function recentDeadLetters(
  { client, database }: ReadFrom,
  rowsMax: number,
): Promise<readonly DeadLetter[]> {
  const rows = await select<DeadLetterRow>(
    client,
    `SELECT pipeline, version, ${inputColumns}, reason, message, field_path, source, base64Encode(key), base64Encode(value), ${producerColumns}
     FROM ${database}.dead_letters_final ORDER BY revision DESC, output_index DESC LIMIT {rowsMax:UInt32}`,
    { rowsMax },
  );
  return rows.map(
    ([
      pipeline,
      version,
      topic,
      partition,
      inputOffset,
      timestampMs,
      reason,
      message,
      fieldPath,
      source,
      key,
      value,
      ...producer
    ]) => ({
      kind: 'dead-letter',
      pipeline,
      version,
      input: { topic, partition, inputOffset, timestampMs: Number(timestampMs) },
      reason,
      message,
      fieldPath,
      source,
      keyBase64: key,
      valueBase64: value,
      ...toProducer(pipeline, version, producer),
    }),
  );
}

/** The newest ones first. */
export async function recentLate({ client, database }: ReadFrom, rowsMax: number): Promise<readonly LateRecord[]> {
  const rows = await select<LateRow>(
    client,
    `SELECT pipeline, version, output, key, ${ms('window_start')}, ${ms('window_end')}, event_id, source, ${ms('event_time')},
       ${ms('watermark')}, late_by_ms, would_add, ${inputColumns}, ${producerColumns}
     FROM ${database}.late_records_final ORDER BY revision DESC, output_index DESC LIMIT {rowsMax:UInt32}`,
    { rowsMax },
  );
  return rows.map(toLate);
}

async function select<Row>(
  client: ClickHouseClient,
  query: string,
  params: Record<string, unknown>,
): Promise<readonly Row[]> {
  return (await client.query({ query, query_params: params, format: 'JSONCompactEachRow' })).json<Row>();
}

/** Ms as text: JSON would lose nothing below 2⁵³, but 64-bit numbers are quoted. */
const ms = (column: string): string => `toUnixTimestamp64Milli(${column})`;
const producerColumns = 'revision, shard, epoch, order_offset, output_index, entry_id';
const inputColumns = `topic, partition, offset, ${ms('timestamp')}`;

type ProducerColumns = [
  revision: string,
  shard: number,
  epoch: number,
  orderOffset: string,
  index: number,
  entryId: string,
];
type InputColumns = [topic: string, partition: number, inputOffset: string, timestampMs: string];
type WindowRow = [
  pipeline: string,
  version: number,
  output: string,
  key: string,
  windowStartMs: string,
  windowEndMs: string,
  state: ResultState,
  complete: 0 | 1,
  watermarkMs: string | null,
  clockMs: string,
  values: string,
  ...ProducerColumns,
];
type DeadLetterRow = [
  pipeline: string,
  version: number,
  ...InputColumns,
  reason: DeadLetter['reason'],
  message: string,
  fieldPath: string | null,
  source: string | null,
  key: string | null,
  value: string | null,
  ...ProducerColumns,
];
type LateRow = [
  pipeline: string,
  version: number,
  output: string,
  key: string,
  windowStartMs: string,
  windowEndMs: string,
  eventId: string,
  source: string,
  eventTimeMs: string,
  watermarkMs: string | null,
  lateByMs: number,
  wouldAdd: string,
  ...InputColumns,
  ...ProducerColumns,
];

function toWindow(row: WindowRow): WindowResult {
  const [pipeline, version, output, key, startMs, endMs, state, complete, watermarkMs, clockMs, values, ...producer] =
    row;
  return {
    kind: 'window',
    pipeline,
    version,
    output,
    key,
    windowStartMs: Number(startMs),
    windowEndMs: Number(endMs),
    state,
    complete,
    watermarkMs: toWatermark(watermarkMs),
    clockMs: Number(clockMs),
    values: JSON.parse(values) as WindowResult['values'],
    ...toProducer(pipeline, version, producer),
  };
}

function toLate(row: LateRow): LateRecord {
  const [
    pipeline,
    version,
    output,
    key,
    startMs,
    endMs,
    eventId,
    source,
    eventTimeMs,
    watermarkMs,
    lateByMs,
    wouldAdd,
    ...rest
  ] = row;
  const [topic, partition, inputOffset, timestampMs, ...producer] = rest;
  return {
    kind: 'late',
    pipeline,
    version,
    output,
    key,
    windowStartMs: Number(startMs),
    windowEndMs: Number(endMs),
    eventId,
    source,
    eventTimeMs: Number(eventTimeMs),
    watermarkMs: toWatermark(watermarkMs),
    lateByMs,
    wouldAdd: JSON.parse(wouldAdd) as LateRecord['wouldAdd'],
    input: { topic, partition, inputOffset, timestampMs: Number(timestampMs) },
    ...toProducer(pipeline, version, producer),
  };
}

/** None is −Infinity, as in the fold; JSON makes it null again. */
const toWatermark = (watermarkMs: string | null): number => (watermarkMs === null ? -Infinity : Number(watermarkMs));

function toProducer(
  pipeline: string,
  version: number,
  [revision, shard, epoch, orderOffset, index, entryId]: ProducerColumns,
): { readonly revision: string; readonly producer: ProducerPosition } {
  return { revision, producer: { pipeline, version, shard, epoch, orderOffset, index, entryId } };
}
