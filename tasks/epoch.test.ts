import { describe, expect, it } from 'vitest';
import { createSimBroker, createSimSource } from '../tests/simulation/broker.ts';
import type { SimBroker } from '../tests/simulation/broker.ts';
import { createCalmWorld } from '../tests/simulation/calm.ts';
import type { CalmMember, CalmWorld } from '../tests/simulation/calm.ts';
import { createCountingFold, resultTopic } from '../tests/simulation/counting-fold.ts';
import type { SimEvent, SimResult } from '../tests/simulation/counting-fold.ts';
import { createRandom, createSimProcess } from '../tests/simulation/virtual-time.ts';
import type { OrderClaim, OrderEntry, OrderRecord } from './contract.ts';
import type { TaskServiceOptions } from './options.ts';

const task = { pipeline: 'counting', version: 1, shard: 0 };
const json = <T>(value: Uint8Array | null): T => JSON.parse(Buffer.from(value ?? []).toString()) as T;
const jsonOf = <T>(broker: SimBroker, topic: string, partition = 0): T[] =>
  broker.partition({ topic, partition }).records.map(({ value }) => json<T>(value));
const claimsOf = (broker: SimBroker): OrderClaim[] =>
  jsonOf<OrderRecord>(broker, 'order').filter((r) => r.kind === 'claim');

/** A broker that began anew, with the same topics. */
function freshBroker(world: CalmWorld): SimBroker {
  const broker = createSimBroker(world.time);
  broker.createTopic('in', 2);
  broker.createTopic('order', 1);
  broker.createTopic(resultTopic, 1);
  return broker;
}

/** What was archived of a dead broker: the first part of each of its partitions. */
function archiveOf(world: CalmWorld, dead: SimBroker, share: (name: string, count: number) => number): SimBroker {
  const archive = freshBroker(world);
  for (const [name, { records }] of dead.partitions) {
    const dash = name.lastIndexOf('-');
    const tp = { topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) };
    for (const record of records.slice(0, share(name, records.length))) archive.append(tp, record);
  }
  return archive;
}

const put = (broker: SimBroker, partition: number, amount: number): void => {
  const event: SimEvent = { key: 'k0', amount, eventTimeMs: amount };
  broker.append({ topic: 'in', partition }, { key: null, value: Buffer.from(JSON.stringify(event)) });
};
const whole = (_name: string, count: number): number => count;

/** Starts a task on a fresh broker as epoch `epoch`, with what is archived of earlier ones. */
function startEpoch(
  world: CalmWorld,
  broker: SimBroker,
  epoch: number,
  archives: readonly SimBroker[],
  more: Partial<TaskServiceOptions> = {},
): CalmMember {
  const process = createSimProcess(world.time, 'archive');
  const faults = { isOn: () => false, random: () => 0.5, count: () => {} };
  const nothing = createSimBroker(world.time);
  return world.start(
    {
      epoch:
        epoch === 0 ? { current: 0, openNew: true } : { current: epoch, openNew: true, previous: { epoch: epoch - 1 } },
      archive: (of) => createSimSource(archives[of] ?? nothing, process, faults),
      ...more,
    },
    { broker },
  );
}

/** Epoch 0: ten events, a snapshot after the first five of them, a crash. */
async function crashedFirst(world: CalmWorld): Promise<SimBroker> {
  const broker = freshBroker(world);
  const first = startEpoch(world, broker, 0, [], { tuning: { snapshotEveryMs: 300, idleMs: 1e9 } });
  for (let i = 0; i < 5; i++) put(broker, i % 2, 1);
  await world.until('folded', () => first.shard().totals.records === 5);
  await world.run(600);
  const saved = (await world.store.list(task)).length;
  expect(saved).toBe(1);
  for (let i = 0; i < 5; i++) {
    put(broker, i % 2, 10);
    await world.run(40);
  }
  await world.until('folded', () => first.shard().totals.records === 10);
  first.process.crash();
  return broker;
}

const totalOf = (broker: SimBroker): readonly [number, number] | undefined => {
  const last = jsonOf<SimResult>(broker, resultTopic).at(-1);
  return last && [last.count, last.sum];
};

