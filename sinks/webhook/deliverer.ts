// Between the topic of the alerts and the endpoints: restores, takes what comes, starts what is due, hands records to the outbox.
// Guarantees: nothing is attempted while it is paused, restoring, or too many records wait for the broker.
// Redelivery: by position of the producer (`seen-positions.ts`), and by what is recorded when it restores.
import type { NextOffset, Producer } from '../../kafka/contract.ts';
import { parseTopicPartition, type RecordBatch, type Source } from '../../sources/source.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { Endpoint, type EndpointOptions, type EndpointStatus } from './endpoint.ts';
import { messageOf } from './message.ts';
import { webhookMetrics, type WebhookMetrics } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { alertAt, deliveryRecordAt } from './records.ts';
import { restore, type Restored, type StoredWebhooks } from './restore.ts';

export interface DelivererOptions {
  readonly endpoints: readonly EndpointOptions[];
  readonly stored: StoredWebhooks;
  /** For this service alone; stays open when it drains. */
  readonly reader: Source;
  /** Stays open when it drains. */
  readonly producer: Pick<Producer, 'send'>;
  /** Partition of a key of a result topic. */
  readonly partitionFor: (topic: string, key: string) => number;
  readonly clock: Clock;
  /** [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Records that the broker has not acknowledged before no more attempts are started. */
const unrecordedMax = 1_000;
const pollBatches = 16;

export class Deliverer {
  readonly #options: DelivererOptions;
  readonly #metrics: WebhookMetrics;
  readonly #outbox: Outbox;
  readonly #endpoints: readonly Endpoint[];
  #restored: Restored | null = null;
  #owned: ReadonlySet<number> = new Set();
  #isPaused = true;
  #isStale = false;
  #committed = new Map<number, bigint>();

  constructor(options: DelivererOptions, onFailed: (error: unknown) => void) {
    const { producer, partitionFor, clock, random } = options;
    this.#options = options;
    this.#metrics = webhookMetrics(options.metrics);
    this.#outbox = new Outbox({ producer, partitionFor, recordsMax: unrecordedMax, onFailed });
    const parts = {
      ...{ clock, random, metrics: this.#metrics },
      record: this.#outbox.add.bind(this.#outbox),
      mayStart: () => !this.#isPaused && !this.#outbox.isFull(),
    };
    this.#endpoints = options.endpoints.map((endpoint) => new Endpoint(endpoint, parts));
  }

  /** Starts no attempt any more, until restored. */
  pause(): void {
    this.#isPaused = true;
  }

  /** Records were missed: to be restored. */
  isStale(): boolean {
    return this.#isStale;
  }

  /** Resolves when nothing is under way and every record is acknowledged. To be paused first. */
  async settled(): Promise<void> {
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.settled()));
    await this.#outbox.flushed();
  }

  /** Begins anew with these partitions. Rejects when broker or store do not answer: paused until it succeeds. */
  async restore(owned: ReadonlySet<number>, signal: AbortSignal): Promise<void> {
    this.pause();
    await this.settled();
    this.#closeStreams();
    this.#owned = owned;
    this.#committed.clear();
    for (const endpoint of this.#endpoints) if (!endpoint.options.isTerminal) endpoint.forget();
    const { reader, stored, partitionFor, clock, logger } = this.#options;
    this.#isStale = false;
    this.#restored = await restore({
      ...{ reader, stored, partitionFor, owned, clock, signal, endpoints: this.#endpoints },
      onAlerts: (batch) => this.#takeAlerts(batch),
      onDeliveries: (batch) => this.#takeDeliveries(batch),
      onGap: (tp) => {
        logger.error({ ...tp }, 'webhooks missed records: what is to be delivered is restored from ClickHouse');
        this.#isStale = true;
      },
    });
    this.#isPaused = false;
  }

  /** Takes what has come and starts what is due. Resolves how many batches there were. */
  async step(): Promise<number> {
    if (!this.#restored) return 0;
    const { alerts, deliveries } = this.#restored;
    const read = (await alerts.poll(pollBatches)) + (await deliveries.poll(pollBatches));
    for (const endpoint of this.#endpoints) {
      endpoint.pump();
      endpoint.measure();
    }
    this.#metrics.unrecorded.set(this.#outbox.size());
    return read;
  }

  /** When something may be due, by what is known now. */
  nextDueMs(): number {
    if (this.#isPaused || this.#outbox.isFull()) return Infinity;
    return Math.min(Infinity, ...this.#endpoints.map(({ queue }) => queue.nextDueMs()));
  }

  /** Positions of our partitions that were taken and not committed. */
  uncommitted(): readonly NextOffset[] {
    const positions = [...(this.#restored?.alerts.positions() ?? [])];
    return positions
      .map(([name, nextOffset]) => ({ ...parseTopicPartition(name), nextOffset }))
      .filter(
        ({ partition, nextOffset }) => this.#owned.has(partition) && this.#committed.get(partition) !== nextOffset,
      );
  }

  committed(offsets: readonly NextOffset[]): void {
    for (const { partition, nextOffset } of offsets) this.#committed.set(partition, nextOffset);
  }

  status(): readonly EndpointStatus[] {
    return this.#endpoints.map((endpoint) => endpoint.status());
  }

  /** For a person: endpoints that want no more; undefined: none. */
  trouble(): string | undefined {
    const disabled = this.#endpoints
      .filter(({ queue }) => queue.status().isDisabled)
      .map(({ options }) => options.name);
    if (disabled.length === 0) return undefined;
    return `${disabled.join(', ')} answered 410: disabled until \`millrace webhook enable\``;
  }

  async close(): Promise<void> {
    this.pause();
    await Promise.all(this.#endpoints.map((endpoint) => endpoint.close()));
    this.#closeStreams();
  }

  #closeStreams(): void {
    this.#restored?.alerts.close();
    this.#restored?.deliveries.close();
    this.#restored = null;
  }

  #takeAlerts(batch: RecordBatch): void {
    const { seen, histories } = this.#restored as Restored; // Only its streams call this.
    if (!this.#owned.has(batch.partition)) return;
    for (let i = 0; i < batch.count; i++) {
      const alert = alertAt(batch, i);
      if (!alert) continue;
      if (!seen.take(batch.partition, alert)) {
        this.#metrics.redelivered.inc();
        continue;
      }
      const message = messageOf(alert);
      for (const endpoint of this.#endpoints) {
        const sinceMs = histories.get(endpoint.options.name)?.addedAtMs() ?? 0;
        if (endpoint.wants(alert) && alert.clockMs >= sinceMs) endpoint.take(message);
      }
    }
  }

  /** What people ask for by hand, and what other instances were told. */
  #takeDeliveries(batch: RecordBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const record = deliveryRecordAt(batch, i);
      const endpoint = this.#endpoints.find(({ options: { name } }) => name === record?.endpoint);
      const history = endpoint && this.#restored?.histories.get(endpoint.options.name);
      if (!record || !endpoint || !history) continue;
      history.add(record);
      if (record.kind === 'delivery' ? record.outcome === 'disabled' : record.note === 'enabled')
        endpoint.queue.setDisabled(history.isDisabled());
      if (record.kind === 'endpoint-note' && record.note === 'resend') resend(endpoint, record.webhookId, record.atMs);
    }
  }
}

function resend({ queue }: Endpoint, webhookId: string, atMs: number): void {
  const wanted = webhookId === '' ? queue.dead(Infinity).map((dead) => dead.webhookId) : [webhookId];
  for (const id of wanted) queue.resend(id, atMs);
}
