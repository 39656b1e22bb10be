import { expect, test } from 'vitest';
import { createHistory } from './history.ts';

test('a status that comes twice, or an older one, adds no point', () => {
  const history = createHistory({ spanMs: 60_000, gapMs: 3_000 });
  history.add(1_000, 5);
  expect(history.add(1_000, 5)).toBe(false);
  expect(history.add(500, 7)).toBe(false);
  expect(history.points()).toEqual([{ atMs: 1_000, value: 5 }]);
});

test('[J2] the line is broken where nothing was received for longer than the gap', () => {
  const history = createHistory({ spanMs: 60_000, gapMs: 3_000 });
  for (const atMs of [1_000, 2_000, 9_000]) history.add(atMs, 5);
  expect(history.points().map((point) => point.value)).toEqual([5, 5, null, 5]);
});

test('points older than the span leave', () => {
  const history = createHistory({ spanMs: 10_000, gapMs: 3_000 });
  for (let atMs = 0; atMs <= 60_000; atMs += 1_000) history.add(atMs, 1);
  expect(history.points()).toHaveLength(11);
  expect(history.points()[0]?.atMs).toBe(50_000);
});
