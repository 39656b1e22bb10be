// What every endpoint has still to be told, made again from ClickHouse and the topics behind it: after a start, a crash, or when
// partitions change hands.
// Guarantees: each transition decided since its endpoint was added is delivered, replaced, dead or in its queue; its id and bytes are
// those of before. Positions first, then rows, then the topics from those positions: no gap.
// Redelivery: what is in ClickHouse and on the topic is taken once; records of attempts decide, not where they were read.
import type { Alert, DeliveryAttempt, EndpointNote } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import type { NextOffset } from '../../kafka/contract.ts';
import {
  parseTopicPartition,
  topicPartitionName,
  type RecordBatch,
  type Source,
  type TopicPartition,
} from '../../sources/source.ts';
import type { Clock } from '../../telemetry/clock.ts';
import { createTopicStreams, type Bounds, type TopicStreams } from '../websocket/topic-streams.ts';
import { EndpointHistory } from './endpoint-history.ts';
import type { Endpoint } from './endpoint.ts';
import { messageOf } from './message.ts';
import { alertAt, deliveryRecordAt } from './records.ts';
import { SeenPositions } from './seen-positions.ts';

/** What is stored of alerts and deliveries. Each rejects while the store does not answer. */
export interface StoredWebhooks {
  /** What the store's own group has committed: everything before is stored. −1n or absent: nothing. */
  positions(partitions: readonly TopicPartition[]): Promise<readonly NextOffset[]>;
  /** Of alerts with a transition that the endpoint has not settled: all since, by revision, each with its newest record. */
  unsettled(query: {
    readonly endpoint: string;
    readonly sinceMs: number;
    readonly rowsMax: number;
  }): Promise<readonly { readonly alert: Alert; readonly last: DeliveryAttempt | null }[]>;
  lastAttempts(webhookIds: readonly string[]): Promise<readonly DeliveryAttempt[]>;
  notes(): Promise<{
    readonly notes: readonly EndpointNote[];
    readonly disabledAtMs: ReadonlyMap<string, number>;
  }>;
  /** The newest transition of each alert, newest first. */
  newestAlerts(rowsMax: number): Promise<readonly Alert[]>;
}

export interface RestoreOptions {
  readonly reader: Source;
  readonly stored: StoredWebhooks;
  readonly endpoints: readonly Endpoint[];
  /** Partitions of the alerts that are ours. */
  readonly owned: ReadonlySet<number>;
  readonly partitionFor: (topic: string, key: string) => number;
  readonly clock: Clock;
  /** Batches from the restored position on, by topic. */
  readonly onAlerts: (batch: RecordBatch) => void;
  readonly onDeliveries: (batch: RecordBatch) => void;
  /** Records were gone before they were read: restore again. */
  readonly onGap: (tp: TopicPartition) => void;
  readonly signal: AbortSignal;
}

export interface Restored {
  readonly seen: SeenPositions;
  readonly histories: ReadonlyMap<string, EndpointHistory>;
  readonly alerts: TopicStreams;
  readonly deliveries: TopicStreams;
}

/** Alerts that tell how far each partition was published. */
const newestAlertsMax = 10_000;
/** Transitions restored an endpoint: pending and dead ones at their bounds, with those that they replaced. */
const unsettledRowsMax = 50_000;
/** Records of deliveries that ClickHouse may be behind; more: it has to catch up first. */
const behindRecordsMax = 200_000;
const pollBatches = 4;
/** The reader is no help in waiting: of the deliveries something may be ready all the time. */
const pollEveryMs = 10;

/** Fills the endpoints' queues, which are empty, and reads on from there. Rejects when broker or store do not answer. */
export async function restore(options: RestoreOptions): Promise<Restored> {
  const opened: TopicStreams[] = [];
  try {
    return await restoreWith(options, opened);
  } catch (error) {
    for (const streams of opened) streams.close();
    throw error;
  }
}

