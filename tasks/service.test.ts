import { describe, expect, it } from 'vitest';
import { createSimProcess } from '../tests/simulation/virtual-time.ts';
import { createSimSource, createSimBroker } from '../tests/simulation/broker.ts';
import { createCalmWorld } from '../tests/simulation/calm.ts';
import { createCountingFold } from '../tests/simulation/counting-fold.ts';
import type { MembershipHandlers } from '../kafka/contract.ts';
import type { OrderEntry, OrderRecord } from './contract.ts';

const entries = (log: readonly OrderRecord[]): OrderEntry[] => log.filter((record) => record.kind === 'entry');
const ranges = (log: readonly OrderRecord[]) => entries(log).flatMap((entry) => entry.ranges);

describe('a task', () => {
  it('claims with a genesis, orders what comes, produces results and commits where it is', async () => {
    const world = createCalmWorld();
    world.produce(0, 3);
    const task = world.start();
    await world.until('owner', () => task.shard().state === 'owner');
    expect(world.log()[0]).toMatchObject({
      kind: 'claim',
      replaces: null,
      genesis: { epoch: 0, base: null, starts: { 'in-0': '0', 'in-1': '0' } },
    });
    world.produce(1, 6);
    world.produce(1, 4);
    await world.until('folded', () => task.shard().totals.records === 3);
    await world.run(1_500);
    expect(world.totals()).toEqual({ k0: [2, 9], k1: [1, 4] });
    expect(task.shard()).toMatchObject({
      state: 'owner',
      inputs: { 'in-0': { nextOffset: '1', lag: 0 }, 'in-1': { nextOffset: '2', lag: 0 } },
      outputsPending: 0,
    });
    expect(task.committed.at(-1)).toEqual([
      { topic: 'in', partition: 0, nextOffset: 1n },
      { topic: 'in', partition: 1, nextOffset: 2n },
      { topic: 'order', partition: 0, nextOffset: BigInt(world.log().length) },
    ]);
  });

  it('goes on from its snapshot with a plain claim', async () => {
    const world = createCalmWorld();
    const first = world.start();
    world.produce(0, 1);
    await world.until('folded', () => first.shard().totals.records === 1);
    await first.drain();
    expect(first.status().state).toBe('stopped');
    const length = world.log().length;
    expect((await world.store.list({ pipeline: 'counting', version: 1, shard: 0 }))[0]?.orderOffset).toBe(
      BigInt(length),
    );
    world.produce(0, 4);
    const second = world.start();
    await world.until('folded', () => second.shard().totals.records === 2);
    await world.run(100);
    expect(world.log()[length]).toMatchObject({ kind: 'claim', replaces: world.log()[0]?.id });
    expect(world.log()[length]).not.toHaveProperty('genesis');
    expect(world.totals()).toEqual({ k1: [2, 5] });
  });

  it('saves snapshots while it folds the log again, so that crashes in a row make progress', async () => {
    const world = createCalmWorld();
    for (let i = 0; i < 300; i++) world.produce(i % 2, i);
    const first = world.start({ tuning: { entryRecordsMax: 1, snapshotEveryMs: 1_000_000 } });
    await world.until('all folded', () => first.shard().totals.records === 300);
    first.process.crash();
    const second = world.start({ tuning: { snapshotEveryMs: 10, outputMessagesMax: 1 } });
    const task = { pipeline: 'counting', version: 1, shard: 0 };
    let saved = 0;
    await world.until('a snapshot', () => {
      void world.store.list(task).then((list) => (saved = list.length));
      return saved > 0;
    });
    expect(second.shard().state).not.toBe('owner');
  });

  it('takes the snapshot before a damaged one, and the genesis when all are damaged', async () => {
    const world = createCalmWorld();
    const first = world.start({ tuning: { snapshotEveryMs: 500 } });
    for (let i = 0; i < 5; i++) {
      world.produce(0, i);
      await world.run(700);
    }
    first.process.crash();
    const task = { pipeline: 'counting', version: 1, shard: 0 };
    for (const { name } of (await world.store.list(task)).slice(0, 2)) world.store.damage(name);
    const second = world.start();
    await world.until('folded', () => second.shard().totals.records === 5);
    second.process.crash();
    for (const { name } of (await world.store.list(task)).slice(2)) world.store.damage(name);
    const third = world.start();
    await world.until('folded', () => third.shard().totals.records === 5);
    await world.run(200);
    expect(world.totals()).toEqual({ k0: [2, 3], k1: [2, 5], k2: [1, 2] });
  });

  it('starts at the end where told `latest`, and reads a partition that appears later from its beginning', async () => {
    const world = createCalmWorld({ partitions: 1 });
    world.produce(0, 7);
    const task = world.start({ startFrom: 'latest' });
    await world.until('owner', () => task.shard().state === 'owner');
    world.produce(1, 6);
    world.broker.createTopic('in', 2);
    await world.until('joined', () => task.shard().totals.records === 1);
    expect(entries(world.log()).flatMap((entry) => entry.joins ?? [])).toEqual([['in-1', '0']]);
    expect(ranges(world.log()).map(([name, from, to]) => [name, from, to])).toEqual([['in-1', '0', '1']]);
  });

  it('begins before its input exists', async () => {
    const world = createCalmWorld({ partitions: 0 });
    const task = world.start();
    await world.until('owner', () => task.shard().state === 'owner');
    world.produce(0, 6);
    world.broker.createTopic('in', 1);
    await world.until('folded', () => task.shard().totals.records === 1);
  });

  it('[C5] logs a partition as idle after idleMs at its end, and not while it has records', async () => {
    const world = createCalmWorld();
    const task = world.start({ tuning: { idleMs: 1_000 } });
    await world.until('owner', () => task.shard().state === 'owner');
    for (let i = 0; i < 20; i++) {
      world.produce(0, i);
      await world.run(100);
    }
    expect(task.shard().idle).toEqual(['in-1']);
    world.produce(1, 1);
    await world.run(100);
    expect(task.shard().idle).toEqual([]);
    await world.run(2_000);
    expect(task.shard().idle).toEqual(['in-0', 'in-1']);
  });

  it('[C6] ticks while all is silent and a window is open, else beats once in ownerHeartbeatMs', async () => {
    for (const needsTick of [true, false]) {
      const world = createCalmWorld();
      const task = world.start({
        createFold: () => ({ ...createCountingFold(), needsTick: () => needsTick }),
        tuning: { idleMs: 500 },
      });
      await world.until('all idle', () => task.shard().idle.length === 2);
      const before = world.log().length;
      await world.run(9_100);
      expect(world.log().length - before).toBeGreaterThanOrEqual(needsTick ? 6 : 2);
      expect(world.log().length - before).toBeLessThanOrEqual(needsTick ? 10 : 4);
    }
  });

  it('[C7] folds the partition furthest behind in event time first when it catches up', async () => {
    const world = createCalmWorld();
    for (let i = 0; i < 600; i++) world.produce(0, i, 1_000 * i);
    for (let i = 0; i < 600; i++) world.produce(1, i, 10 * i);
    const spread: number[] = [];
    const createFold = () => {
      const fold = createCountingFold((entry) => {
        const times = ['in-0', 'in-1'].map((name) => fold.partitionTimeMs(name));
        if (entry.batches.length > 0 && times[1] !== 5_990) spread.push((times[0] ?? 0) - (times[1] ?? 0));
      });
      return fold;
    };
    const task = world.start({ createFold, tuning: { entryRecordsMax: 100 } });
    await world.until('folded', () => task.shard().totals.records === 1_200);
    expect(Math.max(...spread.slice(5))).toBeLessThan(130_000);
  });

  it('does not make an entry of every record when records come fast', async () => {
    const world = createCalmWorld();
    const task = world.start({ tuning: { entryEveryMs: 20 } });
    await world.until('owner', () => task.shard().state === 'owner');
    const before = world.log().length;
    for (let i = 0; i < 1_000; i++) {
      world.produce(i % 2, i);
      await world.run(1);
    }
    await world.until('folded', () => task.shard().totals.records === 1_000);
    expect(world.log().length - before).toBeLessThanOrEqual(52);
  });

  it('orders what comes sooner while no entry is in flight, where it is told to', async () => {
    const lengthWith = async (entrySoonMs?: number): Promise<number> => {
      const world = createCalmWorld();
      const task = world.start({ tuning: { entryEveryMs: 200, entrySoonMs } });
      await world.until('owner', () => task.shard().state === 'owner');
      const before = world.log().length;
      for (let i = 0; i < 100; i++) {
        world.produce(i % 2, i);
        await world.run(20);
      }
      await world.until('folded', () => task.shard().totals.records === 100);
      return world.log().length - before;
    };
    expect(await lengthWith()).toBeLessThanOrEqual(12);
    expect(await lengthWith(1)).toBeGreaterThan(30);
  });

  it('reads a range whose CRC differs from the archive, else parks alone and names what to do', async () => {
    for (const hasArchive of [true, false]) {
      const world = createCalmWorld();
      const archived = createSimBroker(world.time);
      const task = world.start({ tuning: { snapshotEveryMs: 1e9 } });
      for (let i = 0; i < 3; i++) world.produce(0, i);
      await world.until('folded', () => task.shard().totals.records === 3);
      task.process.crash();
      const held = world.broker.partition({ topic: 'in', partition: 0 }).records;
      for (const record of held) archived.append({ topic: 'in', partition: 0 }, record);
      for (const [i, record] of held.entries())
        held[i] = { ...record, value: Buffer.from('{"key":"k0","amount":1000,"eventTimeMs":1}') };
      const archive = () =>
        createSimSource(archived, createSimProcess(world.time, 'archive'), {
          isOn: () => false,
          random: () => 0.5,
          count: () => {},
        });
      const second = world.start(hasArchive ? { archive } : {});
      if (hasArchive) await world.until('folded', () => second.shard().totals.records === 3);
      else await world.until('parked', () => second.status().state === 'parked');
      await world.run(100);
      expect(world.totals()).toEqual({ k0: [1, 0], k1: [1, 1], k2: [1, 2] });
      if (!hasArchive) {
        expect(second.shard().parked).toMatchObject({ code: 'crc_mismatch' });
        expect(second.status().detail).toContain('millrace restore');
      }
    }
  });

  it('parks only the shard whose fold throws', async () => {
    const world = createCalmWorld({ shards: 2 });
    const createFold = (shard: number) =>
      createCountingFold((entry) => {
        if (shard === 0 && entry.batches.length > 0) throw new Error('a fault');
      });
    const task = world.start({ createFold });
    world.produce(0, 1);
    world.produce(1, 1);
    await world.until('parked', () => task.shard(0).state === 'parked');
    await world.until('folded', () => task.shard(1).totals.records === 1);
    expect(task.status()).toMatchObject({ state: 'parked', detail: expect.stringContaining('fold_failed') as string });
    expect(await task.options.metrics.text()).toContain('millrace_task_parked{pipeline="counting",shard="0"} 1');
    world.produce(1, 2);
    await world.until('folded', () => task.shard(1).totals.records === 2);
  });

  it('parks when the order log is shorter than its snapshot, or does not reach back', async () => {
    for (const how of ['truncated', 'trimmed'] as const) {
      const world = createCalmWorld();
      const first = world.start();
      world.produce(0, 1);
      await world.until('folded', () => first.shard().totals.records === 1);
      await first.drain();
      const log = world.broker.partition({ topic: 'order', partition: 0 });
      if (how === 'truncated') log.endOffset = BigInt((log.records.length = 1));
      else {
        log.records.shift();
        log.lowOffset = 1n;
        for (const { name } of await world.store.list({ pipeline: 'counting', version: 1, shard: 0 }))
          world.store.damage(name);
      }
      const second = world.start();
      await world.until('parked', () => second.status().state === 'parked');
      expect(second.shard().parked?.code).toBe(how === 'truncated' ? 'log_truncated' : 'log_broken');
    }
  });

  it('parks when an input was made anew while nobody looked, though it has more records than were read', async () => {
    const world = createCalmWorld();
    let incarnation = 'one';
    const incarnationOf = () => Promise.resolve(incarnation);
    const first = world.start({ incarnationOf });
    for (let i = 0; i < 3; i++) world.produce(0, i);
    await world.until('folded', () => first.shard().totals.records === 3);
    await first.drain();
    const again = world.start({ incarnationOf });
    await world.until('owner', () => again.shard().state === 'owner');
    await again.drain();
    incarnation = 'two';
    for (let i = 0; i < 3; i++) world.produce(0, i);
    const last = world.start({ incarnationOf });
    await world.until('parked', () => last.status().state === 'parked');
    expect(last.shard().parked?.code).toBe('topic_recreated');
    expect(world.totals()['k0']).toEqual([1, 0]);
  });

  it('parks when an input ends below its position', async () => {
    const world = createCalmWorld();
    const first = world.start();
    for (let i = 0; i < 5; i++) world.produce(0, i);
    await world.until('folded', () => first.shard().totals.records === 5);
    await first.drain();
    const input = world.broker.partition({ topic: 'in', partition: 0 });
    input.endOffset = BigInt((input.records.length = 2));
    const second = world.start({ tuning: { idleMs: 500 } });
    await world.until('parked', () => second.status().state === 'parked');
    expect(second.shard().parked?.code).toBe('log_truncated');
  });

  it('parks when its clock and the broker that appended its claim are more than 5 s apart', async () => {
    for (const skewMs of [-5_500, 5_500, 3_000]) {
      const world = createCalmWorld();
      const task = world.start();
      task.process.skew(skewMs);
      if (skewMs === 3_000) await world.until('owner', () => task.shard().state === 'owner');
      else await world.until('parked', () => task.shard().parked?.code === 'clock_skew');
    }
  });

  it('lets a deposed solo stand by, and claim again only after the log was silent', async () => {
    const world = createCalmWorld();
    const first = world.start();
    await world.until('owner', () => first.shard().state === 'owner');
    const second = world.start();
    await world.until('deposed', () => second.shard().state === 'owner' && first.shard().state === 'standing_by');
    await world.run(30_000);
    expect([first.shard().state, second.shard().state]).toEqual(['standing_by', 'owner']);
    second.process.crash();
    const crashedMs = world.time.nowMs();
    await world.until('takes over', () => first.shard().state === 'owner');
    expect(world.time.nowMs() - crashedMs).toBeGreaterThan(7_000);
    world.produce(0, 1);
    await world.until('folded', () => first.shard().totals.records === 1);
  });

  it('stops appending when it is revoked, and goes on when it is assigned again', async () => {
    const world = createCalmWorld();
    const task = world.start();
    await world.until('owner', () => task.shard().state === 'owner');
    task.handlers().revoked([{ topic: 'order', partition: 0 }], 'revoked');
    await world.until('unassigned', () => task.shard().state === 'unassigned');
    const length = world.log().length;
    world.produce(0, 1);
    await world.run(5_000);
    expect(world.log().length).toBe(length);
    task.handlers().assigned([{ topic: 'order', partition: 0 }]);
    await world.until('folded', () => task.shard().totals.records === 1);
  });

  it('orders what the inputs hold before it drains, where it is told to', async () => {
    const world = createCalmWorld();
    const task = world.start({ tuning: { foldsToEndOnDrain: true, entryRecordsMax: 20 } });
    await world.until('owner', () => task.shard().state === 'owner');
    for (let i = 0; i < 500; i++) world.produce(i % 2, i);
    await world.run(20);
    await task.drain();
    const sum = Object.values(world.totals()).reduce((total, [count]) => total + count, 0);
    expect(sum).toBe(500);
  });

  it('orders what the broker took before the drain, heard of or not, where it is told to', async () => {
    const world = createCalmWorld();
    const task = world.start({ tuning: { foldsToEndOnDrain: true } });
    await world.until('owner', () => task.shard().state === 'owner');
    await world.run(5_000);
    world.produce(1, 7);
    await task.drain();
    expect(world.totals()).toEqual({ k1: [1, 7] });
    const early = world.start({ tuning: { foldsToEndOnDrain: true } });
    world.produce(0, 3);
    await world.until('claims', () => early.shard().state === 'claiming');
    await early.drain();
    expect(world.totals()).toEqual({ k0: [1, 3], k1: [1, 7] });
  });

  it('drains within its bound when the broker takes nothing any more', async () => {
    const world = createCalmWorld();
    let isDead = false;
    const task = world.start();
    const send = task.options.producer.send;
    Object.assign(task.options.producer, {
      send: (m: Parameters<typeof send>[0]) => (isDead ? new Promise(() => {}) : send(m)),
    });
    await world.until('owner', () => task.shard().state === 'owner');
    isDead = true;
    world.produce(0, 1);
    await world.run(100);
    const beganMs = world.time.nowMs();
    await task.drain();
    expect(world.time.nowMs() - beganMs).toBeLessThan(8_200);
    expect(await world.store.list({ pipeline: 'counting', version: 1, shard: 0 })).toEqual([]);
  });

  it('passes every failpoint', async () => {
    const world = createCalmWorld();
    const passed = new Set<string>();
    const task = world.start({ failpoint: (name) => void passed.add(name), tuning: { snapshotEveryMs: 200 } });
    await world.until('owner', () => task.shard().state === 'owner');
    for (let i = 0; i < 5; i++) {
      world.produce(0, i);
      await world.run(200);
    }
    task.handlers().revoked([{ topic: 'order', partition: 0 }], 'lost');
    await world.run(100);
    expect([...passed].sort()).toEqual([
      ...['after-append', 'after-claim', 'after-fold', 'after-output', 'after-read-back', 'after-snapshot'],
      ...['in-assign', 'in-revoke', 'mid-output', 'mid-snapshot'],
    ]);
  });

  it('[A1] shares 6 partitions as 2 shards among 2 instances of a group: every event in exactly one counting entry', async () => {
    const world = createCalmWorld({ partitions: 6, shards: 2 });
    const members = [0, 1].map((shard) => {
      const member = world.start();
      Object.assign(member.options.membership, {
        kind: 'group',
        start: (handlers: MembershipHandlers) =>
          Promise.resolve(handlers.assigned([{ topic: 'order', partition: shard }])),
      });
      return member;
    });
    for (let i = 0; i < 600; i++) world.produce(i % 6, i);
    const records = (): number => members.reduce((sum, member, shard) => sum + member.shard(shard).totals.records, 0);
    await world.until('folded', () => records() === 600);
    for (const shard of [0, 1]) {
      const read = ranges(world.log(shard)).map(([name, , , count]) => [Number(name.slice(3)) % 2, count] as const);
      expect(read.every(([of]) => of === shard)).toBe(true);
      expect(read.reduce((sum, [, count]) => sum + count, 0)).toBe(300);
    }
    expect(members.map((member) => member.status().shards.map(({ state }) => state))).toEqual([
      ['owner', 'unassigned'],
      ['unassigned', 'owner'],
    ]);
  });
});
