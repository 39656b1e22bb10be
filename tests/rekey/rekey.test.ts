import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldOf } from '../../cli/start/fold-of.ts';
import { processorsOf } from '../../cli/start/processors-of.ts';
import { loadConfig } from '../../config/load.ts';
import type { Payment } from '../../events/payment.ts';
import { orderTopic, rekeyTopic, resultTopics } from '../../events/topics.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import type { TaskServiceOptions } from '../../tasks/options.ts';
import { T0, accountedFor, lastValues, oracle, payment } from '../fold/cases.ts';
import { type CalmMember, type CalmWorld, createCalmWorld } from '../simulation/calm.ts';

const shards = 2;
const env = { MILLRACE_PIPELINES_REVENUE_SHARDS: String(shards), MILLRACE_KAFKA_BROKERS: 'none:1' };
const config = loadConfig({ file: undefined, env });
const running = processorsOf(config).filter(({ name }) => name.startsWith('revenue'));
const [router, revenue] = running as [AnyProcessor, AnyProcessor];
const topic = rekeyTopic('revenue', 1);
const inputs = 4;

/** Payments on four partitions by card, a router that sends them on by country and by merchant, and two tasks that add them up. */
function worldWithRouter() {
  const world = createCalmWorld();
  for (const { name, version } of running) world.broker.createTopic(orderTopic(name, version), shards);
  for (const [name, count] of [
    ['payments', inputs],
    [topic, shards],
  ] as const)
    world.broker.createTopic(name, count);
  for (const name of Object.values(resultTopics)) world.broker.createTopic(name, 1);
  const payments: Payment[] = [];
  const append = (partition: number, value: string): void =>
    void world.broker.append({ topic: 'payments', partition }, { key: null, value: Buffer.from(value) });
  return {
    world,
    payments,
    start: (processor: AnyProcessor) => startOf(world, processor),
    pay(n: number, agoMs: number, times = 1): void {
      const event = payment({
        ...{ atMs: world.time.nowMs() - agoMs - T0, source: `n${n}`, amountMinor: n },
        ...{ country: ['FR', 'DE', 'GB'][n % 3] as string, merchantId: `shop-${n % 5}`, cardId: `card-${n % 7}` },
      });
      payments.push(event);
      // A card's own partition; a country and a merchant are in all of them.
      for (let i = 0; i < times; i++) append(n % inputs, JSON.stringify(event));
    },
    append,
  };
}

function startOf(world: CalmWorld, processor: AnyProcessor): CalmMember {
  const order = orderTopic(processor.name, processor.version);
  const all = Array.from({ length: shards }, (_, partition) => ({ topic: order, partition }));
  const membership: TaskServiceOptions['membership'] = {
    kind: 'group',
    start: (handlers) => Promise.resolve(handlers.assigned(all)),
    commit: () => Promise.resolve(),
    committed: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
  const createFold = (shard: number) => foldOf({ config, env: {}, isEmbeddedBroker: false }, processor, shard);
  const tuning = { snapshotEveryMs: 1_500, idleMs: 10_000, tickMs: 60_000 };
  return world.start({ createFold, shards, orderTopic: order, membership, tuning });
}

const valuesOf = (world: CalmWorld, name: string): Record<string, unknown>[] =>
  world.broker
    .partition({ topic: name, partition: 0 })
    .records.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as Record<string, unknown>);
const rowsOf = (world: CalmWorld) =>
  lastValues(
    world.broker
      .partition({ topic: resultTopics.windows, partition: 0 })
      .records.map(({ value }) => ({ topic: resultTopics.windows, key: '', value: value ?? new Uint8Array() })),
  );
const counted = (member: CalmMember, counter: string): number =>
  Array.from({ length: shards }, (_, shard) => member.shard(shard).counters[counter] ?? 0).reduce((a, b) => a + b);