async function restoreWith(options: RestoreOptions, opened: TopicStreams[]): Promise<Restored> {
  const { stored, endpoints, owned, partitionFor } = options;
  const startOf = await startPositions(options);
  const seen = new SeenPositions();
  for (const alert of await stored.newestAlerts(newestAlertsMax))
    seen.take(partitionFor(resultTopics.alerts, alert.alertId), alert);
  const records = new Records();
  const deliveries = new Follower(options, resultTopics.deliveries, (batch) => records.read(batch));
  opened.push(deliveries.streams);
  await deliveries.readToEnd(startOf, async () => {});
  const durable = endpoints.filter((endpoint) => !endpoint.options.isTerminal);
  const histories = await readHistories(options, records);
  for (const endpoint of durable) {
    const { name } = endpoint.options;
    const sinceMs = histories.get(name)?.addedAtMs() ?? 0;
    const rows = await stored.unsettled({ endpoint: name, sinceMs, rowsMax: unsettledRowsMax });
    for (const { alert, last } of rows)
      if (owned.has(partitionFor(resultTopics.alerts, alert.alertId))) records.restoreTo(endpoint, alert, last);
  }
  const fresh = new FreshAlerts(options, { seen, records, histories });
  const alerts = new Follower(options, resultTopics.alerts, (batch) => fresh.collect(batch));
  opened.push(alerts.streams);
  await alerts.readToEnd(startOf, () => fresh.restore());
  for (const endpoint of durable) settleByHand(endpoint, histories.get(endpoint.options.name), records);
  deliveries.take = options.onDeliveries;
  alerts.take = options.onAlerts;
  return { seen, histories, alerts: alerts.streams, deliveries: deliveries.streams };
}

/** Newest record of each transition and endpoint, as far as the topic has them. */
class Records {
  readonly #last = new Map<string, DeliveryAttempt>();
  readonly notes: EndpointNote[] = [];
  readonly disabled: DeliveryAttempt[] = [];
  /** Newest record of what was restored as dead. */
  readonly dead = new Map<string, DeliveryAttempt>();

