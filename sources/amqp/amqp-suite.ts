import type { DeadLetter } from '../../events/results.ts';
import type { KafkaError, OutMessage, Producer } from '../../kafka/contract.ts';
import type { FoldEntry, FoldOutput } from '../../tasks/contract.ts';
import { systemClock, type Clock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { T0, lastValues, resultsOf, revenuePipeline } from '../../tests/fold/cases.ts';
import { createMemorySource } from '../memory.ts';
import { topicPartitionName, type RecordBatch } from '../source.ts';
import { AmqpError } from './amqp-error.ts';
import { createBridge, type Bridge } from './bridge.ts';
import type { Delivery, QueueHandlers, OpenQueue } from './open-queue.ts';

/** What the tests of the bridge share: a queue in memory that behaves as RabbitMQ's, a topic in memory, the windows of a topic. */
export interface FakeQueue {
  readonly open: OpenQueue;
  publish(...messages: readonly (string | Uint8Array)[]): void;
  /** Ends the connection, if there is one; with `losesAcks` what is acknowledged on it from now on is not heard. */
  end(): void;
  losesAcks: boolean;
  /** So many connections are refused with this. */
  refuse(times: number, error: AmqpError): void;
  opened(): number;
  ready(): number;
  unacknowledged(): number;
  acknowledged(): number;
  outMax(): number;
  readonly aside: { readonly queue: string; readonly bytes: number; readonly why: string }[];
}

export function createFakeQueue(prefetch = 10): FakeQueue {
  let ready: { content: Uint8Array; isRedelivered: boolean }[] = [];
  let out: Delivery[] = [];
  let handlers: QueueHandlers | null = null;
  let refusals: AmqpError[] = [];
  let [tag, opened, acknowledged, outMax] = [0, 0, 0, 0];
  const pump = (): void => {
    while (handlers && ready.length > 0 && out.length < prefetch) {
      const delivery = { ...(ready.shift() as (typeof ready)[number]), tag: ++tag, properties: {} };
      out.push(delivery);
      outMax = Math.max(outMax, out.length);
      handlers.delivered(delivery);
    }
  };
  const requeue = (): void => {
    ready = [...out.map(({ content }) => ({ content, isRedelivered: true })), ...ready];
    out = [];
    handlers = null;
  };
  const fake: FakeQueue = {
    losesAcks: false,
    aside: [],
    async open(given) {
      const [refusal] = refusals.splice(0, 1);
      if (refusal) throw refusal;
      opened++;
      tag = 0;
      handlers = given;
      // As RabbitMQ does, after the word that we consume.
      queueMicrotask(pump);
      return {
        ackUpTo(delivery) {
          if (handlers !== given || fake.losesAcks) return;
          const before = out.length;
          out = out.filter((one) => one.tag > delivery.tag);
          acknowledged += before - out.length;
          pump();
        },
        async setAside(queue, { content }, why) {
          fake.aside.push({ queue, bytes: content.length, why });
        },
        async close() {
          if (handlers === given) requeue();
        },
      };
    },
    publish(...messages) {
      for (const content of messages) ready.push({ content: Buffer.from(content as Uint8Array), isRedelivered: false });
      pump();
    },
    end() {
      const told = handlers;
      requeue();
      told?.ended(new AmqpError('amqp_unavailable', 'the line is cut'));
    },
    refuse: (times, error) => (refusals = Array.from({ length: times }, () => error)),
    opened: () => opened,
    ready: () => ready.length,
    unacknowledged: () => out.length,
    acknowledged: () => acknowledged,
    outMax: () => outMax,
  };
  return fake;
}

export interface TestBridge {
  readonly bridge: Bridge;
  readonly queue: FakeQueue;
  /** What is on the topic. */
  readonly sent: readonly OutMessage[];
  /** How long it waited between connections, in ms. */
  readonly waits: readonly number[];
  /** While held, the broker of the topic says nothing; then it takes all, or fails. */
  hold(): { release(error?: KafkaError): void };
  metrics(): Promise<string>;
}

/** One that runs. */
export function startBridge(
  options?: Parameters<typeof createTestBridge>[0],
): TestBridge & { readonly running: Promise<void> } {
  const made = createTestBridge(options);
  return { ...made, running: made.bridge.run() };
}

/** Four partitions; waits between connections pass at once. */
export function createTestBridge(
  options: { readonly prefetch?: number; readonly messageBytesMax?: number } = {},
): TestBridge {
  const queue = createFakeQueue(options.prefetch);
  const sent: OutMessage[] = [];
  const waits: number[] = [];
  let held: Promise<void> = Promise.resolve();
  const producer: Pick<Producer, 'partitionCount' | 'send'> = {
    partitionCount: async () => 4,
    async send(messages) {
      await held;
      return messages.map((message) => {
        sent.push(message);
        return { topic: message.topic, partition: message.partition, messageOffset: BigInt(sent.length - 1) };
      });
    },
  };
  const clock: Clock = {
    nowMs: () => systemClock.nowMs(),
    sleep(ms) {
      waits.push(ms);
      return systemClock.sleep(0);
    },
  };
  const metrics = createMetrics();
  const bridge = createBridge({
    ...{ queue: 'orders', topic: 'payments', messageBytesMax: options.messageBytesMax ?? 1_000 },
    ...{ open: queue.open, producer, clock, random: () => 0, logger: silentLogger, metrics },
  });
  return {
    ...{ bridge, queue, sent, waits },
    hold() {
      let release: (error?: KafkaError) => void = () => {};
      held = new Promise((resolve, reject) => (release = (error) => (error ? reject(error) : resolve())));
      return { release: (error) => release(error) };
    },
    metrics: () => metrics.text(),
  };
}

/** What the revenue pipeline makes of a topic of four partitions, each in its order: windows in the end, dead letters, counts. */
export function foldTopic(records: readonly Pick<OutMessage, 'partition' | 'key' | 'value'>[]) {
  const source = createMemorySource();
  const places = [0, 1, 2, 3].map((partition) => ({ topic: 'payments', partition }));
  const names = places.map(topicPartitionName);
  for (const place of places) source.skip(place, 0);
  for (const { partition, key, value } of records) source.append({ topic: 'payments', partition }, [{ key, value }]);
  const fold = revenuePipeline({ allowedLatenessMs: 3_600_000 });
  const outputs: FoldOutput[] = [];
  let orderOffset = 0n;
  const entry = (batches: readonly RecordBatch[], idle: FoldEntry['idle']): FoldEntry => ({
    ...{ orderOffset: orderOffset++, epoch: 1, entryId: `entry-${orderOffset}`, clockMs: T0 + 86_400_000 },
    ...{ batches, idle, partitions: names, hasSkip: false },
  });
  for (const place of places) {
    const stream = source.read(place, 0n);
    for (let batch = stream.poll(); batch; batch = stream.poll()) outputs.push(...fold.fold(entry([batch], [])));
    stream.close();
  }
  outputs.push(...fold.fold(entry([], names)));
  const deadLetters = resultsOf(outputs).filter(
    (result): result is DeadLetter & { topic: string } => result.kind === 'dead-letter',
  );
  return { windows: lastValues(outputs), counters: fold.counters(), deadLetters };
}
