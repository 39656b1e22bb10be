import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import type { Driver, NativeConfig, NativeProducer } from './driver.ts';
import { openProducer } from './producer.ts';

/** Those of librdkafka's topic settings that a producer has (CONFIGURATION.md, "Topic configuration properties"). */
const topicSettings = [
  'acks',
  'request.required.acks',
  'request.timeout.ms',
  'message.timeout.ms',
  'delivery.timeout.ms',
];

/** A producer over a native client that knows no topic, and what the driver was asked to make. */
async function createRig() {
  const made: { config: NativeConfig; topicConfig: NativeConfig }[] = [];
  const native = Object.assign(new EventEmitter(), {
    connect: (_: unknown, done: (error: null) => void) => done(null),
    disconnect: (_: number, done: () => void) => done(),
    getMetadata: (_: unknown, done: (error: null, metadata: unknown) => void) => done(null, { topics: [] }),
    isConnected: () => true,
    poll: () => {},
  });
  const driver = {
    producer(config: NativeConfig, topicConfig: NativeConfig) {
      made.push({ config, topicConfig });
      return native as unknown as NativeProducer;
    },
  } as unknown as Driver;
  const producer = await openProducer(
    {
      ...{ driver, brokers: '127.0.0.1:1', clientId: 'test', isEmbedded: false, security: undefined },
      ...{ admin: null, growth: null, leftBehind: () => {} },
      ...{ logger: silentLogger, metrics: createMetrics(), clock: systemClock, closing: new AbortController().signal },
    },
    {},
  );
  return { producer, made };
}

test('waits for a broker as long as it takes: where the client heeds it, for it ignores topic settings among the others', async () => {
  const { producer, made } = await createRig();
  await producer.close();
  expect(made).toHaveLength(1);
  expect(made[0]?.config).toMatchObject({ 'max.in.flight.requests.per.connection': 1, 'enable.idempotence': true });
  expect(made[0]?.topicConfig).toMatchObject({ acks: 'all', 'message.timeout.ms': 0 });
  expect(topicSettings.filter((name) => name in (made[0]?.config ?? {}))).toEqual([]);
});

test('of a topic that does not come into being in ten seconds it says so: a key has no place in no partitions', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  try {
    const { producer } = await createRig();
    const counted = producer.partitionCount('none').catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(11_000);
    expect(await counted).toMatchObject({ code: 'kafka_topic_missing' });
    await producer.close();
  } finally {
    vi.useRealTimers();
  }
});
