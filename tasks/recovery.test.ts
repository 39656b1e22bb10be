import { describe, expect, it } from 'vitest';
import { createMemoryStore } from '../checkpoints/memory.ts';
import type { CheckpointStore } from '../checkpoints/store.ts';
import type { WindowResult } from '../events/results.ts';
import { resultTopics } from '../events/topics.ts';
import { createChainedSource } from '../sources/archive/chained.ts';
import type { Source } from '../sources/source.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { T0, payment, revenuePipeline } from '../tests/fold/cases.ts';
import { createSimBroker, createSimSource } from '../tests/simulation/broker.ts';
import type { SimBroker } from '../tests/simulation/broker.ts';
import { createCalmWorld } from '../tests/simulation/calm.ts';
import type { CalmWorld } from '../tests/simulation/calm.ts';
import { createCountingFold, resultTopic } from '../tests/simulation/counting-fold.ts';
import type { SimResult } from '../tests/simulation/counting-fold.ts';
import { createSimProcess } from '../tests/simulation/virtual-time.ts';
import { markSnapshot, restoreAt } from './operate.ts';
import { encodeOrderRecord } from './order-codec.ts';
import { decodeSnapshot } from './snapshot.ts';

const textOf = (value: Uint8Array | null): string => Buffer.from(value ?? []).toString();

describe('a crashed task', () => {
  it('[D1] ends with the same tables whatever the group committed: nothing, too little, too much', async () => {
    for (const committed of [-1n, 0n, 1n, 999n]) {
      const world = createCalmWorld();
      const asked: bigint[] = [];
      const first = world.start({ tuning: { snapshotEveryMs: 300 } });
      const { membership } = first.options;
      for (let i = 0; i < 4; i++) {
        world.produce(i % 2, i);
        await world.run(200);
      }
      first.process.crash();
      world.produce(0, 9);
      const second = world.start({
        membership: {
          ...membership,
          committed: (partitions) =>
            Promise.resolve(
              partitions.map((tp) => {
                asked.push(committed);
                return { ...tp, nextOffset: committed };
              }),
            ),
        },
      });
      await world.until('folded', () => second.shard().totals.records === 5);
      await world.run(100);
      expect([committed, world.totals()]).toEqual([committed, { k0: [3, 12], k1: [1, 1], k2: [1, 2] }]);
      expect(asked).toEqual([]);
    }
  });

  it('[D2] closes a window after its restart without new input: timers, watermark and open windows are in the snapshot', async () => {
    const world = createCalmWorld();
    for (const topic of ['payments', ...Object.values(resultTopics)]) world.broker.createTopic(topic, 1);
    const options = { createFold: () => revenuePipeline(), tuning: { snapshotEveryMs: 200, idleMs: 2_000 } };
    const first = world.start(options);
    for (const atMs of [1_000, 2_000]) {
      const value = Buffer.from(JSON.stringify(payment({ atMs: atMs - T0 + world.time.nowMs() })));
      world.broker.append({ topic: 'payments', partition: 0 }, { key: null, value });
    }
    await world.until('folded', () => first.shard().totals.records === 2);
    await world.run(600);
    const rows = (): WindowResult[] =>
      world.broker
        .partition({ topic: resultTopics.windows, partition: 0 })
        .records.map(({ value }) => JSON.parse(textOf(value)) as WindowResult)
        .filter(({ output }) => output === 'country_1m');
    expect(rows()).toEqual([]);
    expect((await world.store.list({ pipeline: 'revenue', version: 1, shard: 0 })).length).toBeGreaterThan(0);
    first.process.crash();
    world.start(options);
    await world.run(59_000);
    await world.run(20_000);
    expect(rows().map(({ state, values }) => [state, values['count']])).toEqual([['final', 2]]);
  });
});

