import { createServer, type IncomingHttpHeaders, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Webhook } from 'standardwebhooks';
import type { Alert, DeliveryAttempt, DeliveryRecord, EndpointNote } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import type { OutMessage, Producer } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { createMemorySource, type MemorySource } from '../../sources/memory.ts';
import { topicPartitionName, type RecordBatch, type TopicPartition } from '../../sources/source.ts';
import { systemClock, type Clock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createTestMembership } from '../clickhouse/testbed-suite.ts';
import { parseRange } from './addresses.ts';
import type { EndpointOptions } from './endpoint.ts';
import { messageOf } from './message.ts';
import { alertAt, deliveryRecordAt } from './records.ts';
import type { StoredWebhooks } from './restore.ts';
import { createWebhookService, type WebhookService } from './service.ts';

/** What the tests of the service share: topics in memory, a store that is as far behind as told, a receiver over HTTP. */
export const testSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const partitions = 2;
const { alerts, deliveries } = resultTopics;

export interface Received {
  readonly id: string;
  readonly body: string;
  readonly alertId: string;
  readonly transition: string;
}

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** Decides what is answered, and may do anything before; 200 when it gives nothing. */
  onRequest: ((one: Received) => number | void | Promise<number | void>) | null;
  close(): Promise<void>;
}

