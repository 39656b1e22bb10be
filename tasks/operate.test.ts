import { describe, expect, it } from 'vitest';
import { createSimSource } from '../tests/simulation/broker.ts';
import { createCalmWorld } from '../tests/simulation/calm.ts';
import type { CalmMember, CalmWorld } from '../tests/simulation/calm.ts';
import { createCountingFold, resultTopic } from '../tests/simulation/counting-fold.ts';
import type { SimResult } from '../tests/simulation/counting-fold.ts';
import { createSimProcess } from '../tests/simulation/virtual-time.ts';
import { SourceError } from '../sources/source.ts';
import { silentLogger } from '../telemetry/logger.ts';
import type { FoldEntry } from './contract.ts';
import { OperateError, acceptGap, findGaps, markSnapshot, restoreAt } from './operate.ts';
import type { OperateOptions } from './operate.ts';
import { encodeOrderRecord } from './order-codec.ts';

const task = { pipeline: 'counting', version: 1, shard: 0 };
const orderPartition = { topic: 'order', partition: 0 };

/** A command line beside the tasks: a process of its own, that reads and appends. */
function commandOf(world: CalmWorld): OperateOptions {
  const process = createSimProcess(world.time, 'command');
  const source = createSimSource(world.broker, process, { isOn: () => false, random: () => 0.5, count: () => {} });
  let ids = 0;
  return {
    ...{ store: world.store, logger: silentLogger, clock: process.clock, shard: 0, fold: createCountingFold() },
    ...{ orderSource: source, orderPartition, newId: () => `command.${ids++}` },
    appender: {
      append: (record) => {
        world.broker.append(orderPartition, { key: null, value: encodeOrderRecord(record) });
        return Promise.resolve();
      },
    },
  };
}

/** What a command gives, while virtual time goes on. */
async function outcome<T>(world: CalmWorld, running: Promise<T>): Promise<T> {
  let isDone = false;
  void running.then(
    () => (isDone = true),
    () => (isDone = true),
  );
  await world.until('the command ends', () => isDone);
  return running;
}

const results = (world: CalmWorld): SimResult[] =>
  world.broker
    .partition({ topic: resultTopic, partition: 0 })
    .records.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as SimResult);

/** Six events of 1; a snapshot called `three` after the first three. */
async function sixEvents(world: CalmWorld): Promise<CalmMember> {
  const member = world.start({ tuning: { snapshotEveryMs: 1e9 } });
  await world.until('owner', () => member.shard().state === 'owner');
  for (let i = 0; i < 6; i++) {
    if (i === 3) {
      await outcome(world, markSnapshot(commandOf(world), 'three', world.time.nowMs()));
      await world.run(100);
    }
    world.produce(0, 3);
    await world.until('folded', () => member.shard().totals.records === i + 1);
  }
  await world.run(100);
  return member;
}

const named = async (world: CalmWorld) => (await world.store.list(task)).filter(({ label }) => label !== undefined);

describe('a snapshot that a person asks for', () => {
  it('[D4] is taken at the place of the mark in the order log, under its label', async () => {
    const world = createCalmWorld();
    await sixEvents(world);
    const [three] = await named(world);
    const place = world.log().findIndex(({ kind }) => kind === 'mark');
    expect(three).toMatchObject({ label: 'three', orderOffset: BigInt(place + 1), epoch: 0 });
    expect(place).toBeGreaterThan(0);
  });

  it('is not taken by a process before its outputs up to there are acknowledged', async () => {
    const world = createCalmWorld();
    const gone = world.start();
    gone.process.crash();
    const member = world.start({
      tuning: { snapshotEveryMs: 1e9 },
      producer: { ...gone.options.producer, send: () => new Promise(() => {}) },
    });
    await world.until('owner', () => member.shard().state === 'owner');
    world.produce(0, 3);
    await world.until('folded', () => member.shard().totals.records === 1);
    await outcome(world, markSnapshot(commandOf(world), 'early', world.time.nowMs()));
    await world.run(3_000);
    expect(member.shard().outputsPending).toBe(1);
    expect(await named(world)).toEqual([]);
  });
});

