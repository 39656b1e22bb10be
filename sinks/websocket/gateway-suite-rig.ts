// What the gateway's tests stand on: a gateway on a loopback port over a source in memory and a store that stands for ClickHouse
// and its sink. Redelivery: rows may be pushed in any order and twice, as the topics may.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'vitest';
import { WebSocket } from 'ws';
import { revisionOf, type ResultState, type WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import { createLiveClient, type LiveClient } from '../../live/client.ts';
import type { ClientMessage, ServerMessage } from '../../live/messages.ts';
import type { Authenticate } from '../../live/principal.ts';
import type { NextOffset } from '../../kafka/contract.ts';
import { createMemorySource, type MemorySource } from '../../sources/memory.ts';
import { systemClock, type Clock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics, type Metrics } from '../../telemetry/metrics.ts';
import { createLiveGateway, type LiveGateway, type LiveGatewayOptions } from './gateway.ts';

export const partitions = 2;
export const minuteMs = 60_000;
export const startMs = 1_764_000_000_000 - (1_764_000_000_000 % minuteMs);

export interface Rig {
  readonly gateway: LiveGateway;
  readonly source: MemorySource;
  readonly store: FakeStore;
  readonly metrics: Metrics;
  readonly url: string;
  /** Appends a row to its topic. */
  push(row: WindowResult): void;
  /** A client over real sockets; `sockets` are those it has opened so far. */
  client(options?: { readonly secret?: string }): LiveClient & { readonly sockets: WebSocket[] };
  /** A raw socket with everything that it has been sent. */
  raw(): RawClient;
  stop(): Promise<void>;
}

export interface RawClient {
  readonly socket: WebSocket;
  readonly received: ServerMessage[];
  closed: { readonly code: number; readonly reason: string } | null;
  send(message: ClientMessage | Record<string, unknown>): void;
  of<Kind extends ServerMessage['kind']>(kind: Kind): (ServerMessage & { readonly kind: Kind })[];
}

/** ClickHouse and its sink: holds what was inserted, and how far. */
export interface FakeStore {
  isDown: boolean;
  readonly committed: Map<string, NextOffset>;
  rows: WindowResult[];
  /** Inserts everything that is on the topics now, and commits. */
  catchUp(): void;
}

export interface RigOptions extends Partial<Pick<LiveGatewayOptions, 'limits' | 'systemStatus' | 'storedLists'>> {
  readonly authenticate?: Authenticate;
  readonly clock?: Clock;
  readonly before?: (rig: Pick<Rig, 'push' | 'store' | 'source'>) => void;
}

/** Until it is so. */
export const until = (check: () => unknown): Promise<void> =>
  expect.poll(() => Boolean(check()), { interval: 5 }).toBe(true);

/** The machine's clock, moved on by the test: with limits of minutes no pause of a busy machine is taken for a client that is silent or slow. */
export function movedClock(): { readonly clock: Clock; pass(ms: number): void } {
  let aheadMs = 0;
  return {
    clock: { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs },
    pass: (ms) => void (aheadMs += ms),
  };
}

const everybody: Authenticate = () => ({
  kind: 'ok',
  principal: { subject: 'anonymous', expiresMs: null, channels: null },
});

let instances = 0;

/** A running rig; stop it in any case. */
export async function startRig(options: RigOptions = {}): Promise<Rig> {
  const source = createMemorySource();
  for (const topic of Object.values(resultTopics))
    for (let partition = 0; partition < partitions; partition++) source.append({ topic, partition }, []);
  const pushed: { readonly row: WindowResult; readonly place: NextOffset }[] = [];
  const push = (row: WindowResult): void => {
    const topic = row.state === 'provisional' ? resultTopics.provisional : resultTopics.windows;
    const partition = row.key.length % partitions;
    const offset = source.append({ topic, partition }, [{ key: row.key, value: JSON.stringify(row) }]);
    pushed.push({ row, place: { topic, partition, nextOffset: offset + 1n } });
  };
  const store: FakeStore = {
    isDown: false,
    committed: new Map(),
    rows: [],
    catchUp() {
      for (const { row, place } of pushed.splice(0)) {
        store.rows.push(row);
        store.committed.set(`${place.topic}-${place.partition}`, place);
      }
    },
  };
  options.before?.({ push, store, source });
  const metrics = createMetrics();
  const gateway = createLiveGateway({
    reader: source.reader(),
    pipelines: ['revenue'],
    committedPositions: async () =>
      store.isDown ? Promise.reject(new Error('store down')) : [...store.committed.values()],
    windowRows: async ({ pipeline }) =>
      store.isDown ? Promise.reject(new Error('store down')) : store.rows.filter((row) => row.pipeline === pipeline),
    storedLists: options.storedLists ?? (async () => []),
    systemStatus: options.systemStatus ?? (() => emptyStatus),
    authenticate: options.authenticate ?? everybody,
    instance: `rig${++instances}`,
    clock: options.clock ?? systemClock,
    random: () => 0.5,
    logger: silentLogger,
    metrics,
    limits: { tickMs: 5, ...options.limits },
  });
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  server.on('upgrade', (request, socket, head) => gateway.handleUpgrade(request, socket, head, { isLocal: true }));
  await gateway.start();
  return assemble({ gateway, source, store, metrics, push }, server);
}

function assemble(parts: Pick<Rig, 'gateway' | 'source' | 'store' | 'metrics' | 'push'>, server: Server): Rig {
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}/v1/live`;
  const clients: LiveClient[] = [];
  return {
    ...parts,
    url,
    client({ secret } = {}) {
      const sockets: WebSocket[] = [];
      const client = createLiveClient({
        url,
        connect: (to) => {
          const socket = new WebSocket(to);
          sockets.push(socket);
          return socket;
        },
        credential: () => (secret === undefined ? { method: 'anonymous' } : { method: 'key', secret }),
        random: () => 0.5,
        backOff: { firstMs: 1, maxMs: 20 },
      });
      clients.push(client);
      return Object.assign(client, { sockets });
    },
    raw: () => openRaw(url),
    async stop() {
      for (const client of clients) client.close();
      await parts.gateway.drain();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function openRaw(url: string): RawClient {
  const socket = new WebSocket(url);
  const raw: RawClient = {
    socket,
    received: [],
    closed: null,
    send: (message) => socket.send(JSON.stringify(message)),
    of: (kind) => raw.received.filter((message): message is never => message.kind === kind),
  };
  socket.on('message', (data) => raw.received.push(JSON.parse((data as Buffer).toString()) as ServerMessage));
  socket.on('close', (code, reason) => (raw.closed = { code, reason: reason.toString() }));
  socket.on('error', () => {});
  return raw;
}

/** A window row: window `minute`, at revision `revision`. */
export function windowRow(
  minute: number,
  key: string,
  revision: number,
  state: ResultState = 'final',
  over: Partial<WindowResult> = {},
): WindowResult {
  const windowStartMs = startMs + minute * minuteMs;
  return {
    kind: 'window',
    pipeline: 'revenue',
    version: 1,
    output: 'country_1m',
    key,
    windowStartMs,
    windowEndMs: windowStartMs + minuteMs,
    state,
    complete: 1,
    watermarkMs: windowStartMs,
    clockMs: windowStartMs,
    values: { count: revision },
    revision: String(revisionOf(1, BigInt(revision))),
    producer: {
      pipeline: 'revenue',
      version: 1,
      shard: 0,
      epoch: 1,
      orderOffset: String(revision),
      index: 0,
      entryId: 'e',
    },
    ...over,
  };
}

export const emptyStatus = {
  clockMs: 1,
  services: [],
  stages: [],
  partitions: [],
  pipelines: [],
  eventsPerSecond: 0,
  totals: { deadLetters: 0, late: 0, duplicates: 0, quarantined: 0 },
};
