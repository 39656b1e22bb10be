import { afterAll, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { describeUnless, requireKafkaDriver } from '../../tests/requirements.ts';
import type { Kafka } from '../contract.ts';
import { openMockCluster, type MockCluster } from '../mock-cluster.ts';
import { openKafka } from '../open.ts';

describeUnless([requireKafkaDriver('node-rdkafka')], 'the direct reader on the embedded broker', () => {
  let cluster: MockCluster;
  const opened: Kafka[] = [];
  const open = async (): Promise<Kafka> => {
    const parts = { logger: silentLogger, clock: systemClock, metrics: createMetrics() };
    const at = { driver: 'node-rdkafka', brokers: cluster.brokers, clientId: 'growth', isEmbedded: true } as const;
    const kafka = await openKafka({ ...at, ...parts, reader: 'direct', sender: 'direct' });
    opened.push(kafka);
    return kafka;
  };
  beforeAll(async () => void (cluster = await openMockCluster('node-rdkafka')));
  afterAll(async () => {
    await Promise.all(opened.map((kafka) => kafka.close()));
    await cluster.close();
  });

  test('fetches what its own process has sent long before it would look again, and what others sent when it looks', async () => {
    const [kafka, other] = [await open(), await open()];
    const [producer, stranger] = [await kafka.producer(), await other.producer()];
    const tp = { topic: 'grown', partition: 2 };
    expect(await producer.partitionCount(tp.topic)).toBe(4);
    const send = (by: typeof producer, text: string) => by.send([{ ...tp, key: null, value: Buffer.from(text) }]);
    const patient = await kafka.reader({ fetchWaitMs: 600_000, gatherMs: 1 });
    const stream = patient.read(tp, 0n);
    // Its first look, at the empty partition, is over.
    while (stream.endOffset() < 0n) await systemClock.sleep(5);
    for (let sent = 1n; sent <= 5n; sent++) {
      await send(producer, `own ${sent}`);
      expect((await stream.next(60_000))?.nextOffset).toBe(sent);
    }
    await send(stranger, 'not told of');
    expect(await stream.next(300)).toBeNull();
    await send(producer, 'told of');
    // The embedded broker gives one batch a fetch.
    expect((await stream.next(60_000))?.nextOffset).toBe(6n);
    expect((await stream.next(60_000))?.nextOffset).toBe(7n);
    const looking = await kafka.reader({ fetchWaitMs: 20 });
    const looked = looking.read(tp, 7n);
    while (looked.endOffset() < 7n) await systemClock.sleep(5);
    await send(stranger, 'found');
    expect((await looked.next(60_000))?.nextOffset).toBe(8n);
  });
});
