import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEmbeddedBroker } from '../../embedded/broker.ts';
import { startEmbeddedClickHouse } from '../../embedded/clickhouse.ts';
import { connectGate } from '../../embedded/gate-client.ts';
import { inputTopics, readingGroups, resultTopics } from '../../events/topics.ts';
import type { Kafka, Producer } from '../../kafka/contract.ts';
import { openKafka } from '../../kafka/open.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { createModel } from '../../sources/generator/model.ts';
import type { Source, TopicPartition } from '../../sources/source.ts';
import { valueAt } from '../../tasks/range.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { pipelines } from '../journey/pipelines.ts';
import { startServiceChild } from '../journey/service-child.ts';
import { createLagMeter } from '../journey/settle.ts';
import { outputHash } from './fold-log.ts';

export interface LiveRunOptions {
  readonly folder: string;
  readonly minutes: number;
  readonly speed: number;
  readonly ratePerSecond: number;
  /** Where a webhook would go. */
  readonly spyUrl: string;
  readonly say: (line: string) => void;
}

/** A service that has run, and is stopped; broker and ClickHouse still hold everything. */
export interface LiveRun {
  readonly events: number;
  /** Hash of each result that was told, and a word about it. */
  readonly outputs: readonly (readonly [hash: string, what: string])[];
  readonly kafka: Kafka;
  readonly clickhouseUrl: string;
  close(): Promise<void>;
}

const driver = 'node-rdkafka';
const settledReads = 6;

