import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startEmbeddedBroker } from '../../embedded/broker.ts';
import { startEmbeddedClickHouse } from '../../embedded/clickhouse.ts';
import { connectGate } from '../../embedded/gate-client.ts';
import { inputTopics, readingGroups } from '../../events/topics.ts';
import type { KafkaDriver, Producer } from '../../kafka/contract.ts';
import { openKafka } from '../../kafka/open.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { loadMapping } from '../../sources/file/load-mapping.ts';
import { replayFile } from '../../sources/file/replay.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { freePort } from '../free-port.ts';
import type { Comparison } from './compare.ts';
import { type JourneyFile, journeyOracles, type Stored } from './oracle.ts';
import { pipelines } from './pipelines.ts';
import { type ServiceChild, startServiceChild } from './service-child.ts';
import { type Lag, createLagMeter } from './settle.ts';
import { archivedCount } from './stored-rows.ts';

export interface JourneyOptions {
  /** In the handbook's columns. */
  readonly payments: JourneyFile;
  /** In the Globo set's columns. */
  readonly clicks?: JourneyFile;
  readonly driver: KafkaDriver;
  /** How often the service is killed with SIGKILL, at moments drawn from the seed. */
  readonly kills: number;
  readonly seed: number;
  /** Makes one value wrong in the fold: the comparison must notice. */
  readonly isFoldBroken?: boolean;
  readonly timeoutMs: number;
  /** Looks at what is stored once all is; absent: the oracles do. */
  readonly onSettled?: (stored: Stored) => Promise<void>;
  readonly say: (line: string) => void;
}

export interface JourneyOutcome extends Comparison {
  /** Rows compared, by the oracle that knew them. */
  readonly byKind: Readonly<Record<string, number>>;
  readonly killed: number;
  readonly elapsedMs: number;
}

/** The pipeline's time options, as the service has them by default. */
const partitions = 4;
const outOfOrdernessMs = 5_000;
const database = 'millrace';
/** The same lag of zero, so many times in a row. */
const settledReads = 3;
const readEveryMs = 500;
const lookEveryMs = 50;
/** Replays run many times faster than live: so do their snapshots. */
const snapshotEveryMs = 2_000;
const looksMax = 3;
const idleMs = 600_000;

/** A closing of parts in the opposite order of their opening. */
type Closing = (() => Promise<unknown>)[];

/**
 * Input files through broker, task and sinks of a real service, and every final row against the oracle. It starts broker and
 * ClickHouse itself, and leaves nothing running. Throws when the service ends by itself or time runs out.
 */
export async function runJourney(options: JourneyOptions): Promise<JourneyOutcome> {
  const startedMs = systemClock.nowMs();
  const closing: Closing = [];
  const ending = new AbortController();
  try {
    const journey = await openJourney(options, closing, ending.signal);
    const outcome = await Promise.race([drive(options, journey), watch(options, journey)]);
    return { ...outcome, killed: journey.service.kills(), elapsedMs: systemClock.nowMs() - startedMs };
  } finally {
    ending.abort();
    for (const close of closing.toReversed()) await close();
  }
}

interface Journey {
  readonly clickhouseUrl: string;
  readonly service: ServiceChild;
  readonly producer: Producer;
  readonly readLag: () => Promise<Lag>;
  /** Aborted when the journey is over, whatever its outcome. */
  readonly ending: AbortSignal;
}

