import { expect, test } from 'vitest';
import { Answer } from './answers.ts';
import { MemoryPool } from './memory-pool.ts';

test('memory of an answer is used again once everyone who needed a part of it has said so, and not before', () => {
  const pool = new MemoryPool(1 << 20);
  const answer = new Answer(pool);
  const room = answer.room(100_000);
  expect(room).toHaveLength(100_000);
  const [first, second] = [answer.hold(), answer.hold()];
  answer.release();
  first();
  first(); // twice is once
  expect(new Answer(pool).room(100_000).buffer).not.toBe(room.buffer);
  second();
  expect(new Answer(pool).room(90_000).buffer).toBe(room.buffer);
});
