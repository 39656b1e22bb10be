import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
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

test('waits for a broker as long as it takes: where the client heeds it, for it ignores topic settings among the others', async () => {
  const made: { config: NativeConfig; topicConfig: NativeConfig }[] = [];
  const native = Object.assign(new EventEmitter(), {
    connect: (_: unknown, done: (error: null) => void) => done(null),
    disconnect: (_: number, done: () => void) => done(),
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
  await producer.close();
  expect(made).toHaveLength(1);
  expect(made[0]?.config).toMatchObject({ 'max.in.flight.requests.per.connection': 1, 'enable.idempotence': true });
  expect(made[0]?.topicConfig).toMatchObject({ acks: 'all', 'message.timeout.ms': 0 });
  expect(topicSettings.filter((name) => name in (made[0]?.config ?? {}))).toEqual([]);
});
