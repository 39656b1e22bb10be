import { describe, expect, it } from 'vitest';
import { createCalmWorld, type CalmMember, type CalmWorld } from '../tests/simulation/calm.ts';
import { createCountingFold } from '../tests/simulation/counting-fold.ts';
import type { Fold, OrderRecord } from './contract.ts';
import type { TaskServiceOptions } from './options.ts';
import { createTaskService } from './service.ts';

/** A fold that says how many it is one of, as every pipeline does. */
const countingOf = (shards: number) => (): Fold => ({ ...createCountingFold(), shards });

const startWith = (world: CalmWorld, shards: number, more: Partial<TaskServiceOptions> = {}): CalmMember =>
  world.start({ createFold: countingOf(shards), shards, ...more });

const partitionsRead = (log: readonly OrderRecord[]): string[] => [
  ...new Set(log.flatMap((record) => (record.kind === 'entry' ? record.ranges.map(([partition]) => partition) : []))),
];
const owns = (member: CalmMember, shards: readonly number[]): boolean =>
  shards.every((shard) => member.shard(shard).state === 'owner');

describe('a pipeline of several shards', () => {
  it('[A1] gives each task the partitions whose number leaves its own: 2 instances, 2 shards, 6 partitions, every event once', async () => {
    const world = createCalmWorld({ partitions: 6, shards: 2 });
    const only = (shard: number): Partial<TaskServiceOptions> => ({
      membership: {
        kind: 'group',
        start: (handlers) => Promise.resolve(handlers.assigned([{ topic: 'order', partition: shard }])),
        commit: () => Promise.resolve(),
        committed: () => Promise.resolve([]),
        close: () => Promise.resolve(),
      },
    });
    const [first, second] = [startWith(world, 2, only(0)), startWith(world, 2, only(1))];
    await world.until('owners', () => owns(first, [0]) && owns(second, [1]));
    for (let i = 0; i < 60; i++) world.produce(i % 6, i);
    const folded = (): number => first.shard(0).totals.records + second.shard(1).totals.records;
    await world.until('folded', () => folded() === 60);
    await world.run(1_000);
    expect(folded()).toBe(60);
    expect([world.log(0), world.log(1)].map((log) => partitionsRead(log).sort())).toEqual([
      ['in-0', 'in-2', 'in-4'],
      ['in-1', 'in-3', 'in-5'],
    ]);
    expect([first.shard(1).state, second.shard(0).state]).toEqual(['unassigned', 'unassigned']);
    // Who does not own a shard says nothing of its lag: the gauge would stand still for ever.
    const lags = (await first.options.metrics.text()).match(/millrace_task_lag_records\{.*\}/g);
    expect(lags).toEqual(['millrace_task_lag_records{pipeline="counting",shard="0"}']);
  });

  it('parks all of its tasks when an input grows, even those that the new partition is none of', async () => {
    const world = createCalmWorld({ partitions: 4, shards: 2 });
    const task = startWith(world, 2);
    await world.until('owners', () => owns(task, [0, 1]));
    world.broker.createTopic('in', 5);
    await world.until('parked', () => [0, 1].every((shard) => task.shard(shard).parked?.code === 'partitions_grew'));
    expect(task.status().detail).toContain('shard 1: partitions_grew: in has 5 partitions, and had 4');
    expect(task.status().detail).toContain('raise the pipeline version');
    await task.drain();
    const again = startWith(world, 2);
    await world.until('parked again', () => again.status().state === 'parked');
    expect(again.shard(1).parked?.code).toBe('partitions_grew');
  });

  it('lets the input of one task grow, as it reads all of it', async () => {
    const world = createCalmWorld({ partitions: 1 });
    const task = startWith(world, 1);
    await world.until('owner', () => owns(task, [0]));
    expect(JSON.stringify(world.log()[0])).not.toMatch(/shards|counts/);
    world.broker.createTopic('in', 2);
    world.produce(1, 1);
    await world.until('joined', () => task.shard().totals.records === 1);
  });

  it.each([
    [1, 2],
    [2, 1],
    [4, 2],
  ])(
    'does not fold a log that was begun with %i shards as one of %i: events would be counted twice',
    async (was, is) => {
      const world = createCalmWorld({ partitions: 4, shards: 4 });
      const first = startWith(world, was);
      world.produce(0, 1);
      await world.until('folded', () => first.shard(0).totals.records === 1);
      await first.drain();
      const second = startWith(world, is);
      await world.until('parked', () => second.shard(0).state === 'parked');
      expect(second.shard(0).parked).toMatchObject({ code: 'shards_changed' });
      expect(second.shard(0).parked?.message).toContain(`began with ${was} shards, and is to run with ${is}`);
    },
  );

  it('does not start where a shard would have no partition, or one key two shards', async () => {
    const world = createCalmWorld({ partitions: 4, shards: 3 });
    const { options } = world.start();
    const startWithMore = (partitions: number): Promise<void> =>
      createTaskService({
        ...options,
        createFold: () => ({ ...createCountingFold(), shards: 3, inputs: ['in', 'more'] }),
        inputs: { ...options.inputs, partitionCount: (topic) => Promise.resolve(topic === 'in' ? 4 : partitions) },
      }).start();
    for (const partitions of [2, 3]) {
      let refused: unknown;
      startWithMore(partitions).catch((error: unknown) => (refused = error));
      await world.until('refused', () => refused !== undefined);
      const message = `3 shards cannot share these partitions: in has 4, more has ${partitions}`;
      expect(refused).toMatchObject({ code: 'partitions_unfit', message });
    }
  });
});