/** Verifies every signature: one that is wrong is a 401 and not received. */
export async function startReceiver({ secret = testSecret, port = 0 } = {}): Promise<Receiver> {
  const received: Received[] = [];
  const server: Server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    if (!isSigned(secret, request.headers, body)) return void response.writeHead(401).end();
    const { data } = JSON.parse(body) as { readonly data: { readonly alertId: string; readonly transition: string } };
    const one = { id: String(request.headers['webhook-id']), body, alertId: data.alertId, transition: data.transition };
    received.push(one);
    response.writeHead((await receiver.onRequest?.(one)) ?? 200).end();
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  const receiver: Receiver = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    received,
    onRequest: null,
    close: () => new Promise((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
  return receiver;
}

/** As `verify` of the library, whatever the time: tests move it. */
function isSigned(secret: string, headers: IncomingHttpHeaders, body: string): boolean {
  const [id, at, signatures] = ['id', 'timestamp', 'signature'].map((name) => String(headers[`webhook-${name}`]));
  const expected = new Webhook(secret).sign(id ?? '', new Date(Number(at) * 1_000), body);
  return (signatures ?? '').split(' ').includes(expected);
}

export interface World {
  readonly topics: MemorySource;
  /** Moves time forward. */
  pass(ms: number): void;
  publish(...published: readonly Alert[]): void;
  /** Notes an endpoint that was never seen, as who starts the service does. */
  add(endpoint: EndpointOptions): void;
  say(note: Omit<EndpointNote, 'kind' | 'atMs'>): void;
  /** The store has read everything up to now. */
  store(): void;
  /** Everything on the topic of the deliveries. */
  records(): readonly DeliveryRecord[];
  /** A service on these topics, running. `kill`: as kill -9 does; nothing that it does afterwards counts. */
  run(endpoints: readonly EndpointOptions[]): Promise<{ readonly service: WebhookService; kill(): void }>;
}

export function createWorld(): World {
  const topics = createMemorySource();
  const stored = new Map<string, bigint>();
  let skewMs = 0;
  const clock: Clock = { nowMs: () => systemClock.nowMs() + skewMs, sleep: systemClock.sleep };
  const places = [alerts, deliveries].flatMap((topic) =>
    Array.from({ length: partitions }, (_, partition) => ({ topic, partition })),
  );
  for (const place of places) topics.skip(place, 0);
  const partitionFor = (_: string, key: string): number => partitionOf(Buffer.from(key), partitions);
  const append = (topic: string, key: string, record: object): void =>
    void topics.append({ topic, partition: partitionFor(topic, key) }, [{ value: JSON.stringify(record) }]);
  const note = (said: Omit<EndpointNote, 'kind' | 'atMs'>): void =>
    append(deliveries, said.endpoint, { kind: 'endpoint-note', ...said, atMs: clock.nowMs() });
  const records = (): readonly DeliveryRecord[] => readAll(topics, deliveries, null, deliveryRecordAt);
  const add = ({ name, isTerminal }: EndpointOptions): void => {
    const isIt = (one: DeliveryRecord): boolean => one.kind === 'endpoint-note' && one.endpoint === name;
    if (!isTerminal && !records().some(isIt)) note({ endpoint: name, note: 'added', webhookId: '' });
  };
  return {
    topics,
    add,
    pass: (ms) => void (skewMs += ms),
    publish: (...published) => published.forEach((alert) => append(alerts, alert.alertId, alert)),
    say: note,
    store: () => places.forEach((place) => stored.set(topicPartitionName(place), endOf(topics, place))),
    records,
    async run(endpoints) {
      endpoints.forEach(add);
      let isKilled = false;
      const producer: Pick<Producer, 'send'> = {
        send: async (messages: readonly OutMessage[]) => {
          if (isKilled) return new Promise(() => {});
          return messages.map(({ topic, partition, value }) => {
            const messageOffset = topics.append({ topic, partition }, [{ value }]);
            return { topic, partition, messageOffset };
          });
        },
      };
      const service = createWebhookService({
        ...{ endpoints, producer, partitionFor, clock, random: () => 0 },
        stored: storeOf(topics, stored),
        reader: topics.reader(),
        membership: createTestMembership(places.filter(({ topic }) => topic === alerts)),
        logger: silentLogger,
        metrics: createMetrics(),
        drainTimeoutMs: 1_000,
      });
      await service.start();
      return {
        service,
        kill() {
          isKilled = true;
          void service.drain();
        },
      };
    },
  };
}

export const endpointTo = (url: string, changes: Partial<EndpointOptions> = {}): EndpointOptions => ({
  ...{ name: 'ops', url, secrets: { current: testSecret, previous: null } },
  ...{ transitions: ['raised', 'updated', 'retracted', 'resolved'], severityMin: 'low', pipelines: [] },
  ...{ timeoutMs: 60_000, inFlightMax: 4, pendingMax: 10_000, deadMax: 10_000, isTerminal: false },
  allowed: [parseRange('127.0.0.1')],
  ...changes,
});

/** What ClickHouse would say, made from the topics up to where it has read. */
function storeOf(topics: MemorySource, stored: ReadonlyMap<string, bigint>): StoredWebhooks {
  const attempts = (): readonly DeliveryAttempt[] =>
    readAll(topics, deliveries, stored, deliveryRecordAt).filter((record) => record.kind === 'delivery');
  const newestOf = (endpoint: string, webhookId: string): DeliveryAttempt | null =>
    attempts()
      .filter((one) => one.endpoint === endpoint && one.webhookId === webhookId)
      .toSorted((a, b) => b.attempt - a.attempt)[0] ?? null;
  return {
    positions: async (asked) =>
      asked.map((place) => ({ ...place, nextOffset: stored.get(topicPartitionName(place)) ?? -1n })),
    async unsettled({ endpoint, sinceMs }) {
      const told = readAll(topics, alerts, stored, alertAt).filter(({ clockMs }) => clockMs >= sinceMs);
      const rows = told.map((alert) => ({ alert, last: newestOf(endpoint, messageOf(alert).webhookId) }));
      const isOpen = (outcome: string | undefined) => outcome !== 'delivered' && outcome !== 'replaced';
      const open = new Set(rows.filter(({ last }) => isOpen(last?.outcome)).map(({ alert }) => alert.alertId));
      const kept = rows.filter(({ alert }) => open.has(alert.alertId));
      return kept.toSorted((a, b) => Number(BigInt(a.alert.revision) - BigInt(b.alert.revision)));
    },
    lastAttempts: async (webhookIds) =>
      webhookIds.flatMap((id) =>
        [...new Set(attempts().map(({ endpoint }) => endpoint))].flatMap((e) => newestOf(e, id) ?? []),
      ),
    async notes() {
      const notes = readAll(topics, deliveries, stored, deliveryRecordAt).filter((one) => one.kind === 'endpoint-note');
      const disabled = attempts().filter(({ outcome }) => outcome === 'disabled');
      return { notes, disabledAtMs: new Map(disabled.map(({ endpoint, atMs }) => [endpoint, atMs])) };
    },
    newestAlerts: async () => readAll(topics, alerts, stored, alertAt).toReversed(),
  };
}

function readAll<R>(
  topics: MemorySource,
  topic: string,
  upTo: ReadonlyMap<string, bigint> | null,
  recordAt: (batch: RecordBatch, index: number) => R | null,
): readonly R[] {
  const reader = topics.reader();
  const found: R[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const place = { topic, partition };
    const end = upTo === null ? endOf(topics, place) : (upTo.get(topicPartitionName(place)) ?? 0n);
    const stream = reader.read(place, 0n);
    for (let batch = stream.poll(); batch; batch = stream.poll())
      for (let i = 0; i < batch.count; i++) {
        const record = recordAt(batch, i);
        if (record && batch.baseOffset + BigInt(batch.offsetDeltas[i] ?? 0) < end) found.push(record);
      }
    stream.close();
  }
  return found;
}

function endOf(topics: MemorySource, place: TopicPartition): bigint {
  const stream = topics.reader().read(place, 0n);
  const end = stream.endOffset();
  stream.close();
  return end;
}
