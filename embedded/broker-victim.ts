import type { KafkaDriver } from '../kafka/contract.ts';
import { openKafka } from '../kafka/open.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { connectGate } from './gate-client.ts';

/** For the tests only: a producer that takes all the room of `payments-0`, says so, and waits to be killed. */
const [driver = '', brokers = '', gateAddress = ''] = process.argv.slice(2);
const gate = await connectGate(gateAddress);
const kafka = await openKafka({
  driver: driver as KafkaDriver,
  brokers,
  clientId: 'victim',
  logger: silentLogger,
  metrics: createMetrics(),
  clock: systemClock,
  isEmbedded: true,
});
const producer = await kafka.producer({ gate });
await producer.partitionCount('payments');
const messages = Array.from({ length: 200 }, () => ({
  topic: 'payments',
  partition: 0,
  key: null,
  value: Buffer.alloc(900),
}));
producer.send(messages).catch(() => {});
const look = setInterval(() => {
  if (producer.pendingMessages() === messages.length || !producer.isGated({ topic: 'payments', partition: 0 })) return;
  clearInterval(look);
  process.send?.({ produced: messages.length - producer.pendingMessages() });
  setInterval(() => {}, 1_000);
}, 5);
