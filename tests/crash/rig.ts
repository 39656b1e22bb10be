import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEmbeddedBroker } from '../../embedded/broker.ts';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '../../embedded/clickhouse.ts';
import { connectGate } from '../../embedded/gate-client.ts';
import { inputTopics, orderTopic, readingGroups, taskGroup, type PipelineTopics } from '../../events/topics.ts';
import type { Kafka, KafkaDriver, KafkaReader, KafkaSender, Producer } from '../../kafka/contract.ts';
import { settlesWithin } from '../../kafka/connection.ts';
import { openKafka } from '../../kafka/open.ts';
import { startReceiver, testSecret, type Receiver } from '../../sinks/webhook/webhook-suite.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createLagMeter, type LagMeter } from '../journey/settle.ts';
import { startKafka, type RealKafka } from '../kafka/broker.ts';
import { brokerJars } from '../kafka/jars.ts';
import { openProxy, type KafkaProxy } from '../kafka/proxy.ts';
import { createServiceProcess, type ServiceProcess } from './service-process.ts';

export const database = 'millrace';
export const partitions = 4;
export const numberedTopics: PipelineTopics = { name: 'numbered', version: 1, inputs: ['payments'] };
export const numberedGroup = taskGroup(numberedTopics.name, numberedTopics.version);
export const numberedOrder = orderTopic(numberedTopics.name, numberedTopics.version);

/** A broker, a ClickHouse, a producer, and the service to be killed: everything around `npm run verify:crash`. */
export interface CrashRig {
  /** The real broker; null: the embedded one. */
  readonly broker: RealKafka | null;
  readonly clickhouse: EmbeddedClickHouse;
  readonly kafka: Kafka;
  readonly producer: Producer;
  readonly service: ServiceProcess;
  /** That one, and those that were added. */
  readonly services: readonly ServiceProcess[];
  /** Another instance, not started: it shares group and snapshots with the first. */
  addService(): ServiceProcess;
  readonly snapshotsDir: string;
  /** Between the services and a real broker, if it was asked for. */
  readonly proxy: KafkaProxy | null;
  /** Told by the services about alerts, if that was asked for. */
  readonly receiver: Receiver | null;
  /** To be opened once the service has made its topics. */
  openMeter(): Promise<LagMeter>;
  close(): Promise<void>;
}

