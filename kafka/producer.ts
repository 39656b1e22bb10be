import type { TopicPartition } from '../sources/source.ts';
import { KafkaError, type OutMessage, type ProduceGate, type Producer, type SentMessage } from './contract.ts';
import {
  baseConfig,
  connect,
  countPartitions,
  disconnectBounded,
  type Availability,
  type KafkaContext,
} from './connection.ts';
import type { NativeProducer, NativeReport } from './driver.ts';
import { kafkaError, nativeCode } from './errors.ts';
import { createLanes, createPendingGauge, messageRoomBytes, type Lanes, type OutItem } from './producer-lanes.ts';

export interface ProducerOptions {
  readonly lingerMs?: number;
  readonly gate?: ProduceGate;
}

/** Brokers refuse more by default (`message.max.bytes` 1 MiB); the embedded one does not. */
const messageBytesMax = 2 * 1024 * 1024;
const queueMessagesMax = 50_000;
const queueKilobytesMax = 65_536;
const pollBusyMs = 1;
const pollIdleMs = 100;
const closeTimeoutMs = 10_000;
const topicWaitMs = 10_000;

/** A connected producer; waits for a broker that is away. */
export async function openProducer(context: KafkaContext, options: ProducerOptions): Promise<Producer> {
  const { client, availability } = await connect(context, 'producer', () =>
    context.driver.producer(producerConfig(context, options), topicConfig),
  );
  return new ClientProducer(context, client, availability, options.gate);
}

/** What librdkafka counts among a topic's settings: both clients ignore it, without a word, where it stands among the others. */
const topicConfig = {
  acks: 'all',
  // Never: the default is five minutes, after which an outage would fail the producer.
  'message.timeout.ms': 0,
} as const;

function producerConfig(context: KafkaContext, options: ProducerOptions) {
  return {
    ...baseConfig(context),
    dr_cb: true,
    'enable.idempotence': true,
    // A message that fails for good makes the whole producer fail, so that nothing after it gets through.
    'enable.gapless.guarantee': true,
    // A partition that has just been made takes any first sequence number: a second request that overtakes a first one, which its
    // leader was not ready for, makes the first one "a duplicate". It would be reported as sent, and be lost.
    'max.in.flight.requests.per.connection': 1,
    'linger.ms': options.lingerMs ?? 0,
    'message.max.bytes': messageBytesMax,
    'queue.buffering.max.messages': queueMessagesMax,
    'queue.buffering.max.kbytes': queueKilobytesMax,
  };
}

class ClientProducer implements Producer {
  readonly #context: KafkaContext;
  readonly #client: NativeProducer;
  readonly #availability: Availability;
  readonly #gate: ProduceGate | undefined;
  readonly #lanes: Lanes;
  readonly #sentTotal;
  readonly #tellPending: (pending: number) => void;
  #pending = 0;
  #acknowledged = 0;
  #failure: KafkaError | null = null;
  #closing: Promise<void> | undefined;
  #pollTimer: NodeJS.Timeout | undefined;
  #idle: () => void = () => {};

