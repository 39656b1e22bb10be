import { connect } from 'amqplib';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { Kafka, OutMessage, Producer } from '../../kafka/contract.ts';
import { openMockCluster, type MockCluster } from '../../kafka/mock-cluster.ts';
import { openKafka } from '../../kafka/open.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { payment } from '../../tests/fold/cases.ts';
import { freePort } from '../../tests/free-port.ts';
import { startRabbit, type RabbitServer } from '../../tests/rabbit/server.ts';
import { describeUnless, requireKafkaDriver, requireRabbit } from '../../tests/requirements.ts';
import { AmqpError } from './amqp-error.ts';
import { foldTopic } from './amqp-suite.ts';
import { createBridge, type Bridge } from './bridge.ts';
import { queueAt, type Delivery, type OpenQueue, type QueueAddress } from './open-queue.ts';

const events = 3_000;
const payments = Array.from({ length: events }, (_, i) =>
  payment({ atMs: i * 200, id: `p${i}`, key: `card-${i % 40}`, cardId: `card-${i % 40}`, amountMinor: i }),
);
const inTurn = { timeout: 60_000, interval: 50 } as const;

describeUnless([requireKafkaDriver('node-rdkafka'), requireRabbit()], 'RabbitMQ bridged into Kafka', () => {
  let rabbit: RabbitServer;
  let broker: MockCluster;
  let kafka: Kafka;
  let producer: Producer;
  const running: { readonly bridge: Bridge; readonly done: Promise<void> }[] = [];

  beforeAll(async () => {
    [rabbit, broker] = await Promise.all([startRabbit(), openMockCluster('node-rdkafka')]);
    const parts = { clock: systemClock, logger: silentLogger, metrics: createMetrics() };
    kafka = await openKafka({
      ...parts,
      ...{ driver: 'node-rdkafka', brokers: broker.brokers, clientId: 'bridge', isEmbedded: true, reader: 'client' },
    });
    producer = await kafka.producer();
  }, 120_000);
  afterEach(async () => {
    for (const { bridge, done } of running.splice(0)) {
      bridge.stop();
      await done;
    }
  });
  afterAll(async () => {
    await kafka?.close();
    await broker?.close();
    await rabbit?.stop();
  });

  const addressOf = (queue: string, over: Partial<QueueAddress> = {}): QueueAddress => ({
    ...{ url: rabbit.url, user: 'guest', password: 'guest', caFile: '', queue, prefetch: 200 },
    ...over,
  });
  const bridge = (queue: string, topic: string, open: OpenQueue = queueAt(addressOf(queue))): void => {
    const parts = { producer, clock: systemClock, random: Math.random, logger: silentLogger, metrics: createMetrics() };
    const made = createBridge({ queue, topic, messageBytesMax: 100_000, open, ...parts });
    running.push({ bridge: made, done: made.run() });
  };
  /** Makes the queue and puts persistent messages into it. */
  const publish = async (queue: string, messages: readonly (string | Uint8Array)[]): Promise<void> => {
    const connection = await connect(rabbit.url);
    const channel = await connection.createConfirmChannel();
    await channel.assertQueue(queue, { durable: true });
    for (const message of messages) channel.sendToQueue(queue, Buffer.from(message as string), { persistent: true });
    await channel.waitForConfirms();
    await connection.close();
  };
  const left = async (queue: string): Promise<number> => {
    const connection = await connect(rabbit.url);
    connection.on('error', () => {});
    const channel = await connection.createChannel();
    const { messageCount } = await channel.checkQueue(queue);
    await connection.close();
    return messageCount;
  };
  /** Everything on a topic, each partition in its order. */
  const recordsOf = async (topic: string): Promise<OutMessage[]> => {
    const reader = await kafka.reader({ fetchWaitMs: 20 });
    const found: OutMessage[] = [];
    for (let partition = 0; partition < (await reader.partitionCount(topic)); partition++) {
      const { lowOffset, endOffset } = await reader.bounds({ topic, partition });
      expect(lowOffset).toBe(0n);
      const stream = reader.read({ topic, partition }, 0n);
      for (let next = 0n; next < endOffset;) {
        const batch = await stream.next(1_000);
        if (!batch) continue;
        for (let i = 0; i < batch.count; i++) {
          const slice = (start = -1, end = 0) => (start < 0 ? null : Buffer.from(batch.bytes.subarray(start, end)));
          const key = slice(batch.keyStart[i], batch.keyEnd[i]);
          found.push({ topic, partition, key, value: slice(batch.valueStart[i], batch.valueEnd[i]) });
        }
        next = batch.nextOffset;
      }
      stream.close();
    }
    await reader.close();
    return found;
  };

  test('[A2] the same events by AMQP and by Kafka give equal windows, redelivered three times over and with the server killed on the way', async () => {
    const texts = payments.map((one) => JSON.stringify(one));
    const count = await producer.partitionCount('by-kafka');
    await producer.send(
      texts.map((text, i) => {
        const key = Buffer.from(payments[i]?.key ?? '');
        return { topic: 'by-kafka', partition: partitionOf(key, count), key, value: Buffer.from(text) };
      }),
    );
    await publish('payments-queue', texts);
    // Three connections are lost when the broker has the events and RabbitMQ has not heard it yet.
    const real = queueAt(addressOf('payments-queue'));
    let lost = 0;
    bridge('payments-queue', 'by-amqp', async (handlers) => {
      const opened = await real(handlers);
      if (lost++ >= 3) return opened;
      const ackUpTo = (): void => {
        void opened.close();
        handlers.ended(new AmqpError('amqp_unavailable', 'the line is cut'));
      };
      return { ...opened, ackUpTo };
    });
    await vi.waitFor(() => expect(lost).toBeGreaterThan(3), inTurn);
    await rabbit.kill();
    await rabbit.resume();
    await vi.waitFor(async () => expect(await left('payments-queue')).toBe(0), inTurn);
    const byAmqp = await recordsOf('by-amqp');
    const [one, other] = [foldTopic(byAmqp), foldTopic(await recordsOf('by-kafka'))];
    expect(other.counters).toMatchObject({ folded: events, duplicate: 0 });
    expect(one.counters).toMatchObject({ folded: events, duplicate: byAmqp.length - events });
    expect(byAmqp.length).toBeGreaterThan(events + 2);
    expect(one.windows).toEqual(other.windows);
    expect(one.windows.size).toBeGreaterThan(10);
  }, 300_000);

  test('what is no event becomes a dead letter with its bytes; what is too large stays in RabbitMQ, with the reason', async () => {
    const poison = Buffer.from([0xff, 0x00, 0xfe]);
    const large = 'x'.repeat(100_001);
    await publish('odd-queue', [JSON.stringify(payments[0]), poison, large, JSON.stringify(payments[1])]);
    bridge('odd-queue', 'odd');
    await vi.waitFor(async () => expect(await left('odd-queue.millrace-refused')).toBe(1), inTurn);
    await vi.waitFor(async () => expect(await recordsOf('odd')).toHaveLength(3), inTurn);
    const { counters, deadLetters } = foldTopic(await recordsOf('odd'));
    expect(counters).toMatchObject({ folded: 2, dead: 1 });
    expect(deadLetters.map(({ valueBase64 }) => valueBase64)).toEqual([poison.toString('base64')]);
    const connection = await connect(rabbit.url);
    const channel = await connection.createChannel();
    const kept = await channel.get('odd-queue.millrace-refused');
    await connection.close();
    expect(kept && kept.content.toString()).toBe(large);
    expect(kept && kept.properties.headers).toEqual({ 'x-millrace-reason': 'larger than 100000 bytes' });
  });

  test('says by its code why a queue cannot be consumed', async () => {
    await publish('there', []);
    const closed = `amqp://127.0.0.1:${await freePort()}`;
    const codeOf = (queue: string, over: Partial<QueueAddress> = {}): Promise<unknown> =>
      queueAt(addressOf(queue, over))({ delivered: () => {}, ended: () => {} }).then(
        async (opened) => opened.close(),
        (error: AmqpError) => error.code,
      );
    expect(await codeOf('there')).toBeUndefined();
    expect(await codeOf('not-there')).toBe('amqp_queue_missing');
    expect(await codeOf('there', { password: 'wrong' })).toBe('amqp_refused');
    expect(await codeOf('there', { url: `${rabbit.url}/no-such-host` })).toBe('amqp_refused');
    expect(await codeOf('there', { url: closed })).toBe('amqp_unavailable');
  });

  test('no more messages are out than the prefetch says, until they are acknowledged', async () => {
    await publish('many', Array.from({ length: 20 }, String));
    const tags: Delivery[] = [];
    const opened = await queueAt(addressOf('many', { prefetch: 5 }))({
      delivered: (delivery) => tags.push(delivery),
      ended: () => {},
    });
    await vi.waitFor(() => expect(tags).toHaveLength(5), inTurn);
    await systemClock.sleep(100);
    expect(tags).toHaveLength(5);
    opened.ackUpTo(tags[3] as Delivery);
    await vi.waitFor(() => expect(tags).toHaveLength(9), inTurn);
    await opened.close();
    await vi.waitFor(async () => expect(await left('many')).toBe(16), inTurn);
  });

  test('a queue that is deleted while it is consumed ends the connection with that word', async () => {
    await publish('short-lived', []);
    let word: AmqpError | null = null;
    const opened = await queueAt(addressOf('short-lived'))({ delivered: () => {}, ended: (error) => (word = error) });
    const connection = await connect(rabbit.url);
    await (await connection.createChannel()).deleteQueue('short-lived');
    await connection.close();
    await vi.waitFor(() => expect(word).toMatchObject({ code: 'amqp_queue_missing' }), inTurn);
    await opened.close();
  });
});
