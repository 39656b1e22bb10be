import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { WindowResult } from '../../events/results.ts';
import type { LiveClient } from '../../live/client.ts';
import type { LiveRow } from '../../live/messages.ts';
import {
  emptyStatus,
  minuteMs,
  movedClock,
  startRig,
  until,
  windowRow,
  type RawClient,
  type Rig,
  type RigOptions,
} from './gateway-suite-rig.ts';

let rig: Rig | undefined;
afterEach(async () => {
  await rig?.stop();
  rig = undefined;
});
const start = async (options?: RigOptions): Promise<Rig> => (rig = await startRig(options));
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** What everybody must hold in the end, by an oracle: the highest revision of each identity, tombstones gone. */
function oracle(rows: readonly WindowResult[]): Map<string, string> {
  const newest = new Map<string, WindowResult>();
  for (const row of rows) {
    const id = `${row.windowStartMs} ${row.key}`;
    const known = newest.get(id);
    if (!known || BigInt(row.revision) > BigInt(known.revision)) newest.set(id, row);
  }
  return new Map([...newest].filter(([, row]) => row.state !== 'tombstone').map(([id, row]) => [id, row.revision]));
}

function held(rows: ReadonlyMap<string, LiveRow<WindowResult>>): Map<string, string> {
  return new Map([...rows.values()].map(({ row }) => [`${row.windowStartMs} ${row.key}`, row.revision]));
}

