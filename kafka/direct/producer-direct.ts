import type { Writer } from '@platformatic/kafka';
import type { TopicPartition } from '../../sources/source.ts';
import type { KafkaContext } from '../connection.ts';
import { KafkaError, messageOf } from '../contract.ts';
import type { OutMessage, OutText, ProduceGate, Producer, SentMessage } from '../contract.ts';
import { kafkaError } from '../errors.ts';
import { createLanes, createPendingGauge, messageRoomBytes, textRoomBytes } from '../producer-lanes.ts';
import type { Lanes, OutItem, SendCall } from '../producer-lanes.ts';
import type { ProducerOptions } from '../producer.ts';
import type { ProducerIdentity } from './batch-writer.ts';
import { openCluster, type Cluster } from './cluster.ts';
import { MemoryPool } from './memory-pool.ts';
import { ProduceLines } from './produce-lines.ts';
import type { ProducePartition } from './produce-partition.ts';
import { ProduceQueue } from './produce-queue.ts';
import { identify, noPartitions, ProduceLeaders } from './produce-leaders.ts';
import { produceApi, readProduce, writeProduce, type Produced } from './wire-produce.ts';

const requestBytesMax = 8 * 1024 * 1024;
/** Memory of requests that is kept to be used again. */
const freeBytesMax = 16 * 1024 * 1024;
/** So much for one partition does not linger. */
const lingerBytesMax = 128 * 1024;
const brokerTimeoutMs = 20_000;
const retryMs = 100;
const topicWaitMs = 10_000;
const closeTimeoutMs = 10_000;

/**
 * The producer `direct`: record batches built here and sent by Produce requests, one in flight for each leader, so that order and the
 * sequence numbers by which a broker drops repetitions need no more than a line per partition. Waits for a broker that is away.
 */
export async function openDirectProducer(context: KafkaContext, options: ProducerOptions): Promise<Producer> {
  const cluster = await openCluster(context, 'producer');
  return new DirectProducer(context, cluster, await identify(context, cluster), options);
}

class DirectProducer implements Producer {
  readonly #context: KafkaContext;
  readonly #cluster: Cluster;
  readonly #identity: ProducerIdentity;
  readonly #gate: ProduceGate | undefined;
  readonly #lingerMs: number;
  readonly #lanes: Lanes;
  readonly #queue: ProduceQueue;
  readonly #lines = new ProduceLines(new MemoryPool(freeBytesMax));
  readonly #sentTotal;
  readonly #tellPending: (pending: number) => void;
  readonly #sending = new Set<number>();
  #failure: KafkaError | null = null;
  #closing: Promise<void> | undefined;
  #linger: NodeJS.Timeout | undefined;
  #isScheduled = false;
  #isSeeking = false;
  #idle: () => void = () => {};

  constructor(context: KafkaContext, cluster: Cluster, identity: ProducerIdentity, options: ProducerOptions) {
    this.#context = context;
    this.#cluster = cluster;
    this.#identity = identity;
    this.#gate = options.gate;
    this.#lingerMs = options.lingerMs ?? 0;
    this.#lanes = createLanes(options.gate, (item) => this.#append(item));
    this.#queue = new ProduceQueue(options.gate, this.#lanes);
    const { metrics } = context;
    this.#sentTotal = metrics.counter('millrace_kafka_sent_records_total', 'Records acknowledged by Kafka');
    this.#tellPending = createPendingGauge(metrics);
  }

