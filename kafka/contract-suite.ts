import { createServer, connect, type Server } from 'node:net';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { freePort } from '../tests/free-port.ts';
import { describeUnless, requireKafkaDriver, requireRealKafka } from '../tests/requirements.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createMetrics, type Metrics } from '../telemetry/metrics.ts';
import type { PartitionStream, RecordBatch, TopicPartition } from '../sources/source.ts';
import type { Kafka, KafkaDriver, KafkaReader, OutMessage } from './contract.ts';
import { membershipSuite } from './contract-suite-membership.ts';
import { producerSuite } from './contract-suite-producer.ts';
import { readerSuite } from './contract-suite-reader.ts';
import type { KafkaSecurity } from './connection.ts';
import { openMockCluster } from './mock-cluster.ts';
import { openKafka } from './open.ts';
import { realBrokerSuite } from './real-broker-suite.ts';

/** What the parts of the suite share: one broker, one `Kafka`, topics of their own. */
export interface Bench {
  readonly kafka: Kafka;
  readonly metrics: Metrics;
  readonly brokers: string;
  readonly driver: KafkaDriver;
  /** A name that no other test uses. */
  newTopic(): string;
  /** Another client of the same process. */
  another(brokers?: string, security?: KafkaSecurity): Promise<Kafka>;
}

export type BrokerKind = 'embedded' | 'real';

/** The one suite that both client packages and both readers pass, with their senders, each in a process of its own, on either broker. */
export function contractSuite(
  driver: KafkaDriver,
  reader: KafkaReader = 'client',
  broker: BrokerKind = 'embedded',
): void {
  const isEmbedded = broker === 'embedded';
  const reasons = [requireKafkaDriver(driver), isEmbedded ? null : requireRealKafka()];
  describeUnless(reasons, `Kafka by ${driver}, reader ${reader}, on the ${broker} broker`, () => {
    let running: { readonly brokers: string; close(): Promise<void> };
    const opened: Kafka[] = [];
    const metrics = createMetrics();
    let topics = 0;
    const another = async (brokers = running.brokers, security?: KafkaSecurity): Promise<Kafka> => {
      const options = { driver, brokers, clientId: 'suite', logger: silentLogger, clock: systemClock, metrics };
      const kafka = await openKafka({ ...options, isEmbedded, reader, sender: reader, ...(security && { security }) });
      opened.push(kafka);
      return kafka;
    };
    const bench: { current?: Bench } = {};
    const given = (): Bench => {
      if (!bench.current) throw new Error('the broker is not up');
      return bench.current;
    };

    beforeAll(async () => {
      running = isEmbedded ? await openMockCluster(driver) : givenBroker();
      const { brokers } = running;
      const newTopic = () => `suite-${driver}-${reader}-${++topics}`;
      bench.current = { kafka: await another(), metrics, brokers, driver, newTopic, another };
    });
    afterAll(async () => {
      await Promise.all(opened.map((kafka) => kafka.close()));
      await running.close();
    });

    test('says which client runs, and refuses a second one in the same process', async () => {
      expect(given().kafka.features).toMatchObject({ driver });
      expect(given().kafka.features.features).toContain('gzip');
      const other = driver === 'confluent' ? 'node-rdkafka' : 'confluent';
      const options = { brokers: '127.0.0.1:1', clientId: 'x', logger: silentLogger, clock: systemClock, metrics };
      await expect(openKafka({ ...options, driver: other })).rejects.toMatchObject({ code: 'kafka_fatal' });
    });

    test('waits for a broker that is not there yet', async () => {
      const port = await freePort();
      const kafka = await another(`127.0.0.1:${port}`);
      const opening = kafka.producer();
      await systemClock.sleep(300);
      const proxy = await forward(port, given().brokers);
      const producer = await opening;
      expect(await producer.partitionCount(given().newTopic())).toBe(4);
      await producer.close();
      proxy.close();
    });

    readerSuite(given, broker);
    if (!isEmbedded) realBrokerSuite(given, reader);
    producerSuite(given);
    // Membership is the client package's, whoever reads.
    if (reader !== 'direct') membershipSuite(given, broker);
  });
}

/** The broker of `npm run test:kafka`. */
function givenBroker() {
  const kafka = inject('kafka');
  if (!kafka) throw new Error('no real Kafka was started: run this by npm run test:kafka');
  return { brokers: kafka.plain, close: () => Promise.resolve() };
}

/** `count` messages of `value-<i>` for one partition, keyed `key-<i>`. */
export function numbered(tp: TopicPartition, count: number, from = 0): OutMessage[] {
  return Array.from({ length: count }, (_, i) => ({
    ...tp,
    key: Buffer.from(`key-${from + i}`),
    value: Buffer.from(`value-${from + i}`),
  }));
}

/** Polls until `count` records are here. */
export async function readCount(stream: PartitionStream, count: number): Promise<RecordBatch[]> {
  const batches: RecordBatch[] = [];
  for (let read = 0; read < count;) {
    const batch = await stream.next(60_000);
    if (batch === null) throw new Error(`only ${read} of ${count} records came`);
    batches.push(batch);
    read += batch.count;
  }
  return batches;
}

/** The values of batches, as text; null where there is none. */
export function values(batches: readonly RecordBatch[]): (string | null)[] {
  return batches.flatMap(({ count, bytes, valueStart, valueEnd }) =>
    Array.from({ length: count }, (_, i) => {
      const start = valueStart[i] ?? -1;
      return start < 0 ? null : Buffer.from(bytes.subarray(start, valueEnd[i])).toString();
    }),
  );
}

/** Looks every 20 ms until `holds`. */
export async function until(holds: () => boolean | Promise<boolean>, what: string, withinMs = 60_000): Promise<void> {
  const deadlineMs = systemClock.nowMs() + withinMs;
  while (!(await holds())) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(20);
  }
}

async function forward(port: number, brokers: string): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(Number(brokers.split(':')[1]), '127.0.0.1');
    near.pipe(far).pipe(near);
    for (const socket of [near, far]) socket.on('error', () => {});
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return server;
}