describe('restore', () => {
  it('[D4] from snapshot N gives the rows of N to the end, of a new epoch, and goes on', async () => {
    const world = createCalmWorld();
    const member = await sixEvents(world);
    const before = results(world);
    expect(before.map(({ count }) => count)).toEqual([1, 2, 3, 4, 5, 6]);
    const { epoch, starts } = await outcome(world, restoreAt(commandOf(world), 'three', member.options.inputs));
    expect([epoch, starts]).toEqual([1, { 'in-0': '3', 'in-1': '0' }]);
    await world.until('folded again', () => member.shard().state === 'owner' && member.shard().totals.records === 6);
    world.produce(0, 3);
    await world.until('goes on', () => member.shard().totals.records === 7);
    await world.run(100);
    const again = results(world).slice(before.length);
    expect(again.at(-1)).toMatchObject({ epoch: 1, count: 7, sum: 21 });
    // Until the log is read up to the new epoch, the rows of the old one come again, word for word.
    for (const row of again) if (row.epoch === 0) expect(before).toContainEqual(row);
    const restored = again.filter((row) => row.epoch === 1);
    expect(Math.min(...restored.map(({ count }) => count))).toBeGreaterThan(3);
    expect((await named(world)).map(({ label }) => label).sort()).toEqual(['base-e1', 'three']);
  });

  it('starts from there again after a crash before the first snapshot of the new epoch', async () => {
    const world = createCalmWorld();
    const member = await sixEvents(world);
    await outcome(world, restoreAt(commandOf(world), 'three', member.options.inputs));
    member.process.crash();
    const second = world.start({ epoch: { current: 1, incarnation: 0, openNew: false } });
    await world.until('owner', () => second.shard().state === 'owner');
    await world.until('all', () => second.shard().totals.records === 6);
    expect(second.shard().epoch).toBe(1);
    expect(world.log().filter((record) => record.kind === 'claim' && record.genesis)).toHaveLength(2);
  });

  it('refuses what it cannot do: unknown, of another log, inputs gone', async () => {
    const world = createCalmWorld();
    const member = await sixEvents(world);
    const codeOf = async (running: Promise<unknown>, at = world): Promise<string> =>
      outcome(at, running).then(
        () => 'done',
        (error: unknown) => (error instanceof OperateError ? error.code : String(error)),
      );
    const { inputs } = member.options;
    expect(await codeOf(restoreAt(commandOf(world), 'four', inputs))).toBe('unknown');
    const [three] = await named(world);
    const gone = { bounds: () => Promise.resolve({ lowOffset: 5n, endOffset: 6n }) };
    expect(await codeOf(restoreAt(commandOf(world), three?.name ?? '', gone))).toBe('unreadable');
    const other = createCalmWorld();
    await sixEvents(other);
    const foreign = { ...commandOf(world), store: other.store, fold: { ...createCountingFold(), stateHash: 'ff' } };
    expect(await codeOf(restoreAt(foreign, 'three', inputs))).toBe('foreign');
    const empty = createCalmWorld();
    expect(
      await codeOf(
        acceptGap(commandOf(empty), () => Promise.resolve(0n), ''),
        empty,
      ),
    ).toBe('nothing_runs');
    expect(member.shard().epoch).toBe(0);
  });

  it('goes on from a snapshot that knows more than the order log: truncated, or made anew', async () => {
    for (const left of [2, 0]) {
      const world = createCalmWorld();
      const member = await sixEvents(world);
      member.process.crash();
      const order = world.broker.partition(orderPartition);
      order.records.splice(left);
      order.endOffset = BigInt(left);
      const second = world.start({ epoch: { current: 0, incarnation: 0, openNew: false } });
      await world.until('parked', () => second.shard().state === 'parked');
      expect(second.shard().parked?.code).toBe('log_truncated');
      await outcome(world, restoreAt(commandOf(world), 'three', second.options.inputs));
      await world.until('goes on', () => second.shard().state === 'owner' && second.shard().totals.records === 6);
      expect(second.shard().epoch).toBe(1);
    }
  });

  it('wakes a parked task', async () => {
    const world = createCalmWorld();
    let isFaulty = false;
    const createFold = () => {
      const fold = createCountingFold();
      return {
        ...fold,
        fold: (entry: FoldEntry) => {
          if (isFaulty && entry.batches.length > 0) throw new Error('a fault');
          return fold.fold(entry);
        },
      };
    };
    const member = world.start({ tuning: { snapshotEveryMs: 1e9 }, createFold });
    world.produce(0, 3);
    await world.until('folded', () => member.shard().totals.records === 1);
    await outcome(world, markSnapshot(commandOf(world), 'one', world.time.nowMs()));
    await world.run(200);
    isFaulty = true;
    world.produce(0, 3);
    await world.until('parked', () => member.shard().state === 'parked');
    await world.run(5_000);
    isFaulty = false;
    expect(member.shard().state).toBe('parked');
    await outcome(world, restoreAt(commandOf(world), 'one', member.options.inputs));
    await world.until('goes on', () => member.shard().state === 'owner' && member.shard().totals.records === 2);
    expect(member.status().state).toBe('running');
  });
});