  async partitionCount(topic: string): Promise<number> {
    // A topic that the broker creates on being asked has no leader at first.
    for (let waitedMs = 0; ; waitedMs += retryMs) {
      const [found] = (await this.#cluster.metadata([topic], { creates: true })).topics;
      const isWhole = found && found.errorCode === 0 && found.partitions.every(({ leader }) => leader >= 0);
      if (isWhole) return found.partitions.length;
      const why = noPartitions(topic, found?.errorCode);
      if (waitedMs >= topicWaitMs || why.code === 'kafka_not_authorised') throw why;
      await this.#context.clock.sleep(retryMs, this.#context.closing);
    }
  }

  async send(messages: readonly OutMessage[]): Promise<readonly SentMessage[]> {
    if (this.#failure) throw this.#failure;
    if (this.#closing) throw new KafkaError('kafka_closed', 'the producer is closed');
    if (messages.length === 0) return [];
    return new Promise((resolve, reject) => {
      const call = { left: messages.length, sent: new Array<SentMessage>(messages.length), resolve, reject };
      this.#queue.pending += messages.length;
      for (let index = 0; index < messages.length; index++)
        this.#lanes.offer({ message: messages[index] as OutMessage, index, call, hasRoom: false });
      this.#tellPending(this.#queue.pending);
    });
  }

  async sendTexts(messages: readonly OutText[], partitions: ArrayLike<number>): Promise<void> {
    if (this.#failure) throw this.#failure;
    if (this.#closing) throw new KafkaError('kafka_closed', 'the producer is closed');
    if (messages.length === 0) return;
    if (!this.#queue.takesAtOnce(messages)) {
      await this.send(messages.map((message, i) => messageOf(message, partitions[i] as number)));
      return;
    }
    await new Promise<unknown>((resolve, reject) => {
      const call = { left: messages.length, sent: [], resolve, reject };
      this.#lanes.opened(call);
      this.#queue.pending += messages.length;
      this.#appendTexts(messages, partitions, call);
      this.#tellPending(this.#queue.pending);
    });
  }

  /** Requests leave when all are in their batches: those of many partitions then go together. */
  #appendTexts(messages: readonly OutText[], partitions: ArrayLike<number>, call: SendCall): void {
    const nowMs = this.#context.clock.nowMs();
    for (let i = 0; i < messages.length; i++) {
      const message = messages[i] as OutText;
      const line = this.#lines.of(message.topic, partitions[i] as number);
      line.appendText(message, nowMs, call, textRoomBytes(message));
    }
    for (const line of this.#lines.all()) if (line.fillingBytes() > 0) this.#appended(line);
  }

  isGated(tp: TopicPartition): boolean {
    return this.#gate?.isOpen(tp) === false;
  }

  pendingMessages(): number {
    return this.#queue.pending;
  }

  close(timeoutMs = closeTimeoutMs): Promise<void> {
    return (this.#closing ??= this.#close(timeoutMs));
  }

  async #close(timeoutMs: number): Promise<void> {
    this.#sendNow();
    if (this.#queue.pending > 0) {
      const over = new AbortController();
      const flushed = new Promise<void>((resolve) => (this.#idle = resolve));
      await Promise.race([flushed, this.#context.clock.sleep(timeoutMs, over.signal)]);
      over.abort();
    }
    this.#fail(new KafkaError('kafka_closed', 'the producer was closed before everything was acknowledged'));
    clearTimeout(this.#linger);
    await this.#cluster.close();
  }

  /** False when the queue is full. */
  #append(item: OutItem): boolean {
    if (this.#failure) return false;
    const { message } = item;
    const bytes = messageRoomBytes(message);
    if (ProduceQueue.isTooLarge(bytes)) {
      this.#fail(new KafkaError('kafka_message_too_large', `a message of ${bytes} bytes for ${message.topic}`));
      return false;
    }
    if (!this.#queue.hasRoom(1, bytes)) return false;
    this.#queue.add(1, bytes);
    const partition = this.#lines.of(message.topic, message.partition);
    partition.append(item, message.timestampMs ?? this.#context.clock.nowMs());
    this.#appended(partition);
    return true;
  }

  #appended(partition: ProducePartition): void {
    if (partition.fillingBytes() < lingerBytesMax) this.#schedule();
    else if (!partition.isDue) {
      partition.isDue = true;
      this.#kick();
    }
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    if (this.#lingerMs > 0) this.#linger = setTimeout(() => this.#sendNow(), this.#lingerMs);
    else setImmediate(() => this.#sendNow());
  }

  /** What was waited for long enough goes. A line whose only batch is under way has nothing that waits. */
  #sendNow(): void {
    this.#isScheduled = false;
    clearTimeout(this.#linger);
    for (const partition of this.#lines.all()) partition.isDue = partition.fillingBytes() > 0;
    this.#kick();
  }

  #kick(): void {
    if (this.#failure) return;
    let isAnyLeaderless = false;
    for (const { leader } of this.#lines.all().filter((partition) => partition.isReady())) {
      if (leader < 0) isAnyLeaderless = true;
      else if (!this.#sending.has(leader)) void this.#serve(leader);
    }
    if (isAnyLeaderless && !this.#isSeeking) void this.#seek();
  }

  /** One request after the other to one broker, until nothing is left for it. */
  async #serve(broker: number): Promise<void> {
    this.#sending.add(broker);
    try {
      for (;;) {
        const ready = this.#lines.all().filter((partition) => partition.leader === broker && partition.isReady());
        if (ready.length === 0 || this.#failure) break;
        await this.#request(broker, ready);
      }
    } finally {
      this.#sending.delete(broker);
    }
    this.#kick();
  }

  async #request(broker: number, ready: readonly ProducePartition[]): Promise<void> {
    const asked: { readonly topic: string; readonly partition: number; readonly batch: Buffer }[] = [];
    let bytes = 0;
    for (const partition of ready) {
      if (bytes >= requestBytesMax) break;
      const batch = partition.first(this.#identity);
      asked.push({ topic: partition.topic, partition: partition.partition, batch });
      bytes += batch.length;
    }
    try {
      const link = await this.#cluster.link(broker);
      const write = (writer: Writer): Writer => writeProduce(writer, asked, brokerTimeoutMs);
      const answers = readProduce(await link.request(produceApi.produce, write));
      this.#cluster.availability.heard();
      for (const answer of answers) this.#answered(answer);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (!error.retryable) return this.#fail(error);
      this.#cluster.availability.lost(error);
      for (const partition of ready) partition.leader = -1;
    }
    this.#tellPending(this.#queue.pending);
    this.#lanes.retryFull();
    if (ready.some(({ leader }) => leader < 0)) await this.#context.clock.sleep(retryMs, this.#context.closing);
  }

  #answered({ topic, partition, errorCode, baseOffset }: Produced): void {
    const found = this.#lines.of(topic, partition);
    if (errorCode !== 0 && errorCode !== duplicateSequence) {
      const error = kafkaError(errorCode, `produce to ${topic}`);
      if (error.retryable || error.code === 'kafka_topic_missing') this.#refused(found, error);
      else this.#fail(error);
      return;
    }
    const count = this.#queue.acknowledged(found.acknowledged(), baseOffset, this.#failure !== null);
    this.#sentTotal.inc(count);
    this.#context.growth?.tell(topic, partition, baseOffset + count);
    if (!this.#failure && this.#queue.pending === 0) this.#idle();
  }

  /** Asked again, of the leader that metadata names then. */
  #refused(line: ProducePartition, error: KafkaError): void {
    if (!line.refused()) return;
    const { topic, partition } = line;
    const message = `the broker goes on refusing records, which are sent again until it takes them: ${error.message}`;
    this.#context.logger.warn({ topic, partition, code: error.code }, message);
  }

  /** Looks for the leaders of all that waits, as long as it takes; a topic or partition that is not there fails the producer. */
  async #seek(): Promise<void> {
    this.#isSeeking = true;
    const leaders = new ProduceLeaders(this.#context);
    for (;;) {
      const lost = this.#lines.all().filter((partition) => partition.leader < 0 && !partition.isEmpty());
      if (lost.length === 0 || this.#failure || this.#context.closing.aborted) break;
      try {
        const { topics } = await this.#cluster.metadata([...new Set(lost.map(({ topic }) => topic))], {
          creates: true,
        });
        for (const partition of lost) partition.leader = leaders.of(partition, topics);
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        if (!error.retryable) this.#fail(error);
      }
      this.#kick();
      if (lost.some(({ leader }) => leader < 0)) await this.#context.clock.sleep(retryMs, this.#context.closing);
    }
    // At once with the last look: what comes after it looks anew.
    this.#isSeeking = false;
  }

  /** The first failure is the one that all see. */
  #fail(error: KafkaError): void {
    if (this.#failure) return;
    this.#failure = error;
    if (error.code !== 'kafka_closed')
      this.#context.logger.error({ code: error.code }, `the producer failed: ${error.message}`);
    this.#lanes.rejectAll(error);
    this.#queue.pending = 0;
    this.#tellPending(0);
    this.#idle();
  }
}

/** The broker has it already: the answer to the first time was lost. */
const duplicateSequence = 46;
