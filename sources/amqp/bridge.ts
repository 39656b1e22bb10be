// A queue of RabbitMQ into a topic of Kafka, as its bytes are, in the order in which they come.
// Guarantees: a message is acknowledged only when the broker of the topic has it (or, too large for that, when it is in the queue
// `<queue>.millrace-refused`), so none is lost; at most `prefetch` are in memory; a connection that ends is opened again, with back-off.
// Redelivery: may put an event into the topic again; (source, id) makes it a duplicate, which is dropped and counted.
import type { OutMessage, Producer } from '../../kafka/contract.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { AmqpError } from './amqp-error.ts';
import type { Delivery, OpenedQueue, OpenQueue } from './open-queue.ts';
import { recordOf } from './record.ts';

export interface BridgeOptions {
  readonly queue: string;
  readonly topic: string;
  /** A larger message is set aside. */
  readonly messageBytesMax: number;
  readonly open: OpenQueue;
  readonly producer: Pick<Producer, 'partitionCount' | 'send'>;
  readonly clock: Clock;
  /** In [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Bridge {
  /** Until `stop`. Rejects with a `KafkaError` where the producer will never send again. */
  run(): Promise<void>;
  /** Takes no more; `run` resolves when what is being sent is acknowledged and the connection closed. */
  stop(): void;
  /** Why nothing comes; null while the queue is consumed. */
  trouble(): string | null;
}

/** Doubled each time, with up to half of it taken away by chance, so that instances do not come back all at once. */
const backOffMs = { first: 500, max: 30_000 } as const;

export const refusedQueue = (queue: string): string => `${queue}.millrace-refused`;

export function createBridge(options: BridgeOptions): Bridge {
  return new QueueBridge(options);
}

class QueueBridge implements Bridge {
  readonly #options: BridgeOptions;
  readonly #metrics: ReturnType<typeof bridgeMetrics>;
  readonly #stopping = new AbortController();
  #trouble: string | null = 'not connected yet';
  #wake: () => void = () => {};

  constructor(options: BridgeOptions) {
    this.#options = options;
    this.#metrics = bridgeMetrics(options);
  }

  async run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#stopping;
    for (let waitMs: number = backOffMs.first; !signal.aborted; waitMs = Math.min(waitMs * 2, backOffMs.max)) {
      const sinceMs = clock.nowMs();
      try {
        await this.#consume();
      } catch (error) {
        if (!(error instanceof AmqpError)) throw error;
        if (clock.nowMs() - sinceMs > backOffMs.max) waitMs = backOffMs.first;
        const retryInMs = Math.round(waitMs * (1 - random() / 2));
        this.#tell(error, retryInMs);
        await clock.sleep(retryInMs, signal);
      }
    }
  }

  stop(): void {
    this.#stopping.abort();
    this.#wake();
  }

  trouble(): string | null {
    return this.#trouble;
  }

  /** Over one connection, until it ends (throws) or we stop. */
  async #consume(): Promise<void> {
    const { open, producer, topic, queue: name, logger } = this.#options;
    const partitions = await producer.partitionCount(topic);
    const arrived: Delivery[] = [];
    const over: { error: AmqpError | null } = { error: null };
    const queue = await open({
      delivered: (delivery) => {
        arrived.push(delivery);
        this.#wake();
      },
      ended: (error) => {
        over.error = error;
        this.#wake();
      },
    });
    this.#trouble = null;
    this.#metrics.connected.set(1);
    logger.info({ queue: name, topic }, 'consuming a queue of RabbitMQ');
    try {
      while (!this.#stopping.signal.aborted) {
        if (over.error) throw over.error;
        const batch = arrived.splice(0);
        if (batch.length > 0) await this.#forward(batch, queue, partitions);
        else await new Promise<void>((resolve) => (this.#wake = resolve));
      }
    } finally {
      this.#metrics.connected.set(0);
      this.#metrics.unacknowledged.set(0);
      await queue.close();
    }
  }

  /** All of them are where they belong, then acknowledged. */
  async #forward(batch: readonly Delivery[], queue: OpenedQueue, partitions: number): Promise<void> {
    const { topic, producer, clock, messageBytesMax } = this.#options;
    const last = batch.at(-1);
    if (!last) return;
    this.#metrics.unacknowledged.set(batch.length);
    const place = { topic, partitions, timestampMs: clock.nowMs() };
    const records: OutMessage[] = [];
    for (const delivery of batch) {
      if (delivery.isRedelivered) this.#metrics.redelivered.inc();
      if (delivery.content.length > messageBytesMax) await this.#setAside(delivery, queue);
      else records.push(recordOf(delivery.content, place));
    }
    await producer.send(records);
    queue.ackUpTo(last);
    this.#metrics.bridged.inc(records.length);
    this.#metrics.unacknowledged.set(0);
  }

  async #setAside(delivery: Delivery, queue: OpenedQueue): Promise<void> {
    const { queue: name, messageBytesMax, logger } = this.#options;
    const to = refusedQueue(name);
    const bytes = delivery.content.length;
    await queue.setAside(to, delivery, `larger than ${messageBytesMax} bytes`);
    this.#metrics.refused.inc();
    logger.warn({ queue: name, bytes, to }, 'a message is larger than amqp.queues.messageBytesMax: it is set aside');
  }

  #tell({ code, message, retryable }: AmqpError, retryInMs: number): void {
    const { logger, queue } = this.#options;
    this.#trouble = `${code}: ${message}`;
    this.#metrics.reconnects.inc();
    logger[retryable ? 'warn' : 'error'](
      { queue, code, err: message, retryInMs },
      'a queue of RabbitMQ is not consumed',
    );
  }
}

function bridgeMetrics({ metrics, queue }: BridgeOptions) {
  const messages = metrics.counter('millrace_amqp_messages_total', 'Messages acknowledged, by what became of them', [
    'queue',
    'outcome',
  ]);
  return {
    bridged: messages.labels({ queue, outcome: 'bridged' }),
    refused: messages.labels({ queue, outcome: 'refused' }),
    redelivered: metrics
      .counter('millrace_amqp_redelivered_total', 'Messages that RabbitMQ delivered again', ['queue'])
      .labels({ queue }),
    reconnects: metrics
      .counter('millrace_amqp_reconnects_total', 'Connections that ended or could not be made', ['queue'])
      .labels({ queue }),
    unacknowledged: metrics
      .gauge('millrace_amqp_unacknowledged_messages', 'Messages being sent to Kafka', ['queue'])
      .labels({ queue }),
    connected: metrics.gauge('millrace_amqp_connected', '1 while the queue is consumed', ['queue']).labels({ queue }),
  };
}