const isSame = (a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean =>
  a.size === b.size && [...a].every(([id, revision]) => b.get(id) === revision);

/** A subscriber that keeps its own copy by the updates alone, and notes what must never be. */
function watch(client: LiveClient) {
  const copy = new Map<string, string>();
  const faults: string[] = [];
  const apply = (rows: readonly LiveRow<WindowResult>[], expired: readonly string[]): void => {
    for (const { id, revision, row } of rows) {
      const known = copy.get(id);
      if (known !== undefined && BigInt(revision) <= BigInt(known)) faults.push(`${id}: ${known} then ${revision}`);
      if (row.state === 'tombstone') copy.delete(id);
      else copy.set(id, revision);
    }
    for (const id of expired) copy.delete(id);
  };
  const subscription = client.subscribe('windows:revenue', {}, (update) => {
    if (update.kind === 'snapshot') copy.clear();
    apply(update.rows, update.kind === 'delta' ? update.expired : []);
  });
  return { subscription, faults, copySize: () => copy.size };
}

const states = ['provisional', 'final', 'corrected', 'tombstone'] as const;
const write = fc.record({
  minute: fc.nat(5),
  key: fc.constantFrom('DE/EUR', 'FR/EUR', 'GB', 'x'),
  revision: fc.integer({ min: 1, max: 60 }),
  state: fc.constantFrom(...states),
});
// Of one identity a revision is one row.
const rowOf = (at: { minute: number; key: string; revision: number }): WindowResult =>
  windowRow(at.minute, at.key, at.revision, states[(at.minute + at.revision + at.key.length) % 4] ?? 'final');

describe('a client after snapshot and deltas', () => {
  test('[I2] equals the server, whenever it comes, with a writer running and ClickHouse anywhere behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(write, fc.constant('store' as const), fc.constant('client' as const)), {
          maxLength: 120,
          size: 'max',
        }),
        fc.nat(100),
        async (script, before) => {
          const rows: WindowResult[] = [];
          const current = await startRig({
            limits: { frameRowsMax: 3 },
            before: ({ push, store }) => {
              for (const step of script.slice(0, before)) {
                if (step === 'store') store.catchUp();
                else if (step !== 'client') push((rows.push(rowOf(step)), rowOf(step)));
              }
            },
          });
          try {
            const watchers = [watch(current.client())];
            for (const step of script.slice(before)) {
              if (step === 'client') watchers.push(watch(current.client()));
              else if (step === 'store') current.store.catchUp();
              else current.push((rows.push(rowOf(step)), rowOf(step)));
              await turn();
            }
            const expected = oracle(rows);
            for (const { subscription, faults, copySize } of watchers) {
              await until(() => isSame(held(subscription.rows()), expected));
              expect(faults).toEqual([]);
              expect(copySize()).toBe(expected.size);
            }
          } finally {
            await current.stop();
          }
        },
      ),
      { numRuns: 25 },
    );
  });

  test('[I3] equals the server after 1000 random drops, resumed without a resync', async () => {
    const started = await start();
    const random = seeded(7);
    const clients = Array.from({ length: 20 }, () => started.client());
    const watchers = clients.map(watch);
    const rows: WindowResult[] = [];
    let drops = 0;
    let revision = 0;
    while (drops < 1_000) {
      const row = rowOf({ minute: revision % 7, key: `k${Math.floor(random() * 9)}`, revision: ++revision });
      rows.push(row);
      started.push(row);
      const socket = clients[Math.floor(random() * clients.length)]?.sockets.at(-1);
      if (socket?.readyState === socket?.OPEN) {
        socket?.terminate();
        drops += 1;
      }
      await turn();
    }
    const expected = oracle(rows);
    for (const { subscription, faults } of watchers) {
      await until(() => isSame(held(subscription.rows()), expected));
      expect(faults).toEqual([]);
    }
    const reconnects = clients.reduce((sum, client) => sum + client.status().reconnects, 0);
    expect(reconnects).toBeGreaterThan(100);
    expect(clients.every((client) => client.status().resyncs === 0)).toBe(true);
  });

  test('[I3] is sent everything again when it was away too long', async () => {
    const started = await start({ limits: { resumeWindowMs: 0 } });
    const { subscription } = watch(started.client());
    const raw = await subscribed(started);
    const old = raw.of('snapshot')[0]?.resume;
    raw.send({ kind: 'unsubscribe', id: 1 });
    for (let revision = 1; revision < 4; revision++) {
      started.push(windowRow(0, `k${revision}`, revision));
      await until(() => subscription.rows().size === revision);
    }
    raw.send({ kind: 'subscribe', id: 2, channel: 'windows:revenue', ...(old !== undefined && { resume: old }) });
    await until(() => raw.of('snapshot').length === 2);
    expect(raw.of('resync')).toMatchObject([{ reason: 'too_old' }]);
    expect(raw.of('snapshot')[1]?.rows).toHaveLength(3);
  });

  test.each([
    ['another instance', 'rig999.1.0.0', 'other_instance'],
    ['nonsense', '🦆', 'other_instance'],
    ['a future', null, 'too_old'],
  ])('[I3] a token of %s costs a resync', async (_what, token, reason) => {
    const started = await start();
    const raw = await subscribed(started);
    const ours = raw.of('snapshot')[0]?.resume.split('.') ?? [];
    raw.send({ kind: 'unsubscribe', id: 1 });
    raw.send({
      kind: 'subscribe',
      id: 2,
      channel: 'windows:revenue',
      resume: token ?? [ours[0], ours[1], '99', ours[3]].join('.'),
    });
    await until(() => raw.of('snapshot').length === 2);
    expect(raw.of('resync')).toMatchObject([{ reason }]);
  });
});