export interface RigOptions {
  readonly driver: KafkaDriver;
  readonly reader: KafkaReader;
  /** Default: as the reader. */
  readonly sender?: KafkaSender;
  readonly broker: 'real' | 'embedded';
  /** The services reach the real broker by a proxy that can drop everything. */
  readonly hasProxy?: boolean;
  /** The pipeline raises alerts, and a receiver is told about them. */
  readonly hasWebhooks?: boolean;
  /** What the service runs, where it is not the numbered pipeline alone. */
  readonly pipelines?: readonly PipelineTopics[];
  /** More of the service's environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly say: (line: string) => void;
}

/** Short, so that a killed member is missed soon. */
export const sessionTimeoutMs = 2_000;
const snapshotEveryMs = 1_000;
/** For each part of the rig. */
const closeMaxMs = 60_000;

/** Which broker it is to be: the real one where nothing is wanted, unless it cannot be had (said with the reason). */
export function chooseBroker(wanted: '' | 'real' | 'embedded', say: (line: string) => void): 'real' | 'embedded' {
  if (wanted === 'embedded') return 'embedded';
  const jars = brokerJars();
  if (jars.kind === 'here') return 'real';
  if (wanted === 'real') throw new Error(jars.reason);
  say(`${jars.reason}: the embedded broker instead`);
  return 'embedded';
}

/** Starts everything but the service. Nothing is left running after `close`, or when it rejects. */
export async function openRig(options: RigOptions): Promise<CrashRig> {
  const closing: (() => Promise<unknown>)[] = [];
  const close = async (): Promise<void> => {
    for (const one of closing.splice(0).toReversed()) await settlesWithin(closeMaxMs, one());
  };
  try {
    return { ...(await open(options, closing)), close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function open(options: RigOptions, closing: (() => Promise<unknown>)[]): Promise<Omit<CrashRig, 'close'>> {
  const { driver, reader, sender = reader, say } = options;
  const parts = { clock: systemClock, logger: silentLogger };
  const folder = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
  closing.push(() => rm(folder, { recursive: true, force: true }));
  const { broker, brokers, gateAddress, proxy } = await openBroker(options, closing);
  say(broker ? `Apache Kafka ${broker.version} at ${brokers}` : `the embedded broker at ${brokers}`);
  const clickhouse = await startEmbeddedClickHouse({ ...parts, dataDir: join(folder, 'clickhouse'), port: 0 });
  closing.push(() => clickhouse.stop());
  const isEmbedded = broker === null;
  const kafka = await openKafka({ driver, brokers, clientId: 'crash', metrics: createMetrics(), isEmbedded, ...parts });
  closing.push(() => kafka.close());
  const gate = isEmbedded ? await connectGate(gateAddress) : undefined;
  closing.push(async () => gate?.close());
  const producer = await kafka.producer({ lingerMs: 5, ...(gate && { gate }) });
  if (isEmbedded) for (const topic of inputTopics) await producer.partitionCount(topic);
  const snapshotsDir = join(folder, 'snapshots');
  const receiver = options.hasWebhooks ? await startReceiver() : null;
  closing.push(async () => receiver?.close());
  const env = {
    MILLRACE_KAFKA_BROKERS: proxy?.brokers ?? brokers,
    MILLRACE_KAFKA_GATE: gateAddress,
    MILLRACE_KAFKA_DRIVER: driver,
    MILLRACE_KAFKA_READER: reader,
    MILLRACE_KAFKA_SENDER: sender,
    MILLRACE_KAFKA_PARTITIONS: String(partitions),
    MILLRACE_KAFKA_SESSION_TIMEOUT_MS: String(sessionTimeoutMs),
    MILLRACE_CLICKHOUSE_URL: clickhouse.url,
    MILLRACE_SNAPSHOTS_DIR: snapshotsDir,
    MILLRACE_SNAPSHOTS_EVERY_MS: String(snapshotEveryMs),
    MILLRACE_EMBEDDED_DATA_DIR: folder,
    ...(receiver && webhookEnv(receiver)),
    ...options.env,
  };
  const services: ServiceProcess[] = [];
  const addService = (): ServiceProcess => {
    const service = createServiceProcess(env);
    services.push(service);
    closing.push(() => service.kill('SIGTERM'));
    return service;
  };
  const service = addService();
  const openMeter = (): Promise<LagMeter> => createLagMeter(kafka, options.pipelines ?? [numberedTopics]);
  const around = { broker, clickhouse, kafka, producer, proxy, receiver };
  return { ...around, service, services, addService, snapshotsDir, openMeter };
}

const webhookEnv = (receiver: Receiver): Readonly<Record<string, string>> => ({
  MILLRACE_WEBHOOKS_ENDPOINTS: JSON.stringify([
    { name: 'receiver', url: receiver.url, secretRefs: ['env:HOOK_SECRET'], allowAddresses: ['127.0.0.1'] },
  ]),
  HOOK_SECRET: testSecret,
});

interface OpenBroker {
  readonly broker: RealKafka | null;
  readonly brokers: string;
  readonly gateAddress: string;
  readonly proxy: KafkaProxy | null;
}

async function openBroker(
  { broker: kind, driver, hasProxy = false, hasWebhooks = false }: RigOptions,
  closing: (() => Promise<unknown>)[],
): Promise<OpenBroker> {
  if (kind === 'real') {
    const proxy = hasProxy ? await openProxy() : null;
    if (proxy) closing.push(() => proxy.close());
    const broker = await startKafka(proxy ? { proxyPort: proxy.port } : {});
    closing.push(() => broker.stop());
    proxy?.forwardTo(broker.proxiedBrokers);
    return { broker, brokers: broker.brokers, gateAddress: '', proxy };
  }
  const gate = { groups: readingGroups([numberedTopics], { hasWebhooks }) };
  const embedded = await startEmbeddedBroker({ logger: silentLogger, driver, gate });
  closing.push(() => embedded.stop());
  return { broker: null, brokers: embedded.brokers, gateAddress: embedded.gateAddress, proxy: null };
}
