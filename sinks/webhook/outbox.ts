// Records of attempts on their way to `millrace.deliveries`.
// Guarantees: in the order given, all or the service fails; `isFull` says when no more should be attempted.
// Redelivery: an attempt whose record was lost in a crash is made again, with the same id.
import type { DeliveryRecord } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import type { OutMessage, Producer } from '../../kafka/contract.ts';

export interface OutboxOptions {
  readonly producer: Pick<Producer, 'send'>;
  readonly partitionFor: (topic: string, key: string) => number;
  /** Records that are not acknowledged before no more attempts are started. */
  readonly recordsMax: number;
  readonly onFailed: (error: unknown) => void;
}

export class Outbox {
  readonly #options: OutboxOptions;
  #waiting: DeliveryRecord[] = [];
  #unacknowledged = 0;
  #sending: Promise<void> = Promise.resolve();
  #isSending = false;

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  add(records: readonly DeliveryRecord[]): void {
    if (records.length === 0) return;
    this.#waiting.push(...records);
    if (!this.#isSending) this.#sending = this.#send();
  }

  /** Handed over and not acknowledged, and what waits behind. */
  size(): number {
    return this.#waiting.length + this.#unacknowledged;
  }

  isFull(): boolean {
    return this.size() >= this.#options.recordsMax;
  }

  /** Resolves once everything added so far is acknowledged, or the service has failed. */
  async flushed(): Promise<void> {
    while (this.#isSending) await this.#sending;
  }

  async #send(): Promise<void> {
    this.#isSending = true;
    try {
      while (this.#waiting.length > 0) {
        const records = this.#waiting;
        this.#waiting = [];
        this.#unacknowledged = records.length;
        await this.#options.producer.send(records.map((record) => this.#messageOf(record)));
        this.#unacknowledged = 0;
      }
    } catch (error) {
      this.#options.onFailed(error);
    } finally {
      this.#isSending = false;
    }
  }

  /** By alert, as alerts are: the records of one alert keep their order. */
  #messageOf(record: DeliveryRecord): OutMessage {
    const topic = resultTopics.deliveries;
    const key = record.kind === 'delivery' ? record.alertId : record.endpoint;
    const partition = this.#options.partitionFor(topic, key);
    return { topic, partition, key: Buffer.from(key), value: Buffer.from(JSON.stringify(record)) };
  }
}
