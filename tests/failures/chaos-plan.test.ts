import { expect, test } from 'vitest';
import { chaosPlan, faultKinds } from './chaos-plan.ts';

const minutesMs = 5 * 60_000;

test('a seed plans the same faults each time, another one others', () => {
  const plan = chaosPlan(7, minutesMs, 3);
  expect(chaosPlan(7, minutesMs, 3)).toEqual(plan);
  const chances = new Set(plan.map(({ chance }) => chance));
  for (const other of [6, 8, 12]) {
    const shared = chaosPlan(other, minutesMs, 3).filter(({ chance }) => chances.has(chance));
    expect(shared).toEqual([]);
  }
});

test('every kind comes before any comes again, in time and in order, and every instance has its turn', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const plan = chaosPlan(seed, minutesMs, 3);
    for (let from = 0; from + faultKinds.length <= plan.length; from += faultKinds.length) {
      const kinds = plan.slice(from, from + faultKinds.length).map(({ kind }) => kind);
      expect(kinds.toSorted()).toEqual(faultKinds.toSorted());
    }
    expect(plan.length).toBeGreaterThan(3 * faultKinds.length);
    const times = plan.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    expect(times.at(-1)).toBeLessThan(minutesMs);
    const instances = new Set(plan.map(({ victim }) => victim).filter((victim) => victim.startsWith('instance')));
    expect(instances.size).toBe(3);
  }
});