const minutesOf = <V>(rows: ReadonlyMap<string, V>): Map<string, V> =>
  new Map([...rows].filter(([identity]) => /^\w+_1m /.test(identity)));

/** Silence closes the hour. */
const untilClosed = (world: CalmWorld): Promise<void> => world.run(3_000_000);

describe('a pipeline by other keys than its messages', () => {
  it('[A8] runs as a router and tasks that share its keys: every row is there once, as one task would make it', async () => {
    const { world, start, pay, payments, append } = worldWithRouter();
    const [sender, adder] = [start(router), start(revenue)];
    for (let n = 0; n < 300; n++) {
      pay(n, (n * 37) % 3_000, n % 10 === 0 ? 2 : 1);
      await world.run(400);
    }
    append(1, 'not JSON');
    await untilClosed(world);
    expect(rowsOf(world)).toEqual(oracle(payments));
    // Each key is of one task alone.
    const shardsOf = new Map<string, Set<number>>();
    for (const { key, producer } of valuesOf(world, resultTopics.windows)) {
      const { shard } = producer as { readonly shard: number };
      shardsOf.set(String(key), (shardsOf.get(String(key)) ?? new Set()).add(shard));
    }
    for (const [key, found] of shardsOf) expect([key, ...found]).toEqual([key, partitionOf(Buffer.from(key), shards)]);
    expect(new Set([...shardsOf.values()].flatMap((found) => [...found])).size).toBe(shards);
    // What cannot be read is one dead letter, with the place and the bytes that it has in the input.
    expect(valuesOf(world, resultTopics.deadLetters)).toMatchObject([
      { pipeline: 'revenue-router', input: { topic: 'payments', partition: 1 }, reason: 'undecodable' },
    ]);
    for (const member of [sender, adder])
      for (let shard = 0; shard < shards; shard++)
        expect(accountedFor({ duplicate: 0, late: 0, ...member.shard(shard).counters })).toBe(
          member.shard(shard).counters['in'],
        );
    expect(counted(sender, 'folded')).toBe(330);
    expect(counted(adder, 'folded') + counted(adder, 'duplicate')).toBe(counted(sender, 'copies'));
    expect(counted(adder, 'late')).toBe(0);
  });

  it('[A8] is killed at any moment, router and tasks alike, and every row is still right; what was sent again is dropped', async () => {
    let repeated = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(9), { minLength: 20, maxLength: 40 }), async (dice) => {
        const { world, start, pay, payments } = worldWithRouter();
        let [sender, adder] = [start(router), start(revenue)];
        for (const [step, die] of dice.entries()) {
          for (let n = 0; n < 4; n++) pay(step * 4 + n, (die * 331) % 3_000, die === 9 ? 2 : 1);
          await world.run(100 + die * 173);
          if (die === 1) {
            sender.process.crash();
            sender = start(router);
          }
          if (die === 2) {
            adder.process.crash();
            adder = start(revenue);
          }
        }
        await world.run(150_000);
        // The minutes: nobody waits for an hour to be over so often.
        expect(minutesOf(rowsOf(world))).toEqual(minutesOf(oracle(payments)));
        repeated += counted(adder, 'repeated');
      }),
      { numRuns: 8, seed: 7 },
    );
    expect(repeated).toBeGreaterThan(0);
  });

  it('waits for a router that has not spoken, and not for one whose inputs are silent', async () => {
    const { world, start, pay } = worldWithRouter();
    const [, adder] = [start(router), start(revenue)];
    // Partitions 0 and 2 alone, which are router 0's.
    for (let n = 0; n < 40; n += 2) {
      pay(n, 0);
      await world.run(500);
    }
    const watermarks = (): number[] => [0, 1].map((shard) => adder.shard(shard).watermarkMs);
    await world.run(3_000);
    expect(Math.max(...watermarks())).toBeGreaterThan(0);
    for (const watermarkMs of watermarks()) expect(world.time.nowMs() - watermarkMs).toBeLessThan(12_000);
  });
});
