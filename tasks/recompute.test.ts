import { describe, expect, it } from 'vitest';
import { parseSnapshotName } from '../checkpoints/name.ts';
import { createSimBroker, createSimSource } from '../tests/simulation/broker.ts';
import type { SimBroker } from '../tests/simulation/broker.ts';
import { createCalmWorld } from '../tests/simulation/calm.ts';
import type { CalmWorld } from '../tests/simulation/calm.ts';
import { createCountingFold, resultTopic } from '../tests/simulation/counting-fold.ts';
import type { SimResult } from '../tests/simulation/counting-fold.ts';
import { createSimProcess } from '../tests/simulation/virtual-time.ts';
import type { FoldOutput, OrderRange } from './contract.ts';
import { ParkError } from './park.ts';
import { recompute } from './recompute.ts';
import type { Recomputed } from './recompute.ts';

const noFaults = { isOn: () => false, random: () => 0.5, count: () => {} };
const resultOf = (value: Uint8Array | null): SimResult => JSON.parse(Buffer.from(value ?? []).toString()) as SimResult;
const resultsOf = (broker: SimBroker): SimResult[] =>
  broker.partition({ topic: resultTopic, partition: 0 }).records.map(({ value }) => resultOf(value));

function freshBroker(world: CalmWorld): SimBroker {
  const broker = createSimBroker(world.time);
  broker.createTopic('in', 2);
  broker.createTopic('order', 1);
  broker.createTopic(resultTopic, 1);
  return broker;
}

const put = (broker: SimBroker, i: number): void => {
  const value = Buffer.from(JSON.stringify({ key: `k${i % 3}`, amount: i, eventTimeMs: i }));
  broker.append({ topic: 'in', partition: i % 2 }, { key: null, value });
};

/** Ten events in each of two epochs, the second one starting from the drained first. Returns their brokers. */
async function twoEpochs(world: CalmWorld): Promise<readonly SimBroker[]> {
  const brokers = [freshBroker(world), freshBroker(world)];
  const archiving = createSimProcess(world.time, 'archive');
  for (const [current, broker] of brokers.entries()) {
    const previous = current === 0 ? {} : { previous: { epoch: current - 1 } };
    const member = world.start(
      {
        epoch: { current, openNew: true, ...previous },
        archive: (epoch) => createSimSource(brokers[epoch] ?? broker, archiving, noFaults),
      },
      { broker },
    );
    for (let i = 0; i < 10; i++) {
      put(broker, i + current * 10);
      await world.run(20);
    }
    await world.until('folded', () => member.shard().totals.records === 10 * (current + 1));
    await member.drain();
  }
  return brokers;
}

interface Seen {
  readonly done: Recomputed;
  readonly results: SimResult[];
  readonly changed: OrderRange[];
}

async function recomputed(world: CalmWorld, brokers: readonly SimBroker[]): Promise<Seen> {
  const process = createSimProcess(world.time, 'verify');
  const outputs: FoldOutput[] = [];
  const changed: OrderRange[] = [];
  let done: Recomputed | null = null;
  let failure: unknown;
  recompute({
    createFold: () => createCountingFold(),
    shard: 0,
    orderPartition: { topic: 'order', partition: 0 },
    epochs: [...brokers.keys()],
    archive: (epoch) => createSimSource(brokers[epoch] as SimBroker, process, noFaults),
    placeOf: ({ name }) => parseSnapshotName(name),
    loadBase: ({ name }) => Promise.reject(new ParkError('base_missing', `${name} was asked for`)),
    clock: process.clock,
    queueBytesMax: 1e6,
    onOutputs: (made) => void outputs.push(...made),
    onChanged: (range) => changed.push(range),
  }).then(
    (value) => (done = value),
    (error: unknown) => (failure = error),
  );
  await world.until('recomputed', () => done !== null || failure !== undefined);
  if (failure) throw failure as Error;
  return { done: done as unknown as Recomputed, results: outputs.map(({ value }) => resultOf(value)), changed };
}

describe('recomputing a task from what was archived of it', () => {
  it('[C7] makes the same outputs again, through an epoch that starts from a snapshot, without that snapshot', async () => {
    const world = createCalmWorld();
    const brokers = await twoEpochs(world);
    const { done, results, changed } = await recomputed(world, brokers);
    expect(results).toEqual(brokers.flatMap(resultsOf));
    expect(results.at(-1)).toMatchObject({ epoch: 1 });
    expect(changed).toEqual([]);
    expect(done).toMatchObject({ records: 20, gaps: [] });
  });

  it('reports a record that is not as it was ordered, and goes on', async () => {
    const world = createCalmWorld();
    const brokers = await twoEpochs(world);
    const before = brokers.flatMap(resultsOf);
    // The last record of its range: the range's CRC is that record's.
    const altered = brokers[0]?.partition({ topic: 'in', partition: 1 }).records[4] as { value: Uint8Array };
    altered.value = Buffer.from(JSON.stringify({ key: 'k0', amount: 1_009, eventTimeMs: 9 }));
    const { results, changed } = await recomputed(world, brokers);
    expect(changed.map(([partition, , to]) => [partition, to])).toEqual([['in-1', '5']]);
    const differing = results.filter((result, i) => result.sum !== before[i]?.sum);
    expect(differing.length).toBeGreaterThan(0);
    expect(new Set(differing.map(({ key }) => key))).toEqual(new Set(['k0']));
  });

  it('says what is no longer archived, and ends there', async () => {
    const world = createCalmWorld();
    const brokers = await twoEpochs(world);
    const cut = brokers[1]?.partition({ topic: 'in', partition: 0 }) as { records: unknown[]; endOffset: bigint };
    cut.records.pop();
    cut.endOffset -= 1n;
    const { done } = await recomputed(world, brokers);
    expect(done.gaps).toEqual([expect.stringMatching(/^epoch 1: in-0 of order offset \d+ is not archived$/)]);
  });
});