describe('a task that has lost what it had', () => {
  const faults = { isOn: () => false, random: () => 0.5, count: () => {} };
  const options = { epoch: { current: 0, openNew: false }, tuning: { snapshotEveryMs: 300 } };

  it('[K9] folds to the same state without its disk, from the archive where the broker has forgotten', async () => {
    const world = createCalmWorld();
    const first = world.start(options);
    for (let i = 0; i < 6; i++) {
      world.produce(i % 2, i);
      await world.run(100);
    }
    await world.until('folded', () => first.shard().totals.records === 6);
    const { totals, inputs } = first.shard();
    await first.drain();
    const stateOf = async (store: CheckpointStore): Promise<unknown> => {
      const [newest] = await store.list({ pipeline: 'counting', version: 1, shard: 0 });
      return decodeSnapshot((newest && (await store.load(newest.name))) ?? new Uint8Array())?.fold;
    };
    const before = await stateOf(world.store);
    expect(before).toBeDefined();

    const process = createSimProcess(world.time, 'chained');
    const archived = copyOf(world, world.broker);
    const chained = (): Source =>
      createChainedSource({
        ...{
          archive: createSimSource(archived, process, faults),
          broker: createSimSource(world.broker, process, faults),
        },
        ...{ clock: process.clock, logger: silentLogger },
      });
    for (const [name, at] of world.broker.partitions) if (name.startsWith('in-')) at.lowOffset = at.endOffset;
    const store = createMemoryStore({ keep: 3, clock: world.time });
    const second = world.start({ ...options, store, inputs: chained(), order: chained() });
    await world.until('owner', () => second.shard().state === 'owner');
    expect(second.shard().totals.records).toBe(totals.records);
    expect(second.shard().inputs).toEqual(inputs);
    await second.drain();
    expect(await stateOf(store)).toEqual(before);
    expect(world.totals()).toEqual({ k0: [2, 3], k1: [2, 5], k2: [2, 7] });
  });

  it('stops where its order log has lost its end above the newest snapshot, as only the archive knows', async () => {
    for (const isArchived of [true, false]) {
      const world = createCalmWorld();
      const order = { topic: 'order', partition: 0 };
      const first = world.start({ ...options, tuning: { snapshotEveryMs: 1e9 } });
      for (let i = 0; i < 4; i++) {
        world.produce(0, i);
        await world.until('folded', () => first.shard().totals.records === i + 1);
      }
      first.process.crash();
      const archived = copyOf(world, world.broker);
      world.broker.truncate(order, world.broker.partition(order).endOffset - 2n);
      const reader = createSimProcess(world.time, 'archive');
      const archive = isArchived ? () => createSimSource(archived, reader, faults) : undefined;
      const second = world.start({ ...options, archive });
      await world.until('decided', () => ['parked', 'owner'].includes(second.shard().state));
      expect([second.shard().state, second.shard().parked?.code]).toEqual(
        isArchived ? ['parked', 'log_truncated'] : ['owner', undefined],
      );
    }
  });
});

describe('a fresh broker after a restore', () => {
  it('closes the log that was restored in, under the epoch of the restore, and opens the next', async () => {
    const world = createCalmWorld();
    const order = { topic: 'order', partition: 0 };
    const first = world.start({ tuning: { snapshotEveryMs: 1e9 } });
    const process = createSimProcess(world.time, 'command');
    const faults = { isOn: () => false, random: () => 0.5, count: () => {} };
    const command = {
      ...{ store: world.store, logger: silentLogger, clock: process.clock, shard: 0, fold: createCountingFold() },
      ...{ orderSource: createSimSource(world.broker, process, faults), orderPartition: order, newId: () => 'c1' },
      appender: {
        append: (record: Parameters<typeof encodeOrderRecord>[0]) =>
          Promise.resolve(void world.broker.append(order, { key: null, value: encodeOrderRecord(record) })),
      },
    };
    world.produce(0, 3);
    await world.until('folded', () => first.shard().totals.records === 1);
    await markSnapshot(command, 'one', world.time.nowMs());
    await world.run(200);
    world.produce(1, 3);
    await world.until('folded', () => first.shard().totals.records === 2);
    let isRestored = false;
    void restoreAt({ ...command, newId: () => 'c2' }, 'one', first.options.inputs).then(() => (isRestored = true));
    await world.until('restored', () => isRestored);
    await world.until('goes on', () => first.shard().epoch === 1 && first.shard().state === 'owner');
    world.produce(0, 3);
    await world.until('folded', () => first.shard().totals.records === 3);
    first.process.crash();

    const archived = copyOf(world, world.broker);
    const broker = emptyBroker(world);
    const nothing = createSimBroker(world.time);
    const second = world.start(
      {
        epoch: { current: 2, openNew: true, previous: { epoch: 1 } },
        archive: (of) => createSimSource(of === 0 ? archived : nothing, process, faults),
      },
      { broker },
    );
    await world.until('owner', () => second.shard().state === 'owner');
    expect(second.shard()).toMatchObject({ epoch: 2, totals: { records: 3 } });
    broker.append({ topic: 'in', partition: 0 }, { key: null, value: eventOf(3) });
    await world.until('folded', () => second.shard().totals.records === 4);
    await world.run(100);
    const last = broker.partition({ topic: resultTopic, partition: 0 }).records.at(-1)?.value ?? null;
    expect(JSON.parse(textOf(last)) as SimResult).toMatchObject({ epoch: 2, count: 4, sum: 12 });
  });
});

const eventOf = (amount: number): Uint8Array => Buffer.from(JSON.stringify({ key: 'k0', amount, eventTimeMs: amount }));

function emptyBroker(world: CalmWorld): SimBroker {
  const broker = createSimBroker(world.time);
  broker.createTopic('in', 2);
  broker.createTopic('order', 1);
  broker.createTopic(resultTopic, 1);
  return broker;
}

function copyOf(world: CalmWorld, dead: SimBroker): SimBroker {
  const copy = emptyBroker(world);
  for (const [name, { records }] of dead.partitions) {
    const dash = name.lastIndexOf('-');
    for (const record of records)
      copy.append({ topic: name.slice(0, dash), partition: Number(name.slice(dash + 1)) }, record);
  }
  return copy;
}
