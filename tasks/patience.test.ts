import { expect, test } from 'vitest';
import { SourceError, type Source } from '../sources/source.ts';
import { createSimSource } from '../tests/simulation/broker.ts';
import { createCalmWorld, type CalmWorld } from '../tests/simulation/calm.ts';
import { createSimProcess } from '../tests/simulation/virtual-time.ts';

/** An order log that the broker does not know before that time. */
function unknownUntil(world: CalmWorld, knownMs: number): Source {
  const faults = { isOn: () => false, random: () => 0.5, count: () => {} };
  const order = createSimSource(world.broker, createSimProcess(world.time, 'late'), faults);
  const missing = new SourceError('topic_missing', 'offsets of order-0: unknown partition');
  return {
    ...order,
    bounds: (place) => (world.time.nowMs() < knownMs ? Promise.reject(missing) : order.bounds(place)),
  };
}

test('a task waits for a broker that has just started to know its topics', async () => {
  const world = createCalmWorld();
  world.produce(0, 3);
  const task = world.start({ order: unknownUntil(world, world.time.nowMs() + 10_000) });
  await world.run(9_000);
  expect(task.shard()).toMatchObject({ state: 'retrying', parked: null });
  await world.until('folded', () => task.shard().totals.records === 1);
});

test('and is parked where they stay away', async () => {
  const world = createCalmWorld();
  const task = world.start({ order: unknownUntil(world, Infinity) });
  await world.until('parked', () => task.status().state === 'parked');
  expect(world.time.nowMs()).toBeGreaterThan(1_000_000 + 15_000);
});
