import { expect, inject, test } from 'vitest';
import { produceByJava } from '../tests/kafka/java-producer.ts';
import { users } from '../tests/kafka/one-broker.ts';
import { systemClock } from '../telemetry/clock.ts';
import type { PartitionStream, TopicPartition } from '../sources/source.ts';
import type { KafkaSecurity } from './connection.ts';
import { numbered, readCount, until, values, type Bench } from './contract-suite.ts';
import type { Kafka, KafkaReader } from './contract.ts';
import { loadDriver, type NativeProducer } from './driver.ts';
import { openOperator } from './operator-suite.ts';

/** What only a real broker does: transactions, codecs, logins, permissions, topics that are made, cut and made anew. */
export function realBrokerSuite(given: () => Bench, reader: KafkaReader): void {
  recordsSuite(given);
  securitySuite(given);
  topicsSuite(given);
  lossesSuite(given);
  if (reader === 'client') groupsSuite(given);
}

async function send(kafka: Kafka, messages: ReturnType<typeof numbered>): Promise<void> {
  const producer = await kafka.producer();
  await producer.partitionCount(messages[0]?.topic ?? '');
  await producer.send(messages);
  await producer.close();
}

/** The values of [0, count) of a partition, as another client reads them. */
async function readAll(kafka: Kafka, tp: TopicPartition, count: number): Promise<(string | null)[]> {
  const reader = await kafka.reader({ fetchWaitMs: 5 });
  const read = values(await readCount(reader.read(tp, 0n), count));
  await reader.close();
  return read;
}

function recordsSuite(given: () => Bench): void {
  test('hides the records of aborted transactions, and reaches the end behind their markers', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    await send(given().kafka, numbered(tp, 2));
    const settle = async (value: string, isCommitted: boolean): Promise<void> => {
      const producer = await rawProducer(given(), { 'transactional.id': `t-${value}-${tp.topic}` });
      await called((done) => producer.initTransactions(60_000, done));
      await called((done) => producer.beginTransaction(done));
      producer.produce(tp.topic, 0, Buffer.from(value), null, 0, undefined, undefined);
      await called((done) =>
        isCommitted ? producer.commitTransaction(60_000, done) : producer.abortTransaction(60_000, done),
      );
      await called((done) => producer.disconnect(1_000, () => done(null)));
    };
    await settle('aborted', false);
    await settle('committed', true);
    const reader = await given().kafka.reader({ fetchWaitMs: 5 });
    const stream = reader.read(tp, 0n);
    expect(values(await readCount(stream, 3))).toEqual(['value-0', 'value-1', 'committed']);
    const { endOffset } = await reader.bounds(tp);
    let nextOffset = 0n;
    await until(async () => {
      nextOffset = (await stream.next(1_000))?.nextOffset ?? nextOffset;
      return nextOffset === endOffset && stream.endOffset() === endOffset;
    }, 'the marker at the end is passed');
    await reader.close();
  });

  test('who can wait is answered once there are bytes enough, or its time is over', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    await send(given().kafka, numbered(tp, 1));
    const reader = await given().kafka.reader({ fetchWaitMs: 10_000, fetchBytesMin: 20_000 });
    const stream = reader.read(tp, 0n);
    const startedMs = systemClock.nowMs();
    // Far less than is asked for, so the broker waits; then more than that.
    await systemClock.sleep(500);
    expect(stream.poll()).toBeNull();
    await send(given().kafka, numbered(tp, 2_000));
    expect((await readCount(stream, 2_001)).length).toBeGreaterThan(0);
    expect(systemClock.nowMs() - startedMs).toBeGreaterThan(400);
    await reader.close();
  });

  test('reads gzip, snappy and lz4, and zstd where it is built in', async () => {
    const { features } = given().kafka.features;
    const codecs = ['gzip', 'snappy', 'lz4', ...(features.includes('zstd') ? ['zstd'] : [])];
    for (const codec of codecs) {
      const tp = { topic: given().newTopic(), partition: 0 };
      const producer = await rawProducer(given(), {
        'compression.codec': codec,
        'linger.ms': 50,
        'enable.idempotence': true,
      });
      for (let i = 0; i < 500; i++)
        producer.produce(tp.topic, 0, Buffer.from(`value-${i}`), Buffer.from(`key-${i}`), 0, undefined, undefined);
      await called((done) => producer.flush(60_000, done));
      await called((done) => producer.disconnect(1_000, () => done(null)));
      expect(await readAll(given().kafka, tp, 500), codec).toEqual(numbered(tp, 500).map(({ value }) => String(value)));
    }
  });

  test('reads what the Java client wrote, its snappy and lz4 included', async () => {
    const lines = Array.from({ length: 2_000 }, (_, i) => `{"line":${i},"said":"${'again '.repeat(20)}"}`);
    for (const codec of ['snappy', 'lz4'] as const) {
      const topic = given().newTopic();
      await given().kafka.admin?.createTopics([{ topic, partitions: 1, settings: {} }]);
      produceByJava(given().brokers, topic, codec, lines);
      expect(await readAll(given().kafka, { topic, partition: 0 }, lines.length), codec).toEqual(lines);
    }
  });

  test('refuses, as a whole, a message that the broker finds too large', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    const producer = await given().kafka.producer();
    await producer.partitionCount(tp.topic);
    const tooLarge = { ...tp, key: null, value: Buffer.alloc(1_500_000, 'x') };
    await expect(producer.send([tooLarge])).rejects.toMatchObject({ code: 'kafka_message_too_large' });
    await producer.close();
  });
}