describe('a new epoch on a fresh broker', () => {
  it('starts from the snapshot of a clean drain, its inputs from the beginning', async () => {
    const world = createCalmWorld();
    const dead = freshBroker(world);
    const first = startEpoch(world, dead, 0, []);
    put(dead, 0, 5);
    await world.until('folded', () => first.shard().totals.records === 1);
    await first.drain();
    const [base] = await world.store.list(task);
    const broker = freshBroker(world);
    const second = startEpoch(world, broker, 1, [archiveOf(world, dead, whole)]);
    put(broker, 0, 7);
    await world.until('folded', () => second.shard().totals.records === 2);
    await world.run(50);
    expect(claimsOf(broker)[0]?.genesis).toEqual({
      epoch: 1,
      base: { name: base?.name, sha256: base?.sha256 },
      starts: { 'in-0': '0', 'in-1': '0' },
    });
    expect(totalOf(broker)).toEqual([2, 12]);
    expect(second.shard()).toMatchObject({ epoch: 1, inputs: { 'in-0': { nextOffset: '1' } } });
  });

  it('folds the archived log beyond the last snapshot first, and produces its outputs again', async () => {
    const world = createCalmWorld();
    const dead = await crashedFirst(world);
    const broker = freshBroker(world);
    const second = startEpoch(world, broker, 1, [archiveOf(world, dead, whole)]);
    await world.until('owner', () => second.shard().state === 'owner');
    const again = jsonOf<SimResult>(broker, resultTopic);
    const before = jsonOf<SimResult>(dead, resultTopic);
    expect(again.length).toBeGreaterThan(0);
    expect(before.slice(-again.length)).toEqual(again);
    const genesis = claimsOf(broker)[0]?.genesis;
    expect(genesis).not.toHaveProperty('gap');
    expect(genesis?.base?.name).toContain(`.e0.s0.o${dead.partition({ topic: 'order', partition: 0 }).endOffset}`);
    put(broker, 1, 100);
    await world.until('folded', () => second.shard().totals.records === 11);
    await world.run(50);
    expect(totalOf(broker)).toEqual([11, 155]);
  });

  it('stops before the first entry that is not all archived, and the first entry of the epoch says that there is a gap', async () => {
    const world = createCalmWorld();
    const dead = await crashedFirst(world);
    const broker = freshBroker(world);
    const skips: boolean[] = [];
    const createFold = () => createCountingFold((entry) => void (entry.epoch === 1 && skips.push(entry.hasSkip)));
    const archive = archiveOf(world, dead, (name, count) => (name === 'in-1' ? count - 1 : count));
    const second = startEpoch(world, broker, 1, [archive], { createFold });
    await world.until('owner', () => second.shard().state === 'owner');
    expect(claimsOf(broker)[0]?.genesis?.gap).toMatch(/in-1 of order offset \d+ is not archived/);
    put(broker, 0, 1);
    await world.until('folded', () => skips.length >= 1);
    put(broker, 0, 1);
    await world.until('folded again', () => skips.length >= 2);
    expect(skips.slice(0, 2)).toEqual([true, false]);
  });

  it('says how many archived records were never ordered', async () => {
    const world = createCalmWorld();
    const dead = await crashedFirst(world);
    for (let i = 0; i < 3; i++) put(dead, 0, 1);
    const broker = freshBroker(world);
    const second = startEpoch(world, broker, 1, [archiveOf(world, dead, whole)]);
    await world.until('owner', () => second.shard().state === 'owner');
    expect(claimsOf(broker)[0]?.genesis?.gap).toContain('3 records of in-0 were never ordered');
  });

  it('takes a snapshot that knows more than the archive, and starts from nothing where nothing is left', async () => {
    const world = createCalmWorld();
    const dead = await crashedFirst(world);
    const broker = freshBroker(world);
    const second = startEpoch(world, broker, 1, [archiveOf(world, dead, () => 0)]);
    await world.until('owner', () => second.shard().state === 'owner');
    put(broker, 0, 1);
    await world.until('folded', () => second.shard().totals.records === 6);
    second.process.crash();
    for (const { name } of await world.store.list(task)) world.store.damage(name);
    const third = startEpoch(world, freshBroker(world), 2, []);
    await world.until('owner', () => third.shard().state === 'owner');
    expect(third.shard()).toMatchObject({ epoch: 2, totals: { records: 0 } });
  });

  it('goes on in the same epoch after a crash, from the base of the genesis', async () => {
    const world = createCalmWorld();
    const dead = await crashedFirst(world);
    const broker = freshBroker(world);
    const archives = [archiveOf(world, dead, whole)];
    const second = startEpoch(world, broker, 1, archives, { tuning: { snapshotEveryMs: 1e9 } });
    put(broker, 0, 100);
    await world.until('folded', () => second.shard().totals.records === 11);
    second.process.crash();
    for (const epoch of [
      { current: 1, openNew: true, previous: { epoch: 0 } },
      { current: 1, openNew: false },
      { current: 0, openNew: false },
    ]) {
      const again = startEpoch(world, broker, 1, archives, { epoch, tuning: { snapshotEveryMs: 1e9 } });
      await world.until('owner', () => again.shard().state === 'owner');
      expect(again.shard()).toMatchObject({ epoch: 1, totals: { records: 11 } });
      again.process.crash();
    }
    expect(claimsOf(broker).filter(({ genesis }) => genesis)).toHaveLength(1);
  });

  it('goes back to the base of an epoch that has no snapshot of its own', async () => {
    const world = createCalmWorld();
    const dead = await crashedFirst(world);
    const archives = [archiveOf(world, dead, whole)];
    const broker = freshBroker(world);
    const second = startEpoch(world, broker, 1, archives, { tuning: { snapshotEveryMs: 1e9 } });
    put(broker, 0, 100);
    await world.until('folded', () => second.shard().totals.records === 11);
    second.process.crash();
    const third = startEpoch(world, freshBroker(world), 2, [...archives, archiveOf(world, broker, whole)]);
    await world.until('owner', () => third.shard().state === 'owner');
    expect(third.shard()).toMatchObject({ epoch: 2, totals: { records: 11 } });
  });
});

