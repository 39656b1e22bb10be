import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { startEmbeddedBroker } from '../embedded/broker.ts';
import type { KafkaDriver } from '../kafka/contract.ts';
import { openKafka } from '../kafka/open.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';

/**
 * Both Kafka clients on the embedded broker, in turn, each in a process of its own: produce and read through our own
 * producer and reader, and the order log's round trip. `node --import tsx bench/kafka-clients.bench.ts [rounds]`. The
 * last line holds confluent's numbers divided by node-rdkafka's: trust ratios, not rates.
 */
interface Measured {
  readonly producedPerCpuSecond: number;
  readonly producedPerSecond: number;
  readonly readPerCpuSecond: number;
  readonly readPerSecond: number;
  readonly roundTripP50Ms: number;
  readonly roundTripP99Ms: number;
}

const topics = 8;
const partitions = 4;
const perPartition = 18_000;
const valueBytes = 200;
const roundTrips = 1_000;
const drivers: readonly KafkaDriver[] = ['node-rdkafka', 'confluent'];

if (process.argv[2] === 'measure') {
  const measured = await measure(process.argv[3] as KafkaDriver, process.argv[4] ?? '', process.argv[5] ?? '');
  process.stdout.write(JSON.stringify(measured));
  process.exit(0);
} else {
  await compare(Number(process.argv[2] ?? 3));
}

async function compare(rounds: number): Promise<void> {
  const all = new Map<KafkaDriver, Measured[]>(drivers.map((driver) => [driver, []]));
  for (let round = 0; round < rounds; round++) {
    for (const driver of drivers) {
      const gate = { groups: [] };
      const broker = await startEmbeddedBroker({ driver: 'node-rdkafka', logger: silentLogger, gate });
      const measured = await measureInChild(driver, broker.brokers, `${driver}-${round}`);
      await broker.stop();
      all.get(driver)?.push(measured);
      process.stdout.write(`${JSON.stringify({ driver, round, ...measured })}\n`);
    }
  }
  const [base, other] = drivers.map((driver) => medians(all.get(driver) ?? []));
  const ratios = Object.entries(other ?? {}).map(([name, value]) => [name, round2(value / (base?.[name] ?? 1))]);
  process.stdout.write(`${JSON.stringify({ confluentOverNodeRdkafka: Object.fromEntries(ratios) })}\n`);
}

async function measure(driver: KafkaDriver, brokers: string, name: string): Promise<Measured> {
  const kafka = await openKafka({
    driver,
    brokers,
    clientId: name,
    logger: silentLogger,
    metrics: createMetrics(),
    clock: systemClock,
    isEmbedded: true,
  });
  const producer = await kafka.producer({ lingerMs: 5 });
  const all = Array.from({ length: topics * partitions }, (_, i) => ({
    topic: `${name}-${i % topics}`,
    partition: Math.floor(i / topics),
  }));
  for (const { topic } of all.slice(0, topics)) await producer.partitionCount(topic);
  const value = Buffer.alloc(valueBytes, 'x');
  const batch = all.flatMap((tp) => Array.from({ length: 500 }, () => ({ ...tp, key: null, value })));
  const produced = await timed(async () => {
    for (let sent = 0; sent < perPartition; sent += 500) await producer.send(batch);
  });
  const reader = await kafka.reader({ fetchWaitMs: 5 });
  const total = all.length * perPartition;
  const read = await timed(async () => {
    const streams = all.map((tp) => reader.read(tp, 0n));
    for (let count = 0; count < total;) {
      await reader.wait(1_000);
      for (const stream of streams) for (let b = stream.poll(); b !== null; b = stream.poll()) count += b.count;
    }
  });
  await reader.close();
  const latencies = await roundTripTimes(kafka, `${name}-order`);
  return {
    producedPerCpuSecond: Math.round(total / produced.cpuSeconds),
    producedPerSecond: Math.round(total / produced.seconds),
    readPerCpuSecond: Math.round(total / read.cpuSeconds),
    readPerSecond: Math.round(total / read.seconds),
    roundTripP50Ms: round2(latencies[Math.floor(roundTrips * 0.5)] ?? 0),
    roundTripP99Ms: round2(latencies[Math.floor(roundTrips * 0.99)] ?? 0),
  };
}

/** Append one small record, read it back, pause; ascending. */
async function roundTripTimes(kafka: Awaited<ReturnType<typeof openKafka>>, topic: string): Promise<number[]> {
  const producer = await kafka.producer();
  await producer.partitionCount(topic);
  const reader = await kafka.reader({ fetchWaitMs: 5 });
  const stream = reader.read({ topic, partition: 0 }, 0n);
  const times: number[] = [];
  for (let i = 0; i < roundTrips; i++) {
    const startMs = performance.now();
    const sent = producer.send([{ topic, partition: 0, key: null, value: Buffer.alloc(60) }]);
    while ((await stream.next(1_000)) === null);
    times.push(performance.now() - startMs);
    await sent;
    await systemClock.sleep(2);
  }
  return times.sort((a, b) => a - b);
}

async function timed(work: () => Promise<void>): Promise<{ seconds: number; cpuSeconds: number }> {
  const startMs = performance.now();
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - startMs) / 1_000, cpuSeconds: (user + system) / 1_000_000 };
}

function measureInChild(driver: KafkaDriver, brokers: string, name: string): Promise<Measured> {
  const script = fileURLToPath(import.meta.url);
  const child = spawn(process.execPath, ['--import', 'tsx', script, 'measure', driver, brokers, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, UV_THREADPOOL_SIZE: '16' },
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => (out += String(chunk)));
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => {
      if (code === 0) resolve(JSON.parse(out) as Measured);
      else reject(new Error(`${driver}: exit ${code}`));
    });
  });
}

function medians(rounds: readonly Measured[]): Record<string, number> {
  const names = Object.keys(rounds[0] ?? {}) as (keyof Measured)[];
  return Object.fromEntries(
    names.map((name) => {
      const sorted = rounds.map((round) => round[name]).sort((a, b) => a - b);
      return [name, sorted[Math.floor(sorted.length / 2)] ?? 0];
    }),
  );
}

function round2(value: number): number {
  return Math.round(value * 100) / 100;
}