  constructor(
    context: KafkaContext,
    client: NativeProducer,
    availability: Availability,
    gate: ProduceGate | undefined,
  ) {
    this.#context = context;
    this.#client = client;
    this.#availability = availability;
    this.#gate = gate;
    this.#lanes = createLanes(gate, (item) => this.#produce(item));
    const { metrics } = context;
    this.#sentTotal = metrics.counter('millrace_kafka_sent_records_total', 'Records acknowledged by Kafka');
    this.#tellPending = createPendingGauge(metrics);
    client.on('delivery-report', (error: unknown, report: NativeReport) => this.#reported(error, report));
    client.on('event.error', (error: unknown) => {
      if (context.driver.codeOf(error) === nativeCode.fatal) this.#fail(kafkaError(nativeCode.fatal, 'produce', error));
    });
    this.#schedulePoll();
  }

  async partitionCount(topic: string): Promise<number> {
    // A topic that the broker creates on being asked has no leader at first.
    for (let waitedMs = 0; ; waitedMs += 100) {
      const count = await countPartitions(this.#context, this.#client, topic);
      if (count > 0) return count;
      if (waitedMs >= topicWaitMs) throw new KafkaError('kafka_topic_missing', `the topic ${topic} does not exist`);
      await this.#context.clock.sleep(100, this.#context.closing);
    }
  }

  async send(messages: readonly OutMessage[]): Promise<readonly SentMessage[]> {
    if (this.#failure) throw this.#failure;
    if (this.#closing) throw new KafkaError('kafka_closed', 'the producer is closed');
    if (messages.length === 0) return [];
    return new Promise((resolve, reject) => {
      const call = { left: messages.length, sent: new Array<SentMessage>(messages.length), resolve, reject };
      this.#pending += messages.length;
      messages.forEach((message, index) => this.#lanes.offer({ message, index, call, hasRoom: false }));
      this.#schedulePoll();
    });
  }

  isGated(tp: TopicPartition): boolean {
    return this.#gate?.isOpen(tp) === false;
  }

  pendingMessages(): number {
    return this.#pending;
  }

  close(timeoutMs = closeTimeoutMs): Promise<void> {
    return (this.#closing ??= this.#close(timeoutMs));
  }

  async #close(timeoutMs: number): Promise<void> {
    if (this.#pending > 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#idle = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#fail(new KafkaError('kafka_closed', 'the producer was closed before everything was acknowledged'));
    clearTimeout(this.#pollTimer);
    this.#count();
    await disconnectBounded(this.#context, 'producer', 5_000, (done) => this.#client.disconnect(1, done));
  }

  /** True when the driver has the message, false when its queue is full. What it refuses for good fails the producer. */
  #produce(item: OutItem): boolean {
    if (this.#failure) return false;
    const { topic, partition, value, key, timestampMs, headers } = item.message;
    try {
      const timestamp = timestampMs ?? this.#context.clock.nowMs();
      const { driver } = this.#context;
      const native = headers?.map(([name, bytes]) => ({ [name]: driver.headerValue(bytes) }));
      this.#client.produce(topic, partition, value, key, timestamp, item, native);
      return true;
    } catch (error) {
      const code = this.#context.driver.codeOf(error);
      if (code !== nativeCode.queueFull) this.#fail(kafkaError(code, `produce to ${topic}`, error));
      return false;
    }
  }

  #reported(error: unknown, report: NativeReport): void {
    const { message, index, call } = report.opaque as OutItem;
    if (error) return this.#fail(kafkaError(this.#context.driver.codeOf(error), `produce to ${message.topic}`, error));
    if (report.offset < 0)
      return this.#fail(kafkaError(nativeCode.fatal, `produce to ${message.topic}: not in the log`));
    const messageOffset = BigInt(report.offset);
    this.#gate?.delivered(message, messageOffset, messageRoomBytes(message));
    this.#context.growth?.tell(message.topic, message.partition, report.offset + 1);
    this.#acknowledged++;
    call.sent[index] = { topic: message.topic, partition: message.partition, messageOffset };
    if (--call.left === 0) {
      this.#lanes.settled(call);
      call.resolve(call.sent);
    }
    if (!this.#failure && --this.#pending === 0) this.#idle();
  }

  /** The first failure is the one that all see. */
  #fail(error: KafkaError): void {
    if (this.#failure) return;
    this.#failure = error;
    if (error.code !== 'kafka_closed')
      this.#context.logger.error({ code: error.code }, `the producer failed: ${error.message}`);
    this.#lanes.rejectAll(error);
    this.#pending = 0;
    this.#idle();
  }

  #count(): void {
    this.#tellPending(this.#pending);
    if (this.#acknowledged === 0) return;
    this.#availability.heard();
    this.#sentTotal.inc(this.#acknowledged);
    this.#acknowledged = 0;
  }

  /** Reports come only when polled: often while some are awaited, else rarely, for the driver's own events. */
  #schedulePoll(): void {
    clearTimeout(this.#pollTimer);
    const isBusy = this.#pending > 0;
    this.#pollTimer = setTimeout(
      () => {
        if (this.#client.isConnected()) this.#client.poll();
        this.#lanes.retryFull();
        this.#count();
        this.#schedulePoll();
      },
      isBusy ? pollBusyMs : pollIdleMs,
    );
    if (!isBusy) this.#pollTimer.unref();
  }
}
