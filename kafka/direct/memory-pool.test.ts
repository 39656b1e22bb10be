import { expect, test } from 'vitest';
import { MemoryPool } from './memory-pool.ts';

test('the smallest free memory that is large enough is used, and no more than the bound is kept', () => {
  const pool = new MemoryPool(1_000_000);
  const [large, middle, small] = [500_000, 300_000, 150_000].map((length) => Buffer.alloc(length));
  for (const memory of [large, middle, small]) pool.give(memory as Buffer);
  expect(pool.take(250_000)).toBe(middle);
  pool.give(middle as Buffer);
  pool.give(Buffer.alloc(200_000)); // too much by now: the smallest goes
  expect(pool.take(100_000)).toHaveLength(200_000);
  expect([pool.take(100_000), pool.take(100_000)]).toEqual([middle, large]);
  expect(pool.take(100_000)).not.toBe(small);
});

test('little memory is not made large', () => {
  expect([0, 1, 5_000, 70_000].map((length) => new MemoryPool(1).take(length).length)).toEqual([
    4_096, 4_096, 8_192, 131_072,
  ]);
});
