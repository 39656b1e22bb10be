import { describe, expect, it } from 'vitest';
import { redrive } from '../../cli/dlq-run.ts';
import { type DecodeOutcome, decodeEvent } from '../../events/decode.ts';
import type { DeadLetter, Quarantined, Result, WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import { T0, payment, revenuePipeline } from '../fold/cases.ts';
import { type CalmWorld, createCalmWorld } from '../simulation/calm.ts';

type Decode = typeof decodeEvent;

/** Builds that lack something: what is fixed later. */
const refusing: Decode = (bytes, start, end) => {
  const outcome = decodeEvent(bytes, start, end);
  const isRefused = outcome.kind === 'event' && outcome.event.source === 'odd';
  const dead: DecodeOutcome = { kind: 'dead', reason: 'invalid', message: 'odd', fieldPath: '/source', source: 'odd' };
  return isRefused ? dead : outcome;
};
const older: Decode = (bytes, start, end) => {
  const outcome = decodeEvent(bytes, start, end);
  const isNewer = outcome.kind === 'event' && outcome.event.source === 'odd';
  return isNewer ? { kind: 'quarantined', eventType: 'payment', eventVersion: 2, newestKnownVersion: 1 } : outcome;
};

const resultsOf = <T extends Result>(world: CalmWorld, topic: string): T[] =>
  world.broker
    .partition({ topic, partition: 0 })
    .records.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as T);

/** Payments of one minute, every second one refused by a build with `decode`; then the minute closes. */
async function halfRefused(decode: Decode) {
  const world = createCalmWorld();
  for (const topic of ['payments', ...Object.values(resultTopics)]) world.broker.createTopic(topic, 1);
  const start = (build: Decode) =>
    world.start({
      createFold: () => revenuePipeline({ decode: build, allowedLatenessMs: 3_600_000 }),
      tuning: { snapshotEveryMs: 300, idleMs: 2_000 },
    });
  const task = start(decode);
  for (let i = 0; i < 10; i++) {
    const event = payment({ atMs: world.time.nowMs() - T0 + i, source: i % 2 ? 'odd' : 'fine' });
    const value = Buffer.from(JSON.stringify(event));
    world.broker.append({ topic: 'payments', partition: 0 }, { key: Buffer.from(event.key), value });
  }
  await world.until('folded', () => task.shard().totals.records === 10);
  await world.run(59_000);
  await world.run(59_000);
  const rows = () =>
    resultsOf<WindowResult>(world, resultTopics.windows).filter(({ output }) => output === 'country_1m');
  expect(rows().map(({ state, values }) => [state, values['count']])).toEqual([['final', 5]]);
  task.process.crash();
  return { world, rows, task: start(decodeEvent) };
}

/** Sends them again as the command does, into the simulated broker. */
async function sendAgain(world: CalmWorld, letters: readonly (DeadLetter | Quarantined)[]): Promise<void> {
  const records = letters.map(({ input, keyBase64, valueBase64 }) => ({
    ...{ id: `${input.topic}-${input.partition}/${input.inputOffset}/${input.timestampMs}`, topic: input.topic },
    ...{ partition: input.partition, timestampMs: input.timestampMs, keyBase64, valueBase64 },
    ...{ pipelines: [], reasons: [], messages: [], redriven: 0 },
  }));
  await redrive(records, {
    partitionCount: () => Promise.resolve(1),
    send: (messages) =>
      Promise.resolve(
        messages.map(({ topic, partition, key, value }) => ({
          ...{ topic, partition },
          messageOffset: world.broker.append({ topic, partition }, { key, value }),
        })),
      ),
  });
}

describe('what was refused and is sent again after a fix', () => {
  it('[A7] lands in its window as a late correction; once more changes nothing', async () => {
    const { world, rows, task } = await halfRefused(refusing);
    const letters = resultsOf<DeadLetter>(world, resultTopics.deadLetters);
    expect(letters).toHaveLength(5);
    await world.until('owner', () => task.shard().state === 'owner');
    await sendAgain(world, letters);
    await world.until('folded', () => task.shard().totals.records === 15);
    await world.run(500);
    const [first, ...corrections] = rows();
    const last = corrections.at(-1);
    expect([last?.state, last?.values['count'], last?.windowStartMs]).toEqual(['corrected', 10, first?.windowStartMs]);
    expect(BigInt(last?.revision ?? 0)).toBeGreaterThan(BigInt(first?.revision ?? 0));
    const told = rows().length;
    await sendAgain(world, letters);
    await world.until('folded', () => task.shard().totals.records === 20);
    await world.run(500);
    expect(rows()).toHaveLength(told);
    expect(task.shard().counters['duplicate']).toBe(5);
  });

  it('[B3] an event of a newer version waits in quarantine, and counts when a build that knows it is there', async () => {
    const { world, rows, task } = await halfRefused(older);
    const waiting = resultsOf<Quarantined>(world, resultTopics.quarantine);
    expect(waiting).toHaveLength(5);
    await world.until('owner', () => task.shard().state === 'owner');
    await sendAgain(world, waiting);
    await world.until('folded', () => task.shard().totals.records === 15);
    await world.run(500);
    expect(rows().at(-1)).toMatchObject({ state: 'corrected', values: { count: 10 } });
  });
});
