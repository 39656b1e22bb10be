import { describe, expect, test } from 'vitest';
import { KafkaError } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { payment } from '../../tests/fold/cases.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { AmqpError, toAmqpError } from './amqp-error.ts';
import { createTestBridge, foldTopic, startBridge, type TestBridge } from './amqp-suite.ts';
import { createAmqpService } from './service.ts';

const payments = Array.from({ length: 60 }, (_, i) =>
  payment({ atMs: i * 7_000, id: `p${i}`, key: `card-${i % 9}`, cardId: `card-${i % 9}`, amountMinor: i }),
);
const texts = payments.map((one) => JSON.stringify(one));
/** As somebody who speaks Kafka sends them. */
const byKafka = texts.map((text, i) => {
  const key = Buffer.from(payments[i]?.key ?? '');
  return { partition: partitionOf(key, 4), key, value: Buffer.from(text) };
});

describe('the bridge from a queue', () => {
  test('[A2] the same events by AMQP and by Kafka lie in the same partitions and give equal windows', async () => {
    const { bridge, queue, sent, running } = startBridge();
    queue.publish(...texts);
    await expect.poll(() => queue.acknowledged()).toBe(60);
    bridge.stop();
    await running;
    expect(sent.map(({ partition, key }) => [partition, Buffer.from(key ?? []).toString()])).toEqual(
      byKafka.map(({ partition, key }) => [partition, key.toString()]),
    );
    const { windows, counters } = foldTopic(sent);
    expect(windows).toEqual(foldTopic(byKafka).windows);
    expect(windows.size).toBeGreaterThan(5);
    expect(counters).toMatchObject({ folded: 60, duplicate: 0 });
  });

  test('acknowledges nothing before the broker of the topic has it, and holds no more than the prefetch', async () => {
    const { queue, sent, hold, bridge, running } = startBridge({ prefetch: 10 });
    const held = hold();
    queue.publish(...texts);
    await expect.poll(() => queue.unacknowledged()).toBe(10);
    await systemClock.sleep(20);
    expect([queue.acknowledged(), sent.length, queue.ready()]).toEqual([0, 0, 50]);
    held.release();
    await expect.poll(() => queue.acknowledged()).toBe(60);
    expect(queue.outMax()).toBe(10);
    bridge.stop();
    await running;
  });

  test('[A2][A5] events delivered again and again, three times over, have one effect', async () => {
    const { bridge, queue, sent, running, metrics } = startBridge({ prefetch: 60 });
    queue.losesAcks = true;
    queue.publish(...texts);
    for (let times = 1; times <= 3; times++) {
      await expect.poll(() => sent).toHaveLength(60 * times);
      queue.end();
    }
    queue.losesAcks = false;
    await expect.poll(() => queue.acknowledged()).toBe(60);
    bridge.stop();
    await running;
    expect(sent).toHaveLength(240);
    const { windows, counters } = foldTopic(sent);
    expect(windows).toEqual(foldTopic(byKafka).windows);
    expect(counters).toMatchObject({ folded: 60, duplicate: 180 });
    expect(await metrics()).toContain('millrace_amqp_redelivered_total{queue="orders"} 180');
  });

  test('what is no event goes into the topic as it came, becomes a dead letter with its bytes, and stops nothing', async () => {
    const { bridge, queue, sent, running } = startBridge();
    const poison = [Buffer.from([0xff, 0xfe, 0x00]), Buffer.from('{"type":"payment"'), Buffer.from('')];
    queue.publish(texts[0] ?? '', ...poison, texts[1] ?? '');
    await expect.poll(() => queue.acknowledged()).toBe(5);
    bridge.stop();
    await running;
    const { counters, deadLetters } = foldTopic(sent);
    expect(counters).toMatchObject({ folded: 2, dead: 3 });
    const kept = deadLetters.map(({ valueBase64 }) => valueBase64 ?? '');
    expect(kept.toSorted()).toEqual(poison.map((bytes) => bytes.toString('base64')).toSorted());
    expect(deadLetters.every(({ reason }) => reason === 'undecodable')).toBe(true);
  });

  test('an event of a version that is not known yet keeps its key', async () => {
    const { bridge, queue, sent, running } = startBridge();
    queue.publish(JSON.stringify({ ...payments[4], version: 99 }));
    await expect.poll(() => sent).toHaveLength(1);
    bridge.stop();
    await running;
    expect([sent[0]?.partition, Buffer.from(sent[0]?.key ?? []).toString()]).toEqual([
      byKafka[4]?.partition,
      payments[4]?.key,
    ]);
  });

  test('a message that is too large is set aside with the reason, then acknowledged', async () => {
    const { bridge, queue, sent, running } = startBridge({ messageBytesMax: 400 });
    queue.publish(texts[0] ?? '', 'x'.repeat(401), texts[1] ?? '');
    await expect.poll(() => queue.acknowledged()).toBe(3);
    bridge.stop();
    await running;
    expect(sent).toHaveLength(2);
    expect(queue.aside).toEqual([{ queue: 'orders.millrace-refused', bytes: 401, why: 'larger than 400 bytes' }]);
  });

  test('a server that is away or refuses is tried again, ever later, up to half a minute; then it is consumed', async () => {
    const { bridge, queue, waits, running } = startBridge();
    queue.refuse(8, new AmqpError('amqp_refused', 'no such user'));
    queue.end();
    queue.publish(...texts);
    await expect.poll(() => queue.acknowledged()).toBe(60);
    expect(waits.slice(-8)).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
    expect(bridge.trouble()).toBeNull();
    bridge.stop();
    await running;
  });

  test('a stop waits for what is being sent and acknowledges it; the rest comes again', async () => {
    const { bridge, queue, sent, hold, running } = startBridge({ prefetch: 10 });
    const held = hold();
    queue.publish(...texts);
    await expect.poll(() => queue.unacknowledged()).toBe(10);
    bridge.stop();
    held.release();
    await running;
    expect(queue.acknowledged()).toBe(sent.length);
    expect(sent.length).toBeGreaterThan(0);
    expect(queue.ready() + queue.acknowledged()).toBe(60);
  });
});