describe('an accepted gap', () => {
  it('moves a parked task behind what is gone, and its first entry says that records are missing', async () => {
    const world = createCalmWorld();
    const skips: (readonly [boolean, number])[] = [];
    const member = world.start({
      createFold: () => createCountingFold((entry) => skips.push([entry.hasSkip, entry.batches.length])),
      tuning: { snapshotEveryMs: 200 },
    });
    world.produce(0, 3);
    await world.until('folded', () => member.shard().totals.records === 1);
    await world.run(500);
    await member.drain();
    for (let i = 0; i < 4; i++) world.produce(0, 3);
    const input = world.broker.partition({ topic: 'in', partition: 0 });
    input.lowOffset = 3n;
    input.records.splice(0, 3);
    const second = world.start({ createFold: () => createCountingFold((entry) => skips.push([entry.hasSkip, 0])) });
    await world.until('parked', () => second.shard().state === 'parked');
    expect(second.shard().parked).toMatchObject({ code: 'input_lost' });
    expect(second.shard().parked?.command).toContain('millrace gap accept');
    const nextReadable = (tp: { partition: number }, position: bigint) =>
      Promise.resolve(tp.partition === 0 && position < 3n ? 3n : position);
    const lost = [{ partition: 'in-0', from: '1', to: '3' }];
    expect(await outcome(world, findGaps(commandOf(world), nextReadable))).toEqual(lost);
    expect(await outcome(world, acceptGap(commandOf(world), nextReadable, 'retention was too short'))).toEqual(lost);
    await world.until('goes on', () => second.shard().totals.records === 3);
    expect(skips.filter(([hasSkip]) => hasSkip)).toHaveLength(1);
    expect(world.log().find((record) => record.kind === 'entry' && record.skips)).toMatchObject({
      skips: [['in-0', '1', '3']],
      why: 'retention was too short',
    });
    expect(await outcome(world, acceptGap(commandOf(world), nextReadable, 'again'))).toEqual([]);
  });
});