function securitySuite(given: () => Bench): void {
  const listeners = () => {
    const kafka = inject('kafka');
    if (!kafka) throw new Error('no real Kafka');
    return kafka;
  };
  const login = (protocol: KafkaSecurity['protocol'], mechanism?: KafkaSecurity['mechanism']): KafkaSecurity => ({
    protocol,
    ...(mechanism && { mechanism, ...users.alice }),
    ...(protocol.endsWith('ssl') && { caFile: listeners().caFile }),
  });

  test('reads, writes and joins a group by TLS, SCRAM-SHA-256, and SCRAM-SHA-512 over TLS', async () => {
    const { sasl, tls, saslTls } = listeners();
    const operator = openOperator(given().brokers);
    const ways = [
      [tls, login('ssl')],
      [sasl, login('sasl_plaintext', 'SCRAM-SHA-256')],
      [saslTls, login('sasl_ssl', 'SCRAM-SHA-512')],
    ] as const;
    for (const [brokers, security] of ways) {
      const tp = { topic: `allowed-${given().newTopic()}`, partition: 0 };
      await operator.allow(users.alice.username, tp.topic);
      const kafka = await given().another(brokers, security);
      await kafka.admin?.createTopics([{ topic: tp.topic, partitions: 2, settings: {} }]);
      await send(kafka, numbered(tp, 10));
      expect(await readAll(kafka, tp, 10)).toHaveLength(10);
      const assigned: number[] = [];
      const member = await kafka.membership({ groupId: tp.topic, topics: [tp.topic], kind: 'group' });
      await member.start({
        assigned: (partitions) => assigned.push(...partitions.map(({ partition }) => partition)),
        revoked: () => {},
        failed: (error) => expect.fail(error.message),
      });
      await until(() => assigned.length === 2, `${security.protocol} joins`);
      await member.close();
    }
    await operator.close();
  });

  test('says that a login is refused, and does not wait for it', async () => {
    const wrong: KafkaSecurity = { ...login('sasl_plaintext', 'SCRAM-SHA-256'), password: 'not-hers' };
    const kafka = await given().another(listeners().sasl, wrong);
    await expect(kafka.producer()).rejects.toMatchObject({ code: 'kafka_not_authorised' });
    await expect(kafka.admin?.incarnation('x')).rejects.toMatchObject({ code: 'kafka_not_authorised' });
    const strangersCa = await given().another(listeners().tls, { protocol: 'ssl' });
    await expect(strangersCa.reader()).rejects.toMatchObject({ code: 'kafka_not_authorised' });
  });

  test('says that a topic is denied: to who reads, writes, or makes it', async () => {
    const tp = { topic: `denied-${given().newTopic()}`, partition: 0 };
    await send(given().kafka, numbered(tp, 1));
    const kafka = await given().another(listeners().sasl, login('sasl_plaintext', 'SCRAM-SHA-256'));
    const reader = await kafka.reader({ fetchWaitMs: 5 });
    await expect(reader.read(tp, 0n).next(60_000)).rejects.toMatchObject({ code: 'not_authorised' });
    await expect(reader.bounds(tp)).rejects.toMatchObject({ code: 'not_authorised' });
    await reader.close();
    const producer = await kafka.producer();
    await expect(producer.partitionCount(tp.topic)).rejects.toMatchObject({ code: 'kafka_not_authorised' });
    await expect(producer.send(numbered(tp, 1))).rejects.toMatchObject({ code: 'kafka_not_authorised' });
    await producer.close();
    const created = kafka.admin?.createTopics([{ topic: `denied-${given().newTopic()}`, partitions: 1, settings: {} }]);
    await expect(created).rejects.toMatchObject({ code: 'kafka_not_authorised' });
  });
}

