// Rows a second into ClickHouse: the sink of millrace, from record batches to durable rows, beside the bare client that is handed the same
// rows as arrays, in batches of the same size. Rounds alternate; the median counts.
import { parseArgs } from 'node:util';
import type { ClickHouseClient } from '@clickhouse/client';
import type { RecordBatch } from '../sources/source.ts';
import { connectClickHouse } from '../sinks/clickhouse/connection.ts';
import { migrate } from '../sinks/clickhouse/migrate.ts';
import { createClickHouseSink } from '../sinks/clickhouse/sink.ts';
import { columnsOf } from '../sinks/clickhouse/tables.ts';
import { createTestMembership, startTestClickHouse, testWindow } from '../sinks/clickhouse/testbed-suite.ts';
import { resultTopics } from '../events/topics.ts';
import type { WindowResult } from '../events/results.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { recordBatches, sourceOfBatches } from './batch-source.ts';
import { type Measured, Meter, rounded } from './meter.ts';

/** CPU is of this process: the client's side alone. */
interface Round extends Measured {
  readonly rowsPerSecond: number;
  readonly rowsPerCpuSecond: number;
}

/** Its own figures are those of the sink's median round. */
export interface ClickHouseResult extends Measured {
  readonly bench: 'clickhouse';
  /** Batches are at hand, as a broker would hand them over. */
  readonly broker: null;
  readonly server: string;
  readonly rows: number;
  readonly batchRows: number;
  readonly sink: Round;
  readonly bare: Round;
  /** Rows a second of the sink over those of the bare client. Goal: at least .85. */
  readonly ratios: { readonly bareClient: number; readonly bareClientCpu: number };
  readonly isWithinGoal: boolean;
}

const goal = 0.85;
const database = 'millrace_bench';
const batchRows = 5_000;
const place = { topic: resultTopics.windows, partition: 0 };
const keys = 1_000;

export async function benchClickHouse(args: readonly string[]): Promise<ClickHouseResult> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rows: { type: 'string', default: '200000' },
      rounds: { type: 'string', default: '5' },
      url: { type: 'string' },
      json: { type: 'boolean', default: false },
    },
  });
  const rows = Number(values.rows);
  const own = values.url === undefined ? await startTestClickHouse() : null;
  const client = own?.client ?? connectClickHouse({ url: values.url ?? '' });
  try {
    await migrate(client, { database, logger: silentLogger });
    const results = Array.from({ length: rows }, (_, i) => windowAt(i));
    const batches = batchesOf(results);
    const [sink, bare]: [Round[], Round[]] = [[], []];
    for (let round = 0; round < Number(values.rounds); round++) {
      bare.push(await emptied(client, rows, (meter) => insertBare(client, results, meter)));
      sink.push(await emptied(client, rows, (meter) => runSink(client, batches, rows, meter)));
      if (!values.json)
        process.stderr.write(`bare ${bare.at(-1)?.rowsPerSecond}, sink ${sink.at(-1)?.rowsPerSecond} rows a second\n`);
    }
    const [ours, theirs] = [median(sink), median(bare)];
    const bareClient = rounded(ours.rowsPerSecond / theirs.rowsPerSecond, 3);
    return {
      ...{
        bench: 'clickhouse',
        broker: null,
        ...ours,
        server: own ? 'embedded' : (values.url ?? ''),
        rows,
        batchRows,
        sink: ours,
        bare: theirs,
      },
      ratios: { bareClient, bareClientCpu: rounded(ours.rowsPerCpuSecond / theirs.rowsPerCpuSecond, 3) },
      isWithinGoal: bareClient >= goal,
    };
  } finally {
    if (own) await own.stop();
    else await client.close();
  }
}

const median = (rounds: readonly Round[]): Round =>
  rounds.toSorted((a, b) => a.rowsPerSecond - b.rowsPerSecond)[Math.floor(rounds.length / 2)] as Round;

const windowAt = (i: number): WindowResult => {
  const startMs = 1_764_000_000_000 + Math.floor(i / keys) * 60_000;
  return testWindow(i, { key: `merchant-${i % keys}`, windowStartMs: startMs, windowEndMs: startMs + 60_000 });
};

/** As a broker would hand them over: result records of JSON. */
const batchesOf = (results: readonly WindowResult[]): readonly RecordBatch[] =>
  recordBatches(
    place,
    results.map((result) => ({
      ...{ timestampMs: result.clockMs, key: Buffer.from(result.key), value: Buffer.from(JSON.stringify(result)) },
    })),
  );

/** `fill` says when its work begins, and when a half is done. */
async function emptied(client: ClickHouseClient, rows: number, fill: (meter: Meter) => Promise<void>): Promise<Round> {
  await client.command({ query: `TRUNCATE TABLE ${database}.window_results` });
  const meter = new Meter(rows);
  await fill(meter);
  const measured = meter.end();
  const query = `SELECT uniqExact(key, window_start) FROM ${database}.window_results`;
  const [stored] = await (await client.query({ query, format: 'JSONCompactEachRow' })).json<[string]>();
  if (Number(stored?.[0]) !== rows) throw new Error(`${stored?.[0]} of ${rows} rows are there`);
  const { wallSeconds, eventsPerCpuSecond } = measured;
  return { ...measured, rowsPerSecond: Math.round(rows / wallSeconds), rowsPerCpuSecond: eventsPerCpuSecond };
}

/** The client's own way, and its fastest format for objects in JavaScript: arrays of values. */
async function insertBare(client: ClickHouseClient, results: readonly WindowResult[], meter: Meter): Promise<void> {
  meter.begin();
  const columns = columnsOf.window_results.replaceAll('`', '').split(', ') as [string, ...string[]];
  for (let from = 0; from < results.length; from += batchRows) {
    meter.done(from);
    await client.insert({
      table: `${database}.window_results`,
      columns,
      values: results.slice(from, from + batchRows).map(valuesOf),
      format: 'JSONCompactEachRow',
    });
  }
}

/** In the order of the columns. */
const valuesOf = (one: WindowResult): readonly unknown[] => [
  ...[one.pipeline, one.version, one.output, one.key, one.windowStartMs / 1_000, one.windowEndMs / 1_000, one.state],
  ...[one.complete, one.watermarkMs / 1_000, one.clockMs / 1_000, JSON.stringify(one.values)],
  ...[one.revision, one.producer.epoch, one.producer.shard, one.producer.orderOffset, one.producer.index],
  one.producer.entryId,
];

async function runSink(
  client: ClickHouseClient,
  batches: readonly RecordBatch[],
  rows: number,
  meter: Meter,
): Promise<void> {
  const sink = createClickHouseSink({
    ...{
      client,
      database,
      reader: sourceOfBatches(batches, () => meter.begin()),
      membership: createTestMembership([place]),
    },
    topics: { inputs: [], orders: [], results: [place.topic] },
    ...{ epoch: 1, clock: systemClock, logger: silentLogger, metrics: createMetrics() },
    limits: { batchRowsMax: batchRows },
  });
  await sink.start();
  while (sink.status().insertedRows < rows) {
    meter.done(sink.status().insertedRows);
    await systemClock.sleep(2);
  }
  await sink.drain();
}
