import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import type { Aggregate } from './aggregate.ts';
import { count } from './count.ts';
import { distinct } from './distinct.ts';
import { max, min } from './extremes.ts';
import { mean } from './mean.ts';
import { sum } from './sum.ts';
import { topK } from './top-k.ts';

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });

function stateOf<V, S, R>(aggregate: Aggregate<V, S, R>, values: readonly V[]): S {
  return values.reduce((state, value) => aggregate.add(state, value), aggregate.init());
}

/** However the values are cut and merged, and through a snapshot between, the answer is that of one pass: `expected`. */
function holds<V, S, R>(aggregate: Aggregate<V, S, R>, values: fc.Arbitrary<V[]>, expected: (values: V[]) => R): void {
  fc.assert(
    fc.property(values, fc.nat(100), (all, cutAt) => {
      const cut = all.length === 0 ? 0 : cutAt % all.length;
      expect(aggregate.result(stateOf(aggregate, all))).toEqual(expected(all));
      const left = packr.unpack(packr.pack(stateOf(aggregate, all.slice(0, cut)))) as S;
      const merged = aggregate.merge(left, stateOf(aggregate, all.slice(cut)));
      expect(aggregate.result(merged)).toEqual(expected(all));
      const alone = aggregate.merge(aggregate.init(), stateOf(aggregate, all));
      expect(aggregate.result(alone)).toEqual(expected(all));
    }),
  );
}

const integers = fc.array(fc.maxSafeInteger());

describe('count, sum, mean, min, max', () => {
  const total = (values: number[]): bigint => values.reduce((a, b) => a + BigInt(b), 0n);

  test('count is how many', () => holds(count, fc.array(fc.anything()), (values) => values.length));

  test('sums of integers are exact, as text beyond 2^53', () => {
    holds(sum, integers, (values) => {
      const exact = total(values);
      return Number.isSafeInteger(Number(exact)) ? Number(exact) : String(exact);
    });
  });

  test('sums come back from beyond 2^53 as numbers', () => {
    const large = Number.MAX_SAFE_INTEGER;
    expect(stateOf(sum, [large, large])).toBe('18014398509481982');
    expect(stateOf(sum, [large, large, -large])).toBe(large);
  });

  test('sums of fractions are doubles and never infinite', () => {
    expect(stateOf(sum, [0.5, 0.25, 1])).toBe(1.75);
    expect(stateOf(sum, [1e308 + 0.5, 1e308, 1.7e308, 0.1])).not.toBe(Infinity);
    expect(stateOf(sum, [0.5, Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER])).toBeCloseTo(2 ** 54, 0);
  });

  test('the mean is the exact sum, rounded once', () => {
    holds(mean, integers, (values) => (values.length === 0 ? null : Number(total(values)) / values.length));
  });

  test('min and max are the extremes, null of nothing', () => {
    const sorted = (values: number[]): number[] => [...values].sort((a, b) => a - b);
    holds(min, integers, (values) => sorted(values)[0] ?? null);
    holds(max, integers, (values) => sorted(values).at(-1) ?? null);
  });
});

describe('distinct', () => {
  const texts = fc.array(fc.string({ maxLength: 2 }), { maxLength: 300, size: 'max' });

  test('is exact up to its limit', () => holds(distinct(1_000), texts, (values) => new Set(values).size));

  test('beyond it the order of adding and merging changes nothing', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const few = distinct(10);
        const expected = few.result(stateOf(few, [...b, ...a]));
        expect(few.result(few.merge(stateOf(few, a), stateOf(few, b)))).toBe(expected);
      }),
    );
  });

  test('is within 2 % from some hundred to a million', () => {
    const values = distinct();
    const state = values.init();
    let next = 0;
    for (const target of [300, 1_000, 5_000, 20_000, 50_000, 100_000, 300_000, 1_000_000]) {
      for (; next < target; next++) values.add(state, `user-${next}`);
      expect(Math.abs(values.result(state) / target - 1), `of ${target}`).toBeLessThan(0.02);
    }
  });
});

describe('top-k', () => {
  /** Brute force: by count, ties to the lower value. */
  function exact(values: readonly string[], k: number) {
    const counts = new Map<string, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    const order = [...counts].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
    return order.slice(0, k).map(([value, times]) => ({ value, count: times, errorMax: 0 }));
  }

  test('is exact while the values fit', () => {
    const few = fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e'));
    holds(topK(3, 5), few, (values) => exact(values, 3));
  });

  test('never counts too low, and its bound on the error holds', () => {
    const skewed = fc.array(
      fc.nat(900).map((n) => String(Math.floor(Math.sqrt(n)))),
      { maxLength: 400, size: 'max' },
    );
    fc.assert(
      fc.property(skewed, skewed, (a, b) => {
        const top = topK(5, 12);
        const truth = new Map(exact([...a, ...b], Infinity).map((entry) => [entry.value, entry.count]));
        const merged = top.merge(stateOf(top, a), stateOf(top, b));
        for (const state of [stateOf(top, [...a, ...b]), merged])
          for (const { value, count: atMost, errorMax } of top.result(state)) {
            expect(atMost).toBeGreaterThanOrEqual(truth.get(value) ?? 0);
            expect(atMost - errorMax).toBeLessThanOrEqual(truth.get(value) ?? 0);
          }
      }),
    );
  });

  test('finds every value that is more frequent than one in as many as it has counters', () => {
    const noise = Array.from({ length: 1_000 }, (_, i) => `n${i}`);
    const values = noise.flatMap((value, i) => (i % 5 === 0 ? [value, 'hot'] : [value]));
    const top = topK(1, 10);
    expect(top.result(stateOf(top, values))[0]?.value).toBe('hot');
  });
});