function topicsSuite(given: () => Bench): void {
  test('makes topics with partitions and retention, and leaves those that exist', async () => {
    const topic = given().newTopic();
    const { admin } = given().kafka;
    const settings = { 'retention.ms': 86_400_000, 'message.timestamp.type': 'LogAppendTime' };
    await admin?.createTopics([{ topic, partitions: 3, replicas: 1, settings }]);
    await admin?.createTopics([{ topic, partitions: 9, settings: { 'retention.ms': 1 } }]);
    const reader = await given().kafka.reader();
    expect(await reader.partitionCount(topic)).toBe(3);
    await reader.close();
    const operator = openOperator(given().brokers);
    expect(await operator.settings(topic)).toMatchObject({ 'retention.ms': '86400000' });
    await operator.close();
  });

  test('knows whether timestamps are append times', async () => {
    for (const [setting, type] of [
      ['CreateTime', 'create'],
      ['LogAppendTime', 'append'],
    ] as const) {
      const tp = { topic: given().newTopic(), partition: 0 };
      const settings = { 'message.timestamp.type': setting };
      await given().kafka.admin?.createTopics([{ topic: tp.topic, partitions: 1, settings }]);
      const timestampMs = systemClock.nowMs() - 3_600_000;
      await send(given().kafka, [{ ...tp, key: null, value: null, timestampMs }]);
      const reader = await given().kafka.reader({ fetchWaitMs: 5 });
      const [batch] = await readCount(reader.read(tp, 0n), 1);
      expect([batch?.timestampType, batch?.timestampsMs[0] === timestampMs]).toEqual([type, type === 'create']);
      await reader.close();
    }
  });

  test('finds the first offset at or after a time', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    const settings = { 'message.timestamp.type': 'CreateTime' };
    const { admin } = given().kafka;
    await admin?.createTopics([{ topic: tp.topic, partitions: 1, settings }]);
    const nowMs = systemClock.nowMs();
    await send(
      given().kafka,
      numbered(tp, 10).map((message, i) => ({ ...message, timestampMs: nowMs + i * 1_000 })),
    );
    expect(await admin?.offsetAt(tp, nowMs - 5_000)).toBe(0n);
    expect(await admin?.offsetAt(tp, nowMs + 3_500)).toBe(4n);
    expect(await admin?.offsetAt(tp, nowMs + 60_000)).toBeNull();
  });
}

