import { expect, test } from 'vitest';
import type { SendCall } from '../producer-lanes.ts';
import { MemoryPool } from './memory-pool.ts';
import { poisonsReleasedMemory } from './memory-suite.ts';
import { ProducePartition } from './produce-partition.ts';

const identity = { producerId: 7n, producerEpoch: 0 };
const call: SendCall = { left: 1, sent: [], resolve: () => {}, reject: () => {} };

poisonsReleasedMemory();

test('a batch that is sent again has the same bytes, however many are filled and grown beside it, until it is acknowledged', () => {
  const memory = new MemoryPool(1 << 24);
  const partitions = [0, 1].map((partition) => new ProducePartition({ topic: 't', partition }, memory));
  const [first, second] = partitions as [ProducePartition, ProducePartition];
  const fill = (partition: ProducePartition, letter: number, records: number): void => {
    const block = Buffer.alloc(3_000, letter);
    for (let i = 0; i < records; i++)
      partition.appendText({ topic: 't', key: 'k', block, start: 0, end: block.length }, 1_000, call, 3_100);
  };
  fill(first, 1, 100);
  first.isDue = true;
  const sealed = first.first(identity);
  const bytes = Buffer.from(sealed);
  for (let round = 0; round < 5; round++) {
    fill(first, 2 + round, 200);
    fill(second, 9, 200);
    second.isDue = true;
    second.first(identity);
    second.acknowledged();
    expect(first.first(identity)).toBe(sealed);
    expect(sealed.equals(bytes)).toBe(true);
  }
  first.acknowledged();
  const next = first.first(identity);
  expect(next.readInt32BE(53)).toBe(100); // sequence: after those that were sent
  expect(next.equals(sealed)).toBe(false);
});

test('a batch that is refused again and again is said once, and so are the refusals of the next one', () => {
  const line = new ProducePartition({ topic: 't', partition: 0 }, new MemoryPool(1 << 20));
  const text = { topic: 't', key: 'k', block: Buffer.from('v'), start: 0, end: 1 };
  for (let batch = 0; batch < 2; batch++) {
    line.appendText(text, 1_000, call, 100);
    line.first(identity);
    line.leader = 3;
    const said = Array.from({ length: 100 }, () => line.refused());
    expect([said.indexOf(true), said.filter(Boolean).length, line.leader]).toEqual([19, 1, -1]);
    line.acknowledged();
  }
});
