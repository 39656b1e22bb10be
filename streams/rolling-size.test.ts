import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Packr } from 'msgpackr';
import { expect, test } from 'vitest';
import { sum } from './aggregates/sum.ts';
import { Rolling } from './rolling.ts';

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });
const DAY_MS = 86_400_000;

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
const heapUsed = (): number => {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
};

test('[E4] a sum over 90 days takes less than 200 bytes a key and day, in memory and in a snapshot', () => {
  const [keys, days] = [500, 90];
  const before = heapUsed();
  const rolling = new Rolling({ aggregate: sum, sizeMs: 90 * DAY_MS, tileMs: DAY_MS, keysMax: keys });
  const expected = new Map<string, number>();
  for (let day = 0; day < days; day++)
    for (let k = 0; k < keys; k++)
      for (let i = 0; i < 3; i++) {
        // Sums above 2^31: no small integers that cost nothing.
        const value = 1e10 + ((k * 31 + day * 17 + i) % 1_000);
        const key = `customer-${String(k).padStart(10, '0')}`;
        expected.set(key, (expected.get(key) ?? 0) + value);
        const atMs = day * DAY_MS + i * 3_600_000 + k;
        const answer = rolling.add(key, atMs, value, atMs - 7_200_000);
        // `expect` would cost more than what it looks at.
        if (answer.kind !== 'ok' || answer.result !== expected.get(key)) expect(answer).toEqual(expected.get(key));
      }
  const perKeyAndDay = (heapUsed() - before) / (keys * days);
  const stored = packr.pack(rolling.snapshot()).length / (keys * days);
  console.log(
    `90-day sums: ${perKeyAndDay.toFixed(0)} B a key and day in memory, ${stored.toFixed(0)} B in a snapshot`,
  );
  expect(perKeyAndDay).toBeGreaterThan(8);
  expect(perKeyAndDay).toBeLessThan(200);
  expect(stored).toBeLessThan(200);
});
