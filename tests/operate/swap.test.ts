import { describe, expect, it } from 'vitest';
import { parseSnapshotName } from '../../checkpoints/name.ts';
import type { WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Fold, OrderClaim } from '../../tasks/contract.ts';
import { backfilledFrom, type Predecessor } from '../../tasks/backfill.ts';
import type { TaskServiceOptions } from '../../tasks/options.ts';
import { T0, payment, revenuePipeline } from '../fold/cases.ts';
import { createSimBroker, createSimSource } from '../simulation/broker.ts';
import { type CalmWorld, createCalmWorld, jsonOf } from '../simulation/calm.ts';
import { createSimProcess } from '../simulation/virtual-time.ts';

const minuteMs = 60_000;
const noFaults = { isOn: () => false, random: () => 0.5, count: () => {} };
/** How far behind the watermark a window of this pipeline still takes events. */
const acceptsBehindMs = 3_600_000 + minuteMs;

/** Revenue as version 1 or 2: the same numbers under another version, which is what a person compares. */
function revenueOf(version: number): Fold {
  const fold = revenuePipeline({ allowedLatenessMs: minuteMs });
  const relabel = (value: Uint8Array): Uint8Array => {
    const row = JSON.parse(Buffer.from(value).toString()) as Record<string, unknown>;
    return Buffer.from(JSON.stringify({ ...row, version }));
  };
  return { ...fold, version, fold: (entry) => fold.fold(entry).map((out) => ({ ...out, value: relabel(out.value) })) };
}

interface Swapped {
  began: number;
  swaps: number[];
}

function predecessorOf(world: CalmWorld, seen: Swapped, order = world.broker): Predecessor {
  const process = createSimProcess(world.time, 'new');
  return {
    ...{ version: 1, orderTopic: 'order', deadEpochs: [], placeOf: ({ name }) => parseSnapshotName(name) },
    order: createSimSource(order, process, noFaults),
    olderLog: ({ name }) =>
      Promise.resolve(
        backfilledFrom(parseSnapshotName(name) ?? {}) === 1 ? { orderTopic: 'order', epochs: [0] } : null,
      ),
    isQuiet: (topic) => topic === resultTopics.deadLetters,
    onQuiet: () => {},
    endings: () => Promise.resolve([]),
    onBegin: () => Promise.resolve(void (seen.began += 1)),
    onSwap: (watermarkMs) => Promise.resolve(void seen.swaps.push(watermarkMs)),
  };
}

function worldWithPayments() {
  const world = createCalmWorld();
  for (const topic of ['payments', 'order2', 'order3', ...Object.values(resultTopics)])
    world.broker.createTopic(topic, 1);
  let sent = 0;
  const pay = (atMs = world.time.nowMs()): void => {
    const event = payment({ atMs: atMs - T0, source: `n${sent++}` });
    world.broker.append({ topic: 'payments', partition: 0 }, { key: null, value: Buffer.from(JSON.stringify(event)) });
  };
  const rows = (): WindowResult[] =>
    jsonOf<WindowResult>(world.broker, { topic: resultTopics.windows, partition: 0 }).filter(
      ({ output }) => output === 'country_1m',
    );
  return { world, pay, rows, sent: () => sent };
}

/** The only member, of a new version's order topic. */
const membershipOf = (topic: string): TaskServiceOptions['membership'] => ({
  kind: 'solo',
  start: (handlers) => Promise.resolve(handlers.assigned([{ topic, partition: 0 }])),
  commit: () => Promise.resolve(),
  committed: () => Promise.resolve([]),
  close: () => Promise.resolve(),
});
const membership = membershipOf('order2');
const tuning = { snapshotEveryMs: 2_000, idleMs: 5_000 };
const asVersion2 = (world: CalmWorld, seen: Swapped, more: Partial<TaskServiceOptions> = {}) =>
  world.start({
    ...{ createFold: () => revenueOf(2), orderTopic: 'order2', membership, tuning },
    predecessor: predecessorOf(world, seen),
    ...more,
  });

