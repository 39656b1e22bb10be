import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { expect, test } from 'vitest';
import { count } from './aggregates/count.ts';
import { sum } from './aggregates/sum.ts';
import { Rolling } from './rolling.ts';

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });
const OUT_OF_ORDERNESS = 40;

interface Case {
  readonly sizeMs: number;
  readonly tileMs: number;
  readonly events: readonly {
    readonly key: string;
    readonly stepMs: number;
    readonly backMs: number;
    readonly value: number;
  }[];
  readonly reloadAt: number;
}

const caseArb: fc.Arbitrary<Case> = fc.record({
  sizeMs: fc.integer({ min: 1, max: 300 }),
  tileMs: fc.integer({ min: 1, max: 60 }),
  events: fc.array(
    fc.record({
      key: fc.constantFrom('a', 'b'),
      stepMs: fc.oneof(fc.nat(20), fc.nat(400)),
      backMs: fc.nat(OUT_OF_ORDERNESS),
      value: fc.integer({ min: -50, max: 50 }),
    }),
    { maxLength: 20, size: 'max' },
  ),
  reloadAt: fc.nat(25),
});

test('[C13] the aggregate as of each event equals brute force, in 10,000 random cases of disorder, tiles and snapshots', () => {
  fc.assert(
    fc.property(caseArb, ({ sizeMs, tileMs, events, reloadAt }) => {
      const make = () => new Rolling({ aggregate: sum, sizeMs, tileMs, keysMax: 10 });
      let rolling = make();
      const arrived: { key: string; timeMs: number; value: number }[] = [];
      let newestMs = 0;
      events.forEach(({ key, stepMs, backMs, value }, i) => {
        if (i === reloadAt) {
          const saved: unknown = packr.unpack(packr.pack(rolling.snapshot()));
          rolling = make();
          rolling.restore(saved);
        }
        const watermarkMs = newestMs - OUT_OF_ORDERNESS;
        newestMs += stepMs;
        const timeMs = newestMs - Math.min(backMs, stepMs + OUT_OF_ORDERNESS);
        arrived.push({ key, timeMs, value });
        // The far edge lies on a tile: the one that holds the time `sizeMs` before the event.
        const fromMs = timeMs - sizeMs - ((((timeMs - sizeMs) % tileMs) + tileMs) % tileMs);
        const counted = arrived.filter((e) => e.key === key && e.timeMs >= fromMs && e.timeMs <= timeMs);
        const expected = counted.reduce((total, e) => total + e.value, 0);
        const answer = rolling.add(key, timeMs, value, watermarkMs);
        // `expect` costs more than what it looks at, a quarter of a million times.
        if (answer.kind !== 'ok' || answer.result !== expected)
          expect(answer).toEqual({ kind: 'ok', result: expected });
      });
    }),
    { numRuns: 10_000 },
  );
});

test('what no event in time can reach any more is forgotten, with its key', () => {
  const rolling = new Rolling({ aggregate: count, sizeMs: 100, tileMs: 10, keysMax: 10 });
  for (let i = 0; i < 10; i++) rolling.add(`k${i}`, i, null, 0);
  expect(rolling.keyCount).toBe(10);
  rolling.add('k0', 200, null, 109);
  expect(rolling.keyCount).toBe(10);
  rolling.add('k0', 200, null, 110);
  expect(rolling.keyCount).toBe(1);
});

test('a new key beyond the limit is refused, and so is an event behind the watermark; known keys go on', () => {
  const rolling = new Rolling({ aggregate: count, sizeMs: 100, tileMs: 10, keysMax: 1 });
  expect(rolling.add('a', 50, null, 0)).toEqual({ kind: 'ok', result: 1 });
  expect(rolling.add('b', 50, null, 0)).toEqual({ kind: 'full' });
  expect(rolling.add('a', 19, null, 20)).toEqual({ kind: 'late' });
  expect(rolling.add('a', 20, null, 20)).toEqual({ kind: 'ok', result: 1 });
});