/** Feeds the shop at a multiple of its speed through a real service, and hears every result as a consumer would. */
export async function liveRun(options: LiveRunOptions): Promise<LiveRun> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).toReversed()) await one();
  };
  try {
    return { ...(await run(options, closing)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function run(options: LiveRunOptions, closing: (() => Promise<unknown>)[]): Promise<Omit<LiveRun, 'close'>> {
  const parts = { clock: systemClock, logger: silentLogger };
  const broker = await startEmbeddedBroker({
    logger: silentLogger,
    driver,
    gate: { groups: readingGroups(pipelines, { hasWebhooks: true }) },
  });
  closing.push(() => broker.stop());
  const clickhouse = await startEmbeddedClickHouse({ ...parts, dataDir: join(options.folder, 'clickhouse'), port: 0 });
  closing.push(() => clickhouse.stop());
  const { brokers, gateAddress } = broker;
  const metrics = createMetrics();
  const kafka = await openKafka({ driver, brokers, clientId: 'replay', metrics, isEmbedded: true, ...parts });
  closing.push(() => kafka.close());
  const gate = await connectGate(gateAddress);
  closing.push(() => gate.close());
  const producer = await kafka.producer({ gate, lingerMs: 5 });
  for (const topic of [...inputTopics, ...Object.values(resultTopics)]) await producer.partitionCount(topic);
  const configFile = join(options.folder, 'millrace.yaml');
  await writeFile(configFile, configOf(options.spyUrl));
  const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
  const service = startServiceChild(
    {
      ...{ MILLRACE_CONFIG: configFile, REPLAY_SPY_SECRET: secret },
      ...{ MILLRACE_KAFKA_BROKERS: brokers, MILLRACE_KAFKA_GATE: gateAddress, MILLRACE_KAFKA_DRIVER: driver },
      ...{ MILLRACE_KAFKA_MEMBERSHIP: 'solo', MILLRACE_CLICKHOUSE_URL: clickhouse.url, MILLRACE_LOG_LEVEL: 'warn' },
      ...{ MILLRACE_EMBEDDED_DATA_DIR: options.folder, MILLRACE_SERVER_PORT: '0' },
    },
    systemClock,
  );
  closing.push(() => service.stop());
  const heard = await listen(kafka);
  const events = await feed(options, producer, () => service.died());
  const meter = await createLagMeter(kafka, pipelines);
  await settled(async () => {
    const why = service.died();
    if (why !== null) throw new Error(`${why}\n${service.lastWords()}`);
    const lag = await meter.read();
    return `${lag.unfolded + lag.uninserted} ${lag.produced} ${heard.outputs.length}`;
  });
  await service.stop();
  await heard.stop();
  return { events, outputs: heard.outputs, kafka, clickhouseUrl: clickhouse.url };
}

/** The spy as the one that is told of every alert. */
const configOf = (spyUrl: string): string => `webhooks:
  endpoints:
    - name: spy
      url: ${spyUrl}
      secretRefs: [env:REPLAY_SPY_SECRET]
      allowAddresses: [127.0.0.1/32]
`;

async function feed(options: LiveRunOptions, producer: Producer, died: () => string | null): Promise<number> {
  const { minutes, speed, ratePerSecond } = options;
  const wallMs = (minutes * 60_000) / speed;
  const beganMs = systemClock.nowMs();
  const startMs = beganMs - minutes * 60_000;
  const shares = { late: 0.02, duplicate: 0.01, malformed: 0.01 };
  const model = createModel({ seed: 11, startMs, ratePerSecond, shares });
  const counts = new Map<string, number>();
  for (const topic of inputTopics) counts.set(topic, await producer.partitionCount(topic));
  let sent = 0;
  for (let isOver = false; !isOver;) {
    const elapsedMs = Math.min(wallMs, systemClock.nowMs() - beganMs);
    isOver = elapsedMs >= wallMs || died() !== null;
    const due = model.advance(startMs + elapsedMs * speed);
    sent += due.length;
    await producer.send(
      due.map(({ topic, key, text }) => {
        const bytes = Buffer.from(key);
        const partition = partitionOf(bytes, counts.get(topic) ?? 1);
        return { topic, partition, key: bytes, value: Buffer.from(text) };
      }),
    );
    await systemClock.sleep(100);
  }
  options.say(`fed ${sent} events in ${Math.round((systemClock.nowMs() - beganMs) / 1_000)} s`);
  return sent;
}

/** Reads every result topic from its beginning, as it grows. */
async function listen(kafka: Kafka) {
  const outputs: (readonly [string, string])[] = [];
  const reader = await kafka.reader({ fetchWaitMs: 20 });
  let isStopped = false;
  const loops: Promise<void>[] = [];
  for (const topic of Object.values(resultTopics))
    for (let partition = 0; partition < (await reader.partitionCount(topic)); partition++)
      loops.push(follow(reader, { topic, partition }, outputs, () => isStopped));
  return {
    outputs,
    stop: async () => {
      isStopped = true;
      await Promise.all(loops);
      await reader.close();
    },
  };
}

async function follow(
  reader: Source,
  tp: TopicPartition,
  outputs: (readonly [string, string])[],
  isStopped: () => boolean,
): Promise<void> {
  // What other services tell (webhooks) is no output of a fold.
  if (tp.topic === resultTopics.deliveries) return;
  const stream = reader.read(tp, 0n);
  while (!isStopped()) {
    const batch = await stream.next(500);
    for (let i = 0; batch && i < batch.count; i++) {
      const [start, end] = [batch.keyStart[i] ?? -1, batch.keyEnd[i] ?? 0];
      const key = start < 0 ? '' : Buffer.from(batch.bytes.subarray(start, end)).toString();
      const value = valueAt(batch, i) ?? new Uint8Array(0);
      outputs.push([outputHash(tp.topic, key, value), `${tp.topic} ${key}`]);
    }
  }
  stream.close();
}

/** Waits until nothing moves any more: ticks have published what silence closes. */
async function settled(look: () => Promise<string>): Promise<void> {
  const untilMs = systemClock.nowMs() + 180_000;
  for (let [last, times] = ['', 0]; times < settledReads && systemClock.nowMs() < untilMs;) {
    await systemClock.sleep(2_000);
    const now = await look();
    times = now === last && now.startsWith('0 ') ? times + 1 : 0;
    last = now;
  }
}