/** What `*_final` views show: of each window the row of the version that is live for its start, the highest revision. */
function view(rows: readonly WindowResult[], liveFromMs: number): Map<number, WindowResult> {
  const shown = new Map<number, WindowResult>();
  for (const row of rows) {
    if (row.version !== (row.windowStartMs >= liveFromMs ? 2 : 1) || row.state === 'provisional') continue;
    const known = shown.get(row.windowStartMs);
    if (!known || BigInt(row.revision) >= BigInt(known.revision)) shown.set(row.windowStartMs, row);
  }
  return shown;
}

describe('a new version of a pipeline', () => {
  it('[B6] takes over from the running one: by version, rows have no gap and no overlap, and every payment counts once', async () => {
    const { world, pay, rows, sent } = worldWithPayments();
    const old = world.start({ createFold: () => revenueOf(1), tuning });
    const beganMs = world.time.nowMs();
    const feed = async (minutes: number): Promise<void> => {
      for (let i = 0; i < minutes * 12; i++) {
        pay();
        await world.run(5_000);
      }
    };
    await feed(70);
    const seen: Swapped = { began: 0, swaps: [] };
    const next = asVersion2(world, seen);
    await feed(5);
    expect(old.shard().state).toBe('superseded');
    expect(old.status().state).toBe('running');
    expect(next.shard()).toMatchObject({ state: 'owner', epoch: 1 });
    expect(seen.began).toBe(1);
    expect(seen.swaps).toHaveLength(1);
    const swapMs = (seen.swaps[0] ?? 0) - acceptsBehindMs;
    await feed(70);
    await world.run(59_000);
    await world.run(59_000);

    // What the old version ordered and what the new one did: together all, none twice.
    const totals = next.shard().totals.records;
    expect(totals).toBe(sent());
    const shown = view(rows(), swapMs);
    const starts = [...shown.keys()].sort((a, b) => a - b);
    const first = Math.floor(beganMs / minuteMs) * minuteMs;
    expect(starts).toEqual(starts.map((_, i) => first + i * minuteMs));
    expect(starts.length).toBeGreaterThanOrEqual(145);
    const counted = [...shown.values()].reduce((sum, { values }) => sum + Number(values['count']), 0);
    expect(counted).toBe(sent());
    const byVersion = [1, 2].map((version) => [...shown.values()].filter((row) => row.version === version).length);
    expect(byVersion.every((count) => count > 5)).toBe(true);
    // Everything that the old version did not live to close is closed by the new one, and nothing is told twice under one version.
    const finals = rows().filter(({ state, version }) => state === 'final' && version === 2);
    expect(new Set(finals.map(({ windowStartMs }) => windowStartMs)).size).toBe(finals.length);
  });

  it('[B6] is not told quiet topics again for what is past, and a late payment corrects under the new version', async () => {
    const { world, pay, rows } = worldWithPayments();
    const letters = () => world.broker.partition({ topic: resultTopics.deadLetters, partition: 0 }).records.length;
    world.start({ createFold: () => revenueOf(1), tuning });
    for (let i = 0; i < 30; i++) {
      pay();
      await world.run(5_000);
    }
    world.broker.append({ topic: 'payments', partition: 0 }, { key: null, value: Buffer.from('not JSON') });
    await world.until('dead letter', () => letters() === 1);
    const lateMs = Math.floor((world.time.nowMs() - 10_000) / minuteMs) * minuteMs - 30_000;
    const next = asVersion2(world, { began: 0, swaps: [] });
    await world.until('owner', () => next.shard().state === 'owner');
    await world.run(2_000);
    expect(letters()).toBe(1);
    world.broker.append({ topic: 'payments', partition: 0 }, { key: null, value: Buffer.from('not JSON') });
    pay(lateMs);
    await world.run(2_000);
    expect(letters()).toBe(2);
    const windowStartMs = Math.floor(lateMs / minuteMs) * minuteMs;
    const own = rows().filter((row) => row.version === 2 && row.windowStartMs === windowStartMs);
    expect(own.at(-1)?.state).toBe('corrected');
    expect(BigInt(own.at(-1)?.revision ?? 0)).toBeGreaterThan(BigInt(own[0]?.revision ?? 0));
  });

  it('[B6] begins its back-fill again after a crash in the middle, whether the old log is ended by then or not', async () => {
    for (const crashAfterMs of [3, 10, 20, 40, 80, 200]) {
      const { world, pay, sent } = worldWithPayments();
      world.start({ createFold: () => revenueOf(1), tuning });
      for (let i = 0; i < 40; i++) {
        pay();
        await world.run(1_000);
      }
      const seen: Swapped = { began: 0, swaps: [] };
      const first = asVersion2(world, seen);
      await world.run(crashAfterMs);
      first.process.crash();
      pay();
      const second = asVersion2(world, seen);
      await world.until('owner', () => second.shard().state === 'owner');
      await world.until('all', () => second.shard().totals.records === sent());
      const third = second.shard().epoch;
      expect(third).toBe(1);
    }
  });

  it('[B6] takes over from a version that took over itself: the state of the first is made again from its archived log', async () => {
    const { world, pay, rows, sent } = worldWithPayments();
    const feed = async (count: number): Promise<void> => {
      for (let i = 0; i < count; i++) {
        pay();
        await world.run(5_000);
      }
    };
    world.start({ createFold: () => revenueOf(1), tuning });
    await feed(30);
    asVersion2(world, { began: 0, swaps: [] });
    await feed(30);
    const seen: Swapped = { began: 0, swaps: [] };
    const archive = createSimSource(world.broker, createSimProcess(world.time, 'archive'), noFaults);
    const third = world.start({
      ...{ createFold: () => revenueOf(3), orderTopic: 'order3', membership: membershipOf('order3'), tuning },
      predecessor: { ...predecessorOf(world, seen), version: 2, orderTopic: 'order2' },
      archive: () => archive,
    });
    await world.until('owner', () => third.shard().state === 'owner');
    await feed(40);
    expect(seen.swaps).toHaveLength(1);
    expect(third.shard()).toMatchObject({ parked: null, epoch: 2, totals: { records: sent() } });
    // Every window from the first payment on is told under the third version, with what the two before it counted.
    const newest = new Map(rows().flatMap((row) => (row.version === 3 ? [[row.windowStartMs, row] as const] : [])));
    const counted = [...newest.values()].reduce((sum, { values }) => sum + Number(values['count']), 0);
    expect(counted).toBeGreaterThanOrEqual(sent() - 12);
    const countsOf = (version: number) =>
      new Map(
        rows().flatMap((row) =>
          row.version === version && row.state === 'final' ? [[row.windowStartMs, row.values] as const] : [],
        ),
      );
    const finals = countsOf(3);
    for (const version of [1, 2])
      for (const [startMs, values] of countsOf(version)) expect(finals.get(startMs)).toEqual(values);
  });

  it.each([0, 2])(
    '[B6] on a new broker makes its state from the archived logs alone, %i never ordered',
    async (lost) => {
      const { world, pay } = worldWithPayments();
      const old = world.start({ createFold: () => revenueOf(1), tuning });
      for (let i = 0; i < 30; i++) {
        pay();
        await world.run(5_000);
      }
      await world.until('folded', () => old.shard().totals.records === 30);
      old.process.crash();
      for (let i = 0; i < lost; i++) pay();
      const archived = world.broker;
      const broker = createSimBroker(world.time);
      for (const topic of ['payments', 'order', 'order2', ...Object.values(resultTopics)]) broker.createTopic(topic, 1);
      const process = createSimProcess(world.time, 'archive');
      const seen: Swapped = { began: 0, swaps: [] };
      const next = world.start(
        {
          ...{ createFold: () => revenueOf(2), orderTopic: 'order2', membership, tuning },
          epoch: { current: 1, openNew: true, previous: { epoch: 0 } },
          archive: () => createSimSource(archived, process, noFaults),
          predecessor: { ...predecessorOf(world, seen), order: null, deadEpochs: [0] },
        },
        { broker },
      );
      await world.until('owner', () => next.shard().state === 'owner');
      expect(next.shard()).toMatchObject({
        epoch: 1,
        totals: { records: 30 },
        inputs: { 'payments-0': { nextOffset: '0' } },
      });
      expect(seen.swaps).toHaveLength(1);
      const told = broker.partition({ topic: resultTopics.windows, partition: 0 }).records.length;
      expect(told).toBeGreaterThan(2);
      const [claim] = jsonOf<OrderClaim>(broker, { topic: 'order2', partition: 0 });
      expect(claim?.genesis).toBeDefined();
      expect(claim?.genesis?.gap).toBe(lost === 0 ? undefined : 'epoch 0: 2 records of payments-0 were never ordered');
    },
  );
});
