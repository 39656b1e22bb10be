import { describe, expect, it } from 'vitest';
import { createCalmWorld, type CalmMember } from '../tests/simulation/calm.ts';
import { SourceError } from '../sources/source.ts';

/** From now on, while `isDeaf()`, the streams of the member's inputs hear nothing, and say nothing about it. */
function deafen({ options }: CalmMember, isDeaf: () => boolean): void {
  const { inputs } = options;
  const read = inputs.read.bind(inputs);
  Object.assign(inputs, {
    read: (...from: Parameters<typeof read>) => {
      const stream = read(...from);
      const next = stream.next.bind(stream);
      return Object.assign(stream, {
        next: async (maxWaitMs: number) => {
          if (!isDeaf()) return next(maxWaitMs);
          await options.clock.sleep(maxWaitMs);
          return null;
        },
      });
    },
  });
}

describe('a task that is alive but reads nothing', () => {
  it('is failed, so that it is built anew, after 30 s in which nothing was folded of what there is', async () => {
    const world = createCalmWorld();
    let isDeaf = false;
    const task = world.start();
    deafen(task, () => isDeaf);
    world.produce(0, 1);
    await world.until('folded', () => task.shard().totals.records === 1);
    await world.run(2_000);
    world.produce(1, 1);
    await world.run(2_000);
    expect(task.status()).toMatchObject({ state: 'running', isStalled: false });
    isDeaf = true;
    await world.run(2_000);
    world.produce(0, 2);
    await world.run(27_000);
    expect(task.status()).toMatchObject({ state: 'running' });
    await world.run(20_000);
    expect(task.status()).toMatchObject({ state: 'failed', isStalled: true });
    expect(task.status().detail).toContain('folded nothing for at least 30 s');
    await task.drain();
    const anew = world.start();
    await world.until('folded', () => anew.shard().totals.records === 3);
    await world.run(10_000);
    expect(anew.status()).toMatchObject({ state: 'running', isStalled: false });
  });

  it('is failed after two minutes in which none of its outputs was acknowledged, and not before', async () => {
    const world = createCalmWorld();
    let isMute = false;
    const task = world.start({ tuning: { outputMessagesMax: 2 } });
    const { producer } = task.options;
    const send = producer.send.bind(producer);
    Object.assign(producer, {
      send: (...given: Parameters<typeof send>) => (isMute ? new Promise(() => {}) : send(...given)),
    });
    world.produce(0, 1);
    await world.until('folded', () => task.shard().totals.records === 1);
    isMute = true;
    for (let i = 0; i < 5; i++) world.produce(0, i);
    await world.run(2_000);
    world.produce(0, 1);
    await world.run(110_000);
    expect(task.status()).toMatchObject({ state: 'running' });
    await world.run(30_000);
    expect(task.status()).toMatchObject({ state: 'failed', isStalled: true });
    isMute = false;
    await task.drain();
    const anew = world.start();
    await world.until('folded', () => anew.shard().totals.records === 7);
    await anew.drain();
  });

  it('is not what stands still because all is folded, parked, or away', async () => {
    const world = createCalmWorld();
    const silent = world.start();
    await world.run(60_000);
    expect(silent.status()).toMatchObject({ state: 'running', isStalled: false });
    await silent.drain();

    const away = world.start();
    deafen(away, () => true);
    Object.assign(away.options.inputs, { bounds: () => Promise.reject(new SourceError('unavailable', 'away')) });
    world.produce(0, 1);
    await world.run(60_000);
    expect(away.status().state).not.toBe('failed');
    await away.drain();

    const parked = world.start({
      createFold: (shard) => ({
        ...away.options.createFold(shard),
        fold: () => {
          throw new Error('a fault');
        },
      }),
    });
    await world.until('parked', () => parked.status().state === 'parked');
    world.produce(0, 2);
    await world.run(60_000);
    expect(parked.status()).toMatchObject({ state: 'parked' });
    expect(parked.status().isStalled).not.toBe(true);
  });
});