function lossesSuite(given: () => Bench): void {
  /** Reads to the end, then waits for what ends the stream. */
  const ending = async (stream: PartitionStream): Promise<never> => {
    for (;;) await stream.next(1_000);
  };

  test('calls records that retention took a gap, or out of range when they were gone before', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    await send(given().kafka, numbered(tp, 10));
    const operator = openOperator(given().brokers);
    const reader = await given().kafka.reader({ fetchWaitMs: 5 });
    await operator.deleteBefore(tp.topic, tp.partition, 5n);
    await expect(ending(reader.read(tp, 2n))).rejects.toMatchObject({ code: 'offset_out_of_range' });
    expect(await reader.bounds(tp)).toEqual({ lowOffset: 5n, endOffset: 10n });
    await Promise.all([reader.close(), operator.close()]);
  });

  test('notices a topic that was deleted and made anew, though it has more records than were read', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    await send(given().kafka, numbered(tp, 10));
    const operator = openOperator(given().brokers);
    const reader = await given().kafka.reader({ fetchWaitMs: 5 });
    const stream = reader.read(tp, 0n);
    await readCount(stream, 10);
    const ended = expect(ending(stream)).rejects.toMatchObject({ code: 'topic_recreated' });
    await operator.deleteTopic(tp.topic);
    await systemClock.sleep(500);
    await given().kafka.admin?.createTopics([{ topic: tp.topic, partitions: 4, settings: {} }]);
    await send(given().kafka, numbered(tp, 50));
    await ended;
    await Promise.all([reader.close(), operator.close()]);
  });

  test('says that a topic is missing once it is gone for good', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    await send(given().kafka, numbered(tp, 1));
    const operator = openOperator(given().brokers);
    const reader = await given().kafka.reader({ fetchWaitMs: 5 });
    const stream = reader.read(tp, 0n);
    await readCount(stream, 1);
    await operator.deleteTopic(tp.topic);
    await expect(ending(stream)).rejects.toMatchObject({ code: 'topic_missing' });
    await Promise.all([reader.close(), operator.close()]);
  });
}

function groupsSuite(given: () => Bench): void {
  test('a member that the group threw out loses its partitions, and joins again', async () => {
    const topic = given().newTopic();
    await given().kafka.admin?.createTopics([{ topic, partitions: 4, settings: {} }]);
    const groupId = `group-${topic}`;
    const seen: string[] = [];
    const owned = new Set<number>();
    const member = await given().kafka.membership({ groupId, topics: [topic], kind: 'group', sessionTimeoutMs: 6_000 });
    await member.start({
      assigned: (partitions) => partitions.forEach(({ partition }) => owned.add(partition)),
      revoked: (partitions, kind) => {
        seen.push(kind);
        for (const { partition } of partitions) owned.delete(partition);
      },
      failed: (error) => expect.fail(error.message),
    });
    await until(() => owned.size === 4, 'it has all');
    const operator = openOperator(given().brokers);
    await operator.expel(groupId);
    await until(() => seen.length > 0, 'it hears of it');
    // Only one of the packages tells lost from revoked.
    expect(seen).toEqual([given().driver === 'confluent' ? 'lost' : 'revoked']);
    await until(() => owned.size === 4, 'it has all again');
    await Promise.all([member.close(), operator.close()]);
  });
}

interface RawProducer extends NativeProducer {
  initTransactions(timeoutMs: number, done: (error: unknown) => void): void;
  beginTransaction(done: (error: unknown) => void): void;
  commitTransaction(timeoutMs: number, done: (error: unknown) => void): void;
  abortTransaction(timeoutMs: number, done: (error: unknown) => void): void;
  flush(timeoutMs: number, done: (error: unknown) => void): void;
}

/** The driver's own producer, for what ours never does. */
async function rawProducer(
  { driver, brokers }: Bench,
  config: Readonly<Record<string, unknown>>,
): Promise<RawProducer> {
  const native = await loadDriver(driver);
  const producer = native.producer({ 'bootstrap.servers': brokers, ...config }, {}) as RawProducer;
  await called((done) => producer.connect({ timeout: 60_000, allTopics: false }, done));
  return producer;
}

function called(call: (done: (error: unknown) => void) => unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    call((error) => {
      if (error) reject(error instanceof Error ? error : new Error(JSON.stringify(error)));
      else resolve();
    });
  });
}