describe('many and slow clients', () => {
  test('[I4] one that does not read is conflated, then dropped with notice; the others see every change', async () => {
    const { clock, pass } = movedClock();
    const limits = {
      ...{ clientQueueBytesMax: 100_000, behindMaxMs: 3 * minuteMs },
      ...{ heartbeatMs: 60 * minuteMs, closeTimeoutMs: minuteMs },
    };
    // Asked each time that the gateway looks at its sockets.
    let looks = 0;
    const started = await start({ clock, limits, systemStatus: () => (looks++, emptyStatus) });
    const slow = await subscribed(started);
    slow.socket.pause();
    const fast = started.client();
    const { subscription } = watch(fast);
    await until(() => started.gateway.status().subscriptions === 2);
    const padding = { text: 'x'.repeat(20_000) };
    let revision = 0;
    const gone = (): boolean => started.gateway.status().subscriptions === 1;
    const rssBefore = process.memoryUsage().rss;
    while (!gone() && revision < 100_000) {
      for (let key = 0; key < 20; key++)
        started.push(windowRow(0, `k${key}`, ++revision, 'final', { values: padding }));
      await until(
        () =>
          held(subscription.rows()).get(`${windowRow(0, '', 1).windowStartMs} k19`) ===
          windowRow(0, '', revision).revision,
      );
      // The fast one has everything: only the slow one is behind at every look.
      const before = looks;
      pass(minuteMs);
      await until(() => looks > before);
    }
    expect(gone()).toBe(true);
    expect(fast.status()).toMatchObject({ phase: 'connected', reconnects: 0, resyncs: 0 });
    slow.socket.resume();
    await until(() => slow.closed);
    expect(slow.closed).toEqual({ code: 4429, reason: 'too_slow' });
    expect(slow.of('error')).toMatchObject([{ code: 'too_slow' }]);
    expect(process.memoryUsage().rss - rssBefore).toBeLessThan(400 * 2 ** 20);
  });

  test('[I4] one that reads too little gets the latest of each row, in order, and never an older one', async () => {
    const started = await start({ limits: { clientQueueMax: 1, clientQueueBytesMax: 50_000, heartbeatMs: 60_000 } });
    const client = started.client();
    const { subscription, faults } = watch(client);
    await until(() => client.status().waiting === 0 && client.status().phase === 'connected');
    const padding = { text: 'x'.repeat(20_000) };
    const rows: WindowResult[] = [];
    for (let round = 0; round < 60; round++) {
      if (round % 10 === 0) client.sockets[0]?.pause();
      for (let key = 0; key < 20; key++)
        rows.push(windowRow(0, `k${key}`, rows.length + 1, 'final', { values: padding }));
      rows.slice(-20).forEach((row) => started.push(row));
      for (let i = 0; i < 20; i++) await turn();
      if (round % 10 === 9) client.sockets[0]?.resume();
    }
    await until(() => isSame(held(subscription.rows()), oracle(rows)));
    expect(faults).toEqual([]);
    expect(client.status()).toMatchObject({ reconnects: 0, resyncs: 0 });
  });

  test('[I6] five hundred viewers share one computation: a row is made text once', async () => {
    const started = await start();
    const clients = Array.from({ length: 500 }, () => started.client());
    const watchers = clients.map(watch);
    await until(() =>
      clients.every((client) => client.status().phase === 'connected' && client.status().waiting === 0),
    );
    let serialised = 0;
    const rows = Array.from({ length: 40 }, (_, i) => windowRow(0, `k${i}`, i + 1, 'final', { values: { count: i } }));
    const original = JSON.stringify;
    const stringify = vi.spyOn(JSON, 'stringify').mockImplementation((value: unknown) => {
      if (typeof value === 'object' && value !== null && 'row' in value) serialised += 1;
      return original(value);
    });
    rows.forEach((row) => started.push(row));
    await until(() => watchers.every(({ subscription }) => subscription.rows().size === 40));
    stringify.mockRestore();
    expect(serialised).toBe(40);
  });
});

/** A raw client with its first snapshot. */
async function subscribed({ raw }: Rig): Promise<RawClient> {
  const client = raw();
  await until(() => client.of('hello').length === 1);
  client.send({ kind: 'auth', method: 'anonymous' });
  await until(() => client.of('ready').length === 1);
  client.send({ kind: 'subscribe', id: 1, channel: 'windows:revenue' });
  await until(() => client.of('snapshot').length === 1);
  return client;
}

/** Park and Miller: a drop at the same places each run. */
function seeded(seed: number): () => number {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}
