import { expect, test } from 'vitest';
import { topicPartitionName } from '../sources/source.ts';
import { numbered, readCount, until, values, type Bench } from './contract-suite.ts';
import { messageOf, type OutText, type ProduceGate } from './contract.ts';

/** Producing: order, positions, a full queue, failing for good, the gate. */
export function producerSuite(given: () => Bench): void {
  test('acknowledges positions in the order given, and keeps the order of each partition across calls', async () => {
    const topic = given().newTopic();
    const producer = await given().kafka.producer();
    expect(await producer.partitionCount(topic)).toBe(4);
    const [p0, p1] = [0, 1].map((partition) => ({ topic, partition }));
    if (!p0 || !p1) throw new Error('two partitions');
    const mixed = [...numbered(p0, 200), ...numbered(p1, 100), ...numbered(p0, 100, 200)];
    const calls = [producer.send(mixed), producer.send(numbered(p0, 50, 300)), producer.send([])];
    const [first, second, none] = await Promise.all(calls);
    expect(none).toEqual([]);
    expect(first?.map((sent) => sent.messageOffset)).toEqual([...range(0, 200), ...range(0, 100), ...range(200, 300)]);
    expect(second?.map((sent) => sent.messageOffset)).toEqual(range(300, 350));
    expect(producer.pendingMessages()).toBe(0);
    const reader = await given().kafka.reader({ fetchWaitMs: 5 });
    const read = values(await readCount(reader.read(p0, 0n), 350));
    expect(read).toEqual(numbered(p0, 350).map(({ value }) => String(value)));
    await Promise.all([producer.close(), reader.close()]);
  });

  test('sends parts of a block in order, between messages, and beyond what the queue holds', async () => {
    const topic = given().newTopic();
    const producer = await given().kafka.producer();
    expect(await producer.partitionCount(topic)).toBe(4);
    const tp = { topic, partition: 0 };
    const block = Buffer.from('value-0value-1value-2value-3');
    const texts = [0, 1, 2, 3].map((i) => ({ topic, key: `key-${i}`, block, start: 7 * i, end: 7 * i + 7 }));
    const send = (messages: readonly OutText[], partitions: ArrayLike<number>): Promise<unknown> =>
      producer.sendTexts
        ? producer.sendTexts(messages, partitions)
        : producer.send(messages.map((message, i) => messageOf(message, partitions[i] as number)));
    const many = Array.from({ length: 60_000 }, () => texts[0] as OutText); // the queue holds 50,000
    const toPartition = (partition: number) => new Int32Array(many.length).fill(partition);
    await Promise.all([
      send(texts.slice(0, 2), [0, 0]),
      producer.send(numbered(tp, 1, 2)),
      send(texts.slice(3), [0]),
      send([], []),
      send(many, toPartition(1)),
      send(many.slice(0, 5), toPartition(1)),
    ]);
    expect(producer.pendingMessages()).toBe(0);
    const reader = await given().kafka.reader({ fetchWaitMs: 5 });
    expect(values(await readCount(reader.read(tp, 0n), 4))).toEqual(numbered(tp, 4).map(({ value }) => String(value)));
    const bounds = await reader.bounds({ topic, partition: 1 });
    expect(bounds.endOffset).toBe(60_005n);
    const huge = { topic, key: 'k', block: Buffer.alloc(3 * 1024 * 1024), start: 0, end: 3 * 1024 * 1024 };
    await expect(send([huge], [0])).rejects.toMatchObject({ code: 'kafka_message_too_large' });
    await expect(send(texts, [0, 0, 0, 0])).rejects.toMatchObject({ code: 'kafka_message_too_large' });
    await Promise.all([producer.close(), reader.close()]);
  });

  test(
    'sends much at once for a partition whose last message left beside that of another',
    { timeout: 60_000 },
    async () => {
      const topic = given().newTopic();
      const producer = await given().kafka.producer();
      await producer.partitionCount(topic);
      const message = (partition: number, bytes: number) => ({
        topic,
        partition,
        key: null,
        value: Buffer.alloc(bytes),
      });
      const [large, small] = [message(0, 200_000), message(1, 10)];
      const block = Buffer.alloc(400_000);
      const texts = [0, 200_000].map((start) => ({ topic, key: 'k', block, start, end: start + 200_000 }));
      for (let round = 0; round < 5; round++) {
        await producer.send([large, small]);
        await producer.send([large]);
        await producer.send([large, small]);
        await producer.sendTexts?.(texts, [0, 0]);
      }
      await producer.close();
    },
  );

  test('waits where the driver’s queue is full, and drops nothing', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    const producer = await given().kafka.producer();
    await producer.partitionCount(tp.topic);
    const many = Array.from({ length: 80_000 }, () => ({ ...tp, key: null, value: Buffer.alloc(8) }));
    const sent = await producer.send(many); // the queue holds 50,000
    expect(sent.every((one, i) => one.messageOffset === BigInt(i))).toBe(true);
    await producer.close();
  });

  test('fails as a whole on a message that is refused for good', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    const producer = await given().kafka.producer();
    await producer.partitionCount(tp.topic);
    const tooLarge = { ...tp, key: null, value: Buffer.alloc(3 * 1024 * 1024) };
    await expect(producer.send([tooLarge])).rejects.toMatchObject({ code: 'kafka_message_too_large' });
    await expect(producer.send(numbered(tp, 1))).rejects.toMatchObject({ code: 'kafka_message_too_large' });
    await producer.close();
  });

  test('refuses a partition that does not exist', async () => {
    const producer = await given().kafka.producer();
    const topic = given().newTopic();
    await producer.partitionCount(topic);
    const nowhere = { topic, partition: 77, key: null, value: Buffer.from('x') };
    await expect(producer.send([nowhere])).rejects.toMatchObject({ code: 'kafka_topic_missing' });
    await producer.close();
  });

  test('waits for its gate per partition, and lets other partitions pass', async () => {
    const topic = given().newTopic();
    const gate = testGate();
    const producer = await given().kafka.producer({ gate });
    await producer.partitionCount(topic);
    const [shut, open] = [0, 1].map((partition) => ({ topic, partition }));
    if (!shut || !open) throw new Error('two partitions');
    gate.shut(topicPartitionName(shut));
    let isSent = false;
    const waiting = producer.send(numbered(shut, 10)).then(() => (isSent = true));
    await producer.send(numbered(open, 10));
    expect([isSent, producer.isGated(shut), producer.isGated(open)]).toEqual([false, true, false]);
    gate.open();
    await waiting;
    expect(gate.deliveredBytes()).toBe(20 * (100 + 'key-0value-0'.length));
    await producer.close();
  });

  test('closes while messages wait: they are rejected, not lost in silence', async () => {
    const topic = given().newTopic();
    const gate = testGate();
    gate.shut(`${topic}-0`);
    const producer = await given().kafka.producer({ gate });
    const waiting = producer.send(numbered({ topic, partition: 0 }, 1));
    await Promise.all([producer.close(100), expect(waiting).rejects.toMatchObject({ code: 'kafka_closed' })]);
    await expect(producer.send(numbered({ topic, partition: 0 }, 1))).rejects.toMatchObject({ code: 'kafka_closed' });
    await until(() => producer.pendingMessages() === 0, 'nothing is pending');
  });
}

const range = (from: number, to: number): bigint[] => Array.from({ length: to - from }, (_, i) => BigInt(from + i));

interface TestGate extends ProduceGate {
  shut(name: string): void;
  open(): void;
  deliveredBytes(): number;
}

/** Room without end, but for partitions that are shut. */
function testGate(): TestGate {
  const closed = new Set<string>();
  let waiting: (() => void)[] = [];
  let deliveredBytes = 0;
  return {
    tryTake: (tp) => !closed.has(topicPartitionName(tp)),
    whenOpen: () => new Promise((resolve) => waiting.push(resolve)),
    isOpen: (tp) => !closed.has(topicPartitionName(tp)),
    delivered: (_tp, _offset, bytes) => void (deliveredBytes += bytes),
    close: () => Promise.resolve(),
    shut: (name) => closed.add(name),
    open: () => {
      closed.clear();
      for (const open of waiting) open();
      waiting = [];
    },
    deliveredBytes: () => deliveredBytes,
  };
}
