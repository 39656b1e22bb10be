import { describe, expect, it } from 'vitest';
import { type CalmMember, type CalmWorld, createCalmWorld } from '../tests/simulation/calm.ts';
import { type SimResult, resultTopic } from '../tests/simulation/counting-fold.ts';
import type { MembershipHandlers } from '../kafka/contract.ts';
import type { TaskServiceOptions, TaskTuning } from './options.ts';

const shard = [{ topic: 'order', partition: 0 }];

interface Instance {
  readonly member: CalmMember;
  readonly handlers: () => MembershipHandlers;
}

/** An instance that is given the task when the test says so. */
function instance(
  world: CalmWorld,
  tuning: Partial<TaskTuning> = {},
  more: Partial<TaskServiceOptions> = {},
): Instance {
  let handlers: MembershipHandlers | null = null;
  const member = world.start({
    membership: {
      kind: 'group',
      start: (given) => Promise.resolve(void (handlers = given)),
      commit: () => Promise.resolve(),
      committed: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    },
    tuning: { snapshotEveryMs: 500, isStandby: true, ...tuning },
    ...more,
  });
  return {
    member,
    handlers() {
      if (!handlers) throw new Error('not started');
      return handlers;
    },
  };
}

const started = (world: CalmWorld, one: Instance): Promise<void> =>
  world.until('started', () => one.member.status().state === 'running');
const owning = async (world: CalmWorld, one: Instance): Promise<void> => {
  await started(world, one);
  one.handlers().assigned(shard);
  await world.until('owner', () => one.member.shard().state === 'owner');
};
const following = async (world: CalmWorld, one: Instance): Promise<void> => {
  await started(world, one);
  await world.until('standby', () => one.member.shard().state === 'standing_by');
};
const produce = (world: CalmWorld, from: number, to: number): void => {
  for (let i = from; i < to; i++) world.produce(i % 2, i);
};
const folded = (world: CalmWorld, { member }: Instance, records: number): Promise<void> =>
  world.until(`${records} folded`, () => member.shard().totals.records === records);
const results = (world: CalmWorld): SimResult[] =>
  world.broker
    .partition({ topic: resultTopic, partition: 0 })
    .records.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as SimResult);
/** What must be there in the end, by arithmetic. */
const expected = (to: number): Record<string, readonly [number, number]> => {
  const totals: Record<string, [number, number]> = {};
  for (let i = 0; i < to; i++) {
    const total = (totals[`k${i % 3}`] ??= [0, 0]);
    totals[`k${i % 3}`] = [total[0] + 1, total[1] + i];
  }
  return totals;
};

describe('a hot standby', () => {
  it('[D9] folds the log of another without writing, and takes over with nothing to catch up', async () => {
    const world = createCalmWorld();
    const [owner, standby] = [instance(world), instance(world)];
    await owning(world, owner);
    await following(world, standby);
    produce(world, 0, 30);
    await folded(world, standby, 30);
    await world.run(2_000);
    const before = { log: world.log().length, results: results(world).length };
    const offset = standby.member.shard().orderOffset;
    expect(BigInt(offset)).toBe(BigInt(world.log().length));
    expect(world.log().filter(({ kind }) => kind === 'claim')).toHaveLength(1);
    owner.member.process.crash();
    standby.handlers().assigned(shard);
    await world.until('owner', () => standby.member.shard().state === 'owner');
    // Every result stands behind a snapshot of the owner: none is sent again.
    expect(results(world)).toHaveLength(before.results);
    expect(world.log().length).toBe(before.log + 1);
    produce(world, 30, 36);
    await folded(world, standby, 36);
    await world.run(500);
    expect(world.totals()).toEqual(expected(36));
    expect(standby.member.shard().takeoverMs).toBeLessThan(1_000);
    expect(await standby.member.options.metrics.text()).toMatch(/takeover_seconds_count\{pipeline="counting"\} 1/);
  });

  it('[D9] sends first what the owner had folded and nobody acknowledged', async () => {
    const world = createCalmWorld();
    const silent = { send: () => new Promise<never>(() => {}) };
    const owner = instance(
      world,
      {},
      { producer: { ...instance(world, { isStandby: false }).member.options.producer, ...silent } },
    );
    await owning(world, owner);
    const standby = instance(world);
    await following(world, standby);
    for (let i = 0; i < 30; i += 10) {
      produce(world, i, i + 10);
      await folded(world, standby, i + 10);
    }
    expect(results(world)).toEqual([]);
    owner.member.process.crash();
    standby.handlers().assigned(shard);
    produce(world, 30, 33);
    await folded(world, standby, 33);
    await world.run(500);
    expect(world.totals()).toEqual(expected(33));
    const withRecords = world
      .log()
      .flatMap((record, orderOffset) => (record.kind === 'entry' && record.ranges.length > 0 ? [orderOffset] : []));
    expect([...new Set(results(world).map(({ orderOffset }) => orderOffset))]).toEqual(withRecords);
    expect(withRecords.length).toBeGreaterThan(2);
  });

  it('waits, instead of keeping more than its bound, and folds on when a snapshot stands behind it', async () => {
    const world = createCalmWorld();
    const owner = instance(world, { snapshotEveryMs: 60_000 });
    const standby = instance(world, { outputMessagesMax: 4, snapshotEveryMs: 200 });
    await owning(world, owner);
    await following(world, standby);
    for (let i = 0; i < 20; i++) {
      world.produce(0, i);
      await world.run(50);
    }
    await folded(world, owner, 20);
    const { records } = standby.member.shard().totals;
    expect(records).toBeLessThan(20);
    await owner.member.drain(); // It saves.
    await folded(world, standby, 20);
    standby.handlers().assigned(shard);
    await world.until('owner', () => standby.member.shard().state === 'owner');
    await world.run(500);
    expect(world.totals()).toEqual(expected(20));
    expect(records).toBeGreaterThan(0);
  });

  it('never parks: what its owner has to be told, its owner is told', async () => {
    const world = createCalmWorld();
    const owner = instance(world);
    await owning(world, owner);
    produce(world, 0, 2);
    await folded(world, owner, 2);
    const broken = { ...world.store, list: () => Promise.reject(new Error('no such store')) };
    const standby = instance(world, {}, { store: broken });
    await started(world, standby);
    await world.run(5_000);
    expect(standby.member.shard().parked).toBeNull();
    expect(standby.member.status().state).toBe('running');
  });

  it('begins again, by what the log says, when the task was its own and is taken away', async () => {
    const world = createCalmWorld();
    const [first, second] = [instance(world), instance(world)];
    await owning(world, first);
    await following(world, second);
    produce(world, 0, 10);
    await folded(world, second, 10);
    first.handlers().revoked(shard, 'revoked');
    second.handlers().assigned(shard);
    await world.until('moved', () => second.member.shard().state === 'owner');
    await following(world, first);
    produce(world, 10, 20);
    await folded(world, first, 20);
    await folded(world, second, 20);
    await world.run(500);
    expect(world.totals()).toEqual(expected(20));
  });
});
