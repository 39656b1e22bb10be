import { startEmbeddedBroker } from '../embedded/broker.ts';
import type { Kafka, KafkaDriver, KafkaReader, KafkaSender } from '../kafka/contract.ts';
import { openKafka } from '../kafka/open.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger, silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { startKafka } from '../tests/kafka/broker.ts';
import { brokerJars } from '../tests/kafka/jars.ts';

export interface BenchBroker {
  /** For people, e.g. `Apache Kafka 4.1.0`. */
  readonly name: string;
  readonly brokers: string;
  readonly isEmbedded: boolean;
  stop(): Promise<void>;
}

/** Topics have four partitions on both. */
export const brokerPartitions = 4;

/** So many records of a topic the embedded broker keeps. */
export const embeddedRecordsMax = 30_000;

/** A real Kafka of its own where it can be had, else the embedded broker, which keeps some 5 MB a partition and forgets the rest. */
export async function startBroker(settings: Readonly<Record<string, string | number>> = {}): Promise<BenchBroker> {
  if (brokerJars().kind === 'here') {
    const kafka = await startKafka({ settings: { 'num.partitions': brokerPartitions, ...settings } });
    const name = `Apache Kafka ${kafka.version}`;
    return { name, brokers: kafka.brokers, isEmbedded: false, stop: () => kafka.stop() };
  }
  const embedded = await startEmbeddedBroker({
    ...{ logger: createLogger('warn', false), driver: 'node-rdkafka' as const },
    gate: { groups: [] },
  });
  return { name: 'embedded', brokers: embedded.brokers, isEmbedded: true, stop: () => embedded.stop() };
}

/** Beside much else on the same cores: threads as many as there are cores. */
export const smallBroker = { 'num.io.threads': 2, 'num.network.threads': 1 };

/**
 * The JVM's second compiler takes a third of a core for the first half minute of load, which is not what a short benchmark measures: a broker that
 * has run for a day has that behind it. Its first compiler is done after seconds; what it makes is half as fast.
 */
export async function startWarmBroker(): Promise<BenchBroker> {
  const before = process.env['JAVA_TOOL_OPTIONS'];
  process.env['JAVA_TOOL_OPTIONS'] = `${before ?? ''} -XX:TieredStopAtLevel=1`.trim();
  try {
    return await startBroker(smallBroker);
  } finally {
    if (before === undefined) delete process.env['JAVA_TOOL_OPTIONS'];
    else process.env['JAVA_TOOL_OPTIONS'] = before;
  }
}

export interface BrokerAccess {
  readonly brokers: string;
  readonly isEmbedded: boolean;
  readonly driver?: KafkaDriver;
  readonly reader?: KafkaReader;
  readonly sender?: KafkaSender;
}

/** A client of it that logs nothing. */
export const openBroker = ({
  brokers,
  isEmbedded,
  driver = 'node-rdkafka',
  reader = 'direct',
  sender = 'client',
}: BrokerAccess): Promise<Kafka> =>
  openKafka({
    ...{ driver, reader, sender, brokers, isEmbedded, clientId: 'bench' },
    ...{ logger: silentLogger, metrics: createMetrics(), clock: systemClock },
  });