async function openJourney(options: JourneyOptions, closing: Closing, ending: AbortSignal): Promise<Journey> {
  const { driver } = options;
  const parts = { clock: systemClock, logger: silentLogger };
  const folder = await mkdtemp(join(tmpdir(), 'millrace-journey-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const groups = readingGroups(pipelines, { hasWebhooks: false });
  const broker = await startEmbeddedBroker({ logger: silentLogger, driver, gate: { groups } });
  closing.push(() => broker.stop());
  const clickhouse = await startEmbeddedClickHouse({ ...parts, dataDir: join(folder, 'clickhouse'), port: 0 });
  closing.push(() => clickhouse.stop());
  const kafka = await openKafka({
    driver,
    brokers: broker.brokers,
    clientId: 'journey',
    metrics: createMetrics(),
    isEmbedded: true,
    ...parts,
  });
  closing.push(() => kafka.close());
  const gate = await connectGate(broker.gateAddress);
  closing.push(() => gate.close());
  const producer = await kafka.producer({ gate, lingerMs: 5 });
  for (const topic of inputTopics) await producer.partitionCount(topic);
  const meter = await createLagMeter(kafka, pipelines);
  const service = startServiceChild(
    {
      MILLRACE_KAFKA_BROKERS: broker.brokers,
      MILLRACE_KAFKA_GATE: broker.gateAddress,
      MILLRACE_KAFKA_DRIVER: driver,
      MILLRACE_KAFKA_MEMBERSHIP: 'solo',
      MILLRACE_CLICKHOUSE_URL: clickhouse.url,
      MILLRACE_SNAPSHOTS_DIR: join(folder, 'snapshots'),
      MILLRACE_SNAPSHOTS_EVERY_MS: String(snapshotEveryMs),
      MILLRACE_EMBEDDED_DATA_DIR: folder,
      MILLRACE_SERVER_PORT: String(await freePort()),
      MILLRACE_LOG_LEVEL: 'warn',
      // At full speed hours of event time pass in a second: who waits for the gate for ten of them is not idle.
      MILLRACE_TIME_IDLE_MS: String(idleMs),
      ...(options.isFoldBroken && { MILLRACE_BREAK: 'fold' }),
    },
    systemClock,
  );
  closing.push(() => service.stop());
  return { clickhouseUrl: clickhouse.url, service, producer, readLag: () => meter.read(), ending };
}

type Compared = Omit<JourneyOutcome, 'killed' | 'elapsedMs'>;

async function drive(options: JourneyOptions, journey: Journey): Promise<Compared> {
  const { payments, clicks } = options;
  const [oracles] = await Promise.all([
    options.onSettled ? [] : journeyOracles({ payments, clicks, partitions, outOfOrdernessMs }),
    feed(options, journey),
    crashAlong(options, journey),
  ]);
  // Positions are committed before outputs are acknowledged: rows may still be on their way when all seems settled.
  for (let looksLeft = looksMax; ; looksLeft--) {
    await settle(options, journey);
    await options.onSettled?.({ url: journey.clickhouseUrl, database });
    const compared: (Comparison & { readonly kind: string })[] = [];
    for (const { kind, compare } of oracles) {
      options.say(`comparing ${kind}`);
      compared.push({ kind, ...(await compare({ url: journey.clickhouseUrl, database })) });
    }
    const outcome = together(compared);
    if (outcome.missing === 0 || looksLeft === 1 || journey.ending.aborted) return outcome;
  }
}

function together(compared: readonly (Comparison & { readonly kind: string })[]): Compared {
  const total = (name: 'compared' | 'missing' | 'extra' | 'different') =>
    compared.reduce((sum, one) => sum + one[name], 0);
  return {
    compared: total('compared'),
    missing: total('missing'),
    extra: total('extra'),
    different: total('different'),
    byKind: Object.fromEntries(compared.map((one) => [one.kind, one.compared])),
    examples: compared.flatMap(({ kind, examples }) => examples.map((example) => `${kind}: ${example}`)),
  };
}

/** Throws once the service is gone or time is up; a closed gate would hold the feed for ever. */
async function watch({ timeoutMs }: JourneyOptions, { service, ending }: Journey): Promise<never> {
  const untilMs = systemClock.nowMs() + timeoutMs;
  for (;;) {
    const why = service.died() ?? (systemClock.nowMs() > untilMs ? `not done within ${timeoutMs / 1_000} s` : null);
    if (why !== null) throw new Error(`${why}\n${service.lastWords()}`);
    if (ending.aborted) throw new Error('over');
    await systemClock.sleep(readEveryMs, ending);
  }
}

async function feed({ payments, clicks }: JourneyOptions, { producer, ending }: Journey): Promise<void> {
  const replay = async (topic: string, map: string, { file, rows }: JourneyFile) => {
    const mapping = await loadMapping(fileURLToPath(new URL(`../../config/mappings/${map}.yaml`, import.meta.url)));
    const result = await replayFile({
      file,
      format: 'csv',
      mapping,
      topic,
      speed: 'max',
      limit: rows,
      producer,
      partitionOf,
      clock: systemClock,
      signal: ending,
    });
    if (result.bad > 0 || result.sent < rows) throw new Error(`${topic}: ${result.sent} of ${rows} rows were events`);
  };
  await Promise.all([
    replay('payments', 'handbook-payments', payments),
    clicks && replay('interactions', 'globo-clicks', clicks),
  ]);
}

/** Kills the service when the share of records folded reaches each of its seeded moments. */
async function crashAlong({ kills, seed, payments, clicks, say }: JourneyOptions, journey: Journey): Promise<void> {
  const moments = Array.from({ length: kills }, (_, i) => (i + 0.1 + 0.8 * fraction(seed, i)) / kills);
  const rows: Readonly<Record<string, number>> = { payments: payments.rows, interactions: clicks?.rows ?? 0 };
  const toFold = pipelines.flatMap(({ inputs }) => inputs).reduce((sum, topic) => sum + (rows[topic] ?? 0), 0);
  for (const moment of moments) {
    let folded = 0;
    while (folded < moment * toFold && !journey.ending.aborted) {
      await systemClock.sleep(lookEveryMs, journey.ending);
      ({ folded } = await journey.readLag());
    }
    if (journey.ending.aborted) return;
    say(`kill -9 after ${folded} of ${toFold} records folded`);
    await journey.service.crash();
  }
}

/** Resolves when all is folded and inserted, and the archive holds what was sent. */
async function settle({ say, payments, clicks }: JourneyOptions, journey: Journey): Promise<void> {
  let zeros = 0;
  let producedBefore = -1;
  for (let reads = 0; zeros < settledReads && !journey.ending.aborted; reads++) {
    const lag = await journey.readLag();
    const isZero = lag.unfolded === 0 && lag.uninserted === 0 && lag.produced === producedBefore;
    zeros = isZero ? zeros + 1 : 0;
    producedBefore = lag.produced;
    if (reads % 10 === 0) say(`to fold ${lag.unfolded}, to insert ${lag.uninserted}`);
    await systemClock.sleep(readEveryMs, journey.ending);
  }
  const expected = { payments: payments.rows, interactions: clicks?.rows ?? 0 };
  for (const [topic, rows] of Object.entries(expected)) {
    const archived = await archivedCount(journey.clickhouseUrl, database, topic);
    if (archived !== rows) throw new Error(`the archive has ${archived} of ${rows} ${topic}`);
  }
}

/** A number in [0, 1) from a seed and an index (splitmix32). */
function fraction(seed: number, index: number): number {
  let z = Math.imul(seed + index + 1, 0x9e3779b9);
  z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
  z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
  return ((z ^ (z >>> 15)) >>> 0) / 4_294_967_296;
}