  read(batch: RecordBatch): void {
    for (let i = 0; i < batch.count; i++) {
      const record = deliveryRecordAt(batch, i);
      if (record?.kind === 'endpoint-note') this.notes.push(record);
      else if (record) this.add(record);
    }
    if (this.#last.size > behindRecordsMax) throw new Error(`ClickHouse is ${behindRecordsMax} deliveries behind`);
  }

  add(record: DeliveryAttempt): void {
    const key = keyOf(record.endpoint, record.webhookId);
    if (record.attempt > (this.#last.get(key)?.attempt ?? 0)) this.#last.set(key, record);
    if (record.outcome === 'disabled') this.disabled.push(record);
  }

  restoreTo(endpoint: Endpoint, alert: Alert, stored: DeliveryAttempt | null): void {
    if (!endpoint.wants(alert)) return;
    const message = messageOf(alert);
    const key = keyOf(endpoint.options.name, message.webhookId);
    const read = this.#last.get(key) ?? null;
    const last = (read?.attempt ?? 0) > (stored?.attempt ?? 0) ? read : stored;
    if (last?.outcome === 'dead') this.dead.set(key, last);
    endpoint.restore(message, last);
  }
}

const keyOf = (endpoint: string, webhookId: string): string => `${endpoint} ${webhookId}`;

type Start = (tp: TopicPartition, bounds: Bounds) => bigint;

/** Where the store's reading goes on; a position outside of what there is belongs to another incarnation of the topic. */
async function startPositions({ reader, stored }: RestoreOptions): Promise<Start> {
  const places: TopicPartition[] = [];
  for (const topic of [resultTopics.alerts, resultTopics.deliveries])
    for (let partition = (await reader.partitionCount(topic)) - 1; partition >= 0; partition--)
      places.push({ topic, partition });
  const positions = await stored.positions(places);
  const nextOf = new Map(positions.map((place) => [topicPartitionName(place), place.nextOffset]));
  return (tp, { lowOffset, endOffset }) => {
    const next = nextOf.get(topicPartitionName(tp)) ?? -1n;
    return next >= lowOffset && next <= endOffset ? next : lowOffset;
  };
}

async function readHistories(
  { stored, clock, endpoints }: RestoreOptions,
  { notes, disabled }: Records,
): Promise<ReadonlyMap<string, EndpointHistory>> {
  const of = new Map(endpoints.map(({ options: { name } }) => [name, new EndpointHistory()]));
  const fromStore = await stored.notes();
  for (const [name, atMs] of fromStore.disabledAtMs) of.get(name)?.disabledAt(atMs);
  for (const each of [...fromStore.notes, ...notes, ...disabled]) of.get(each.endpoint)?.add(each);
  // Who starts this has noted the others before anything was decided. A terminal is told of what is decided from now on, each time anew.
  for (const { options } of endpoints) {
    const history = of.get(options.name);
    if (history?.addedAtMs() === null)
      history.add({ kind: 'endpoint-note', endpoint: options.name, note: 'added', webhookId: '', atMs: clock.nowMs() });
  }
  return of;
}

interface Restoring {
  readonly seen: SeenPositions;
  readonly records: Records;
  readonly histories: ReadonlyMap<string, EndpointHistory>;
}

/** Transitions that the store has not told of: some of them may have been attempted all the same. */
class FreshAlerts {
  readonly #options: RestoreOptions;
  readonly #restoring: Restoring;
  #alerts: Alert[] = [];

  constructor(options: RestoreOptions, restoring: Restoring) {
    this.#options = options;
    this.#restoring = restoring;
  }

  collect(batch: RecordBatch): void {
    if (!this.#options.owned.has(batch.partition)) return;
    for (let i = 0; i < batch.count; i++) {
      const alert = alertAt(batch, i);
      if (alert && this.#restoring.seen.take(batch.partition, alert)) this.#alerts.push(alert);
    }
  }

  async restore(): Promise<void> {
    if (this.#alerts.length === 0) return;
    const { records, histories } = this.#restoring;
    const alerts = this.#alerts.map((alert) => [alert, messageOf(alert).webhookId] as const);
    this.#alerts = [];
    const attempts = await this.#options.stored.lastAttempts(alerts.map(([, webhookId]) => webhookId));
    const lastOf = new Map(attempts.map((attempt) => [keyOf(attempt.endpoint, attempt.webhookId), attempt]));
    for (const [alert, webhookId] of alerts)
      for (const endpoint of this.#options.endpoints) {
        const { name } = endpoint.options;
        if (alert.clockMs >= (histories.get(name)?.addedAtMs() ?? Infinity))
          records.restoreTo(endpoint, alert, lastOf.get(keyOf(name, webhookId)) ?? null);
      }
  }
}

/** A topic that is read to its end first, by one reader of its batches, and then on, by another. */
class Follower {
  readonly streams: TopicStreams;
  readonly #options: RestoreOptions;
  take: (batch: RecordBatch) => void;

  constructor(options: RestoreOptions, topic: string, take: (batch: RecordBatch) => void) {
    const { reader, onGap } = options;
    this.#options = options;
    this.take = take;
    this.streams = createTopicStreams({ reader, topics: [topic], onBatch: (batch) => this.take(batch), onGap });
  }

  /** To the end as it is now; `polled` after every few batches. */
  async readToEnd(startOf: Start, polled: () => Promise<void>): Promise<void> {
    const { reader, clock, signal } = this.#options;
    await this.streams.openMissing(startOf);
    const ends = new Map<string, bigint>();
    for (const name of this.streams.positions().keys())
      ends.set(name, (await reader.bounds(parseTopicPartition(name))).endOffset);
    const isBehind = (): boolean => {
      const positions = this.streams.positions();
      return [...ends].some(([name, end]) => (positions.get(name) ?? end) < end);
    };
    while (isBehind()) {
      if (signal.aborted) throw new Error('stopped while restoring');
      const read = await this.streams.poll(pollBatches);
      await polled();
      if (read === 0) await clock.sleep(pollEveryMs, signal);
    }
  }
}

/** What people said: stays disabled, or goes out again. */
function settleByHand(endpoint: Endpoint, history: EndpointHistory | undefined, { dead }: Records): void {
  if (!history) return;
  endpoint.queue.setDisabled(history.isDisabled());
  for (const last of dead.values())
    if (last.endpoint === endpoint.options.name && history.isResent(last))
      endpoint.queue.resend(last.webhookId, last.atMs);
}