describe('a restore of what was lost', () => {
  /** Six events, a snapshot after three and, damaged or not, one after six; then the log ends between the two. */
  async function truncated(isNewestDamaged: boolean): Promise<CalmWorld> {
    const world = createCalmWorld();
    const member = await sixEvents(world);
    await member.drain();
    const [newest, three] = await world.store.list(task);
    if (!newest || !three) throw new Error('no snapshots');
    if (isNewestDamaged) world.store.damage(newest.name);
    world.broker.truncate(orderPartition, three.orderOffset);
    return world;
  }

  it.each([false, true])('parks on a log that is shorter than a snapshot says, damaged %s', async (isDamaged) => {
    const world = await truncated(isDamaged);
    const member = world.start();
    await world.until('parked', () => member.shard().state === 'parked');
    expect(member.shard().parked).toMatchObject({ code: 'log_truncated' });
  });

  it('parks on a log that was truncated and has grown again', async () => {
    const world = await truncated(false);
    for (let i = 0; i < 9; i++) world.broker.append(orderPartition, { key: null, value: Buffer.from('late') });
    const member = world.start();
    await world.until('parked', () => member.shard().state === 'parked');
    expect(member.shard().parked).toMatchObject({ code: 'log_truncated' });
    await outcome(world, restoreAt(commandOf(world), 'three', member.options.inputs));
    await world.until('goes on', () => member.shard().state === 'owner');
  });

  it('goes on in a truncated log, though snapshots beyond its end are still there', async () => {
    const world = await truncated(false);
    const parked = world.start();
    await world.until('parked', () => parked.shard().state === 'parked');
    await outcome(world, restoreAt(commandOf(world), 'three', parked.options.inputs));
    await world.until('goes on', () => parked.shard().state === 'owner' && parked.shard().totals.records === 6);
    parked.process.crash();
    const next = world.start();
    await world.until('owner', () => next.shard().state === 'owner');
    expect(next.shard()).toMatchObject({ epoch: 1, totals: { records: 6 } });
  });

  it('looks once more for a base that was let go for newer snapshots meanwhile, and parks when it stays away', async () => {
    const world = createCalmWorld();
    const first = await sixEvents(world);
    await outcome(world, restoreAt(commandOf(world), 'three', first.options.inputs));
    await world.until('restored', () => first.shard().epoch === 1 && first.shard().totals.records === 6);
    first.process.crash();
    const missing = (times: number) => {
      let left = times;
      const load: typeof world.store.load = (name) => (left-- > 0 ? Promise.resolve(null) : world.store.load(name));
      return { ...world.store, load, list: () => Promise.resolve([]) };
    };
    const second = world.start({ store: missing(1) });
    await world.until('owner', () => second.shard().state === 'owner');
    second.process.crash();
    const third = world.start({ store: missing(9) });
    await world.until('parked', () => third.shard().state === 'parked');
    expect(third.shard().parked).toMatchObject({ code: 'base_missing' });
  });

  it('wakes a parked task though the broker did not answer while the operator spoke', async () => {
    const world = await truncated(false);
    const calm = { isOn: () => false, random: () => 0.5, count: () => {} };
    const order = createSimSource(world.broker, createSimProcess(world.time, 'reader'), calm);
    let isAway = true;
    const isParked = (): boolean => parked.shard().state === 'parked';
    const away = () => Promise.reject(new SourceError('unavailable', 'away'));
    const bounds: typeof order.bounds = (tp) => (isAway && isParked() ? away() : order.bounds(tp));
    const parked: CalmMember = world.start({ order: { ...order, bounds } });
    await world.until('parked', isParked);
    await outcome(world, restoreAt(commandOf(world), 'three', parked.options.inputs));
    await world.run(3_000);
    isAway = false;
    await world.until('goes on', () => parked.shard().state === 'owner');
    expect(parked.shard().epoch).toBe(1);
  });

  it('parks while it catches up, too, when what was ordered is beyond the end of a topic that was made anew', async () => {
    const world = createCalmWorld();
    (await sixEvents(world)).process.crash();
    world.broker.recreate('in');
    // It ends just where the snapshot's position is: nothing is out of range, and what follows will never come.
    for (let i = 0; i < 3; i++) world.produce(0, 3);
    const member = world.start();
    await world.until('parked', () => member.shard().state === 'parked');
    expect(member.shard().parked).toMatchObject({ code: 'input_lost' });
  });

  it('reads a topic that was made anew from its beginning, if the gap is accepted, and says that records are missing', async () => {
    const world = createCalmWorld();
    const member = await sixEvents(world);
    world.broker.recreate('in');
    world.produce(0, 3);
    await world.until('parked', () => member.shard().state === 'parked');
    expect(member.shard().parked).toMatchObject({ code: 'input_lost' });
    const restore = (acceptsGap: boolean) =>
      outcome(world, restoreAt(commandOf(world), 'three', member.options.inputs, { acceptsGap }));
    await expect(restore(false)).rejects.toMatchObject({ code: 'unreadable' });
    expect(await restore(true)).toMatchObject({ starts: { 'in-0': '0' } });
    await world.until('goes on', () => member.shard().totals.records === 4);
    const genesis = world
      .log()
      .flatMap((record) => (record.kind === 'claim' && record.genesis ? [record.genesis] : []));
    expect(genesis.at(-1)).toMatchObject({ epoch: 1, incarnation: 1, gap: expect.stringContaining('in-0') as string });
    // What was ordered before the restore is gone: whoever starts now does not need it.
    member.process.crash();
    const next = world.start({ epoch: { current: 1, incarnation: 1, openNew: false } });
    await world.until('owner', () => next.shard().state === 'owner');
    expect(next.shard().totals.records).toBe(4);
  });
});
