import { expect, test } from 'vitest';
import { AnswerPool } from './answers.ts';

test('memory of an answer is used again once everyone who needed a part of it has said so, and not before', () => {
  const pool = new AnswerPool(1 << 20);
  const answer = pool.answer();
  const room = answer.room(100_000);
  expect(room).toHaveLength(100_000);
  const [first, second] = [answer.hold(), answer.hold()];
  answer.release();
  first();
  first(); // twice is once
  expect(pool.answer().room(100_000).buffer).not.toBe(room.buffer);
  second();
  expect(pool.answer().room(90_000).buffer).toBe(room.buffer);
});

test('the smallest free memory that is large enough is used, and no more than the bound is kept', () => {
  const pool = new AnswerPool(1_000_000);
  const [large, middle, small] = [500_000, 300_000, 150_000].map((length) => Buffer.alloc(length));
  for (const memory of [large, middle, small]) pool.give(memory as Buffer);
  expect(pool.take(250_000)).toBe(middle);
  pool.give(middle as Buffer);
  pool.give(Buffer.alloc(200_000)); // too much by now: the smallest goes
  expect(pool.take(100_000)).toHaveLength(200_000);
  expect([pool.take(100_000), pool.take(100_000)]).toEqual([middle, large]);
  expect(pool.take(100_000)).not.toBe(small);
});