/** What a dead epoch's log says up to an order offset, with none of the engine's code. */
function totalUpTo(dead: SimBroker, base: readonly [number, number], orderOffset: number): [number, number] {
  let [count, sum] = base;
  let head = '';
  for (const record of jsonOf<OrderRecord>(dead, 'order').slice(0, orderOffset)) {
    if (record.kind === 'entry' && record.prev !== head) continue;
    head = record.id;
    if (record.kind !== 'entry') continue;
    for (const event of eventsOf(dead, record)) [count, sum] = [count + 1, sum + event.amount];
  }
  return [count, sum];
}

const eventsOf = (broker: SimBroker, { ranges }: OrderEntry): SimEvent[] =>
  ranges.flatMap(([name, from, to]) =>
    jsonOf<SimEvent>(broker, 'in', Number(name.slice(3))).slice(Number(from), Number(to)),
  );

it(
  'over chains of crashed epochs, whatever was archived of each: never less than snapshot and archive know, and exact',
  { timeout: 180_000 },
  async () => {
    for (let seed = 1; seed <= 25; seed++) {
      const random = createRandom(seed);
      const world = createCalmWorld();
      const archives: SimBroker[] = [];
      let base: readonly [number, number] = [0, 0];
      for (let epoch = 0; epoch < 4; epoch++) {
        const broker = freshBroker(world);
        const member = startEpoch(world, broker, epoch, archives, {
          tuning: { snapshotEveryMs: 200, entryRecordsMax: 4, idleMs: 1e9 },
        });
        await world.until('owner', () => member.shard().state === 'owner');
        for (let i = 0; i < 20; i++) {
          put(broker, random() < 0.5 ? 0 : 1, Math.floor(random() * 50));
          await world.run(Math.floor(random() * 60));
        }
        await world.run(Math.floor(random() * 100));
        member.process.crash();
        await world.run(500);
        const archive = archiveOf(world, broker, (name, count) =>
          random() < 0.4 || name === resultTopic ? count : Math.floor(random() * (count + 1)),
        );
        archives.push(archive);
        const saved = (await world.store.list(task)).find((entry) => entry.epoch === epoch);
        const next = startEpoch(world, freshBroker(world), epoch + 1, archives);
        await world.until('owner', () => next.shard().state === 'owner');
        const known = foldable(archive, Number(saved?.orderOffset ?? 0n));
        base = known === 0 ? base : totalUpTo(broker, base, known);
        expect([seed, epoch, next.shard().counters['records']]).toEqual([seed, epoch, base[0]]);
        next.process.crash();
      }
    }
  },
);

/** How much of an archived order log can be folded after a snapshot: up to the first counting entry that reads beyond what is archived. */
function foldable(archive: SimBroker, from: number): number {
  const log = jsonOf<OrderRecord>(archive, 'order');
  let head = '';
  for (const [i, record] of log.entries()) {
    if (record.kind === 'entry' && record.prev !== head) continue;
    head = record.id;
    if (record.kind !== 'entry') continue;
    const isArchived = record.ranges.every(
      ([name, , to]) => archive.partition({ topic: 'in', partition: Number(name.slice(3)) }).endOffset >= BigInt(to),
    );
    if (!isArchived && i >= from) return i;
  }
  return Math.max(from, log.length);
}