describe('the service of the bridges', () => {
  const serviceOf = ({ bridge }: TestBridge) =>
    createAmqpService({ bridges: new Map([['orders', bridge]]), clock: systemClock, drainTimeoutMs: 50 });

  test('runs while RabbitMQ cannot be reached, and says why nothing comes', async () => {
    const made = createTestBridge();
    made.queue.refuse(1_000_000, new AmqpError('amqp_refused', 'no such user'));
    const service = serviceOf(made);
    expect(service.status()).toEqual({ state: 'starting', detail: 'orders: not connected yet' });
    await service.start();
    const detail = 'orders: amqp_refused: no such user';
    await expect.poll(() => service.status()).toEqual({ state: 'running', detail });
    await service.drain();
    expect(service.status().state).toBe('stopped');
  });

  test('fails where the producer will never send again, with nothing acknowledged', async () => {
    const made = createTestBridge();
    const held = made.hold();
    const service = serviceOf(made);
    await service.start();
    made.queue.publish(...texts);
    await expect.poll(() => made.queue.unacknowledged()).toBe(10);
    held.release(new KafkaError('kafka_fatal', 'it is over'));
    await expect.poll(() => service.status()).toEqual({ state: 'failed', detail: 'it is over' });
    expect([made.queue.acknowledged(), made.queue.ready()]).toEqual([0, 60]);
    await service.drain();
  });

  test('a drain is bounded though the broker says nothing', async () => {
    const made = createTestBridge();
    made.hold();
    const service = serviceOf(made);
    await service.start();
    made.queue.publish(...texts);
    await expect.poll(() => made.queue.unacknowledged()).toBe(10);
    await service.drain();
    expect(made.queue.acknowledged()).toBe(0);
  });
});

describe('errors', () => {
  const withCode = (code: unknown) => Object.assign(new Error('said'), { code });

  test('are classified by AMQP reply code and by Node error code', () => {
    const codeOf = (code: unknown) => toAmqpError(withCode(code), 'consuming').code;
    expect([320, 403, 530, 404, 406, 541].map(codeOf)).toEqual([
      ...['amqp_unavailable', 'amqp_refused', 'amqp_refused', 'amqp_queue_missing', 'amqp_failed', 'amqp_unavailable'],
    ]);
    expect(codeOf('ECONNREFUSED')).toBe('amqp_unavailable');
    expect(toAmqpError(withCode('ECONNREFUSED'), 'handshake').code).toBe('amqp_unavailable');
  });

  test('without a code: a refusal while shaking hands, a lost line later', () => {
    expect(toAmqpError(new Error('closed'), 'handshake')).toMatchObject({ code: 'amqp_refused', retryable: false });
    expect(toAmqpError(undefined, 'consuming')).toMatchObject({ code: 'amqp_unavailable', retryable: true });
  });
});
