import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import type { Aggregate } from './aggregate.ts';
import { count } from './count.ts';
import { distinct } from './distinct.ts';
import { max, min } from './extremes.ts';
import { type Dated, first, last } from './first-last.ts';
import { mean } from './mean.ts';
import { quantile } from './quantile.ts';
import { stddev } from './stddev.ts';
import { sum } from './sum.ts';
import { topK } from './top-k.ts';

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });

function stateOf<V, S, R>(aggregate: Aggregate<V, S, R>, values: readonly V[]): S {
  return values.reduce((state, value) => aggregate.add(state, value), aggregate.init());
}

/** However the values are cut and merged, and through a snapshot between, the answer is that of one pass: `expected`; what is merged from stays as it was. */
function holds<V, S, R>(aggregate: Aggregate<V, S, R>, values: fc.Arbitrary<V[]>, expected: (values: V[]) => R): void {
  fc.assert(
    fc.property(values, fc.nat(100), (all, cutAt) => {
      const cut = all.length === 0 ? 0 : cutAt % all.length;
      expect(aggregate.result(stateOf(aggregate, all))).toEqual(expected(all));
      const left = packr.unpack(packr.pack(stateOf(aggregate, all.slice(0, cut)))) as S;
      const right = stateOf(aggregate, all.slice(cut));
      const before = packr.pack(right);
      const merged = aggregate.merge(left, right);
      expect(aggregate.result(merged)).toEqual(expected(all));
      // Rolling windows merge the same tile again and again.
      for (const value of all.slice(0, 2)) aggregate.add(merged, value);
      expect(packr.pack(right)).toEqual(before);
      const alone = aggregate.merge(aggregate.init(), stateOf(aggregate, all));
      expect(aggregate.result(alone)).toEqual(expected(all));
    }),
  );
}

const integers = fc.array(fc.maxSafeInteger());

describe('count, sum, mean, min, max', () => {
  const total = (values: number[]): bigint => values.reduce((a, b) => a + BigInt(b), 0n);

  test('[C14] count is how many', () => holds(count, fc.array(fc.anything()), (values) => values.length));

  test('[C14] sums of integers are exact, as text beyond 2^53', () => {
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

  /** Sum in units of 10^−320, from the text of each value alone: no double lies below. */
  const exactly = (values: readonly number[]): bigint =>
    values.reduce((units, value) => {
      if (Number.isInteger(value)) return units + BigInt(value) * 10n ** 340n;
      const [mantissa = '', exponent = '0'] = String(value).split('e');
      const [whole = '', fraction = ''] = mantissa.split('.');
      return units + BigInt(whole + fraction) * 10n ** BigInt(340 - fraction.length + Number(exponent));
    }, 0n);
  const finite = { noNaN: true, noDefaultInfinity: true } as const;
  const decimals = fc.oneof(
    fc.integer({ min: -1e9, max: 1e9 }).map((units) => units / 100),
    fc.double(finite),
    fc.maxSafeInteger(),
    fc.double({ ...finite, min: 0, max: 1 }),
  );

  test('[C14] sums of decimals are exact as written, whatever the order, and never infinite', () => {
    expect(stateOf(sum, [0.1, 0.2])).toBe(0.3);
    expect(stateOf(sum, [1.1, -1.1])).toBe(0);
    expect(stateOf(sum, [0.5, Number.MAX_SAFE_INTEGER])).toBe('9007199254740991.5');
    expect(stateOf(sum, [1e308, 1e308]).toString()).toMatch(/^2\d{308}$/);
    fc.assert(
      fc.property(fc.array(decimals, { maxLength: 30 }), fc.nat(), (values, cutAt) => {
        const cut = cutAt % (values.length + 1);
        const [left, right] = [stateOf(sum, values.slice(0, cut)), stateOf(sum, values.slice(cut))];
        const made = sum.merge(right, packr.unpack(packr.pack(left)) as typeof left);
        expect(made).toEqual(stateOf(sum, values));
        const [whole = '', fraction = ''] = typeof made === 'string' ? made.split('.') : [];
        const units =
          typeof made === 'number' ? exactly([made]) : BigInt(whole + fraction) * 10n ** BigInt(340 - fraction.length);
        expect(units).toBe(exactly(values));
      }),
      { numRuns: 1_000 },
    );
  });

  test('[C14] the mean of what no double can sum up is a double', () => {
    expect(mean.result(stateOf(mean, [1.7e308, 1.7e308, 0.5]))).toBeCloseTo((1.7e308 / 3) * 2, -295);
    expect(mean.result(stateOf(mean, [0.1, 0.2, 0.3]))).toBe(0.6 / 3);
  });

  test('[C14] the mean is the exact sum, rounded once', () => {
    holds(mean, integers, (values) => (values.length === 0 ? null : Number(total(values)) / values.length));
  });

  test('[C14] min and max are the extremes, null of nothing', () => {
    const sorted = (values: number[]): number[] => [...values].sort((a, b) => a - b);
    holds(min, integers, (values) => sorted(values)[0] ?? null);
    holds(max, integers, (values) => sorted(values).at(-1) ?? null);
  });
});

describe('stddev', () => {
  /** Two passes over whole numbers in bigints, one rounding at the end. */
  const exact = (values: readonly number[]): number | null => {
    if (values.length === 0) return null;
    const n = BigInt(values.length);
    const total = values.reduce((a, b) => a + BigInt(b), 0n);
    const spread = values.reduce((a, b) => a + (BigInt(b) * n - total) ** 2n, 0n);
    // √(spread / n³): the root of spread · n, over n².
    const digits = 10n ** 40n;
    let root = BigInt(Math.floor(Math.sqrt(Number(spread * n)))) * digits;
    const target = spread * n * digits * digits;
    if (root > 0n) for (let i = 0; i < 8; i++) root = (root + target / root) / 2n;
    return Number(root) / Number(digits) / Number(n * n);
  };
  const near = (value: number | null, expected: number | null): void => {
    if (value === null || expected === null) return expect(value).toBe(expected);
    expect(Math.abs(value - expected)).toBeLessThanOrEqual(1e-15 * 4 * Math.abs(expected));
  };

  test('[C14] is that of brute force to the last bits, with large values close together too', () => {
    const close = fc.integer({ min: 0, max: 20 }).map((n) => 9e15 - n);
    fc.assert(
      fc.property(fc.array(fc.oneof(close, fc.maxSafeInteger(), fc.nat(100)), { maxLength: 40 }), (values) => {
        near(stddev.result(stateOf(stddev, values)), exact(values));
      }),
      { numRuns: 1_000 },
    );
    expect(stddev.result(stateOf(stddev, [2, 4, 4, 4, 5, 5, 7, 9]))).toBe(2);
    expect(stddev.result(stateOf(stddev, [7]))).toBe(0);
    expect(stddev.result(stateOf(stddev, [1e-3, 1e-3, 1e-3]))).toBe(0);
    expect(stddev.result(stateOf(stddev, [0, 2 ** -30]))).toBe(2 ** -31);
    expect(stddev.result(stateOf(stddev, [0, 2 ** -31]))).toBe(2 ** -32);
    expect(stddev.result(stateOf(stddev, [1e150, -1e150]))).toBeCloseTo(1e150, -140);
  });

  test('gives the same double whatever the order and the cuts, through a snapshot', () => {
    const doubles = fc.array(fc.oneof(fc.double({ min: -1e9, max: 1e9, noNaN: true }), fc.nat(1e6)), { maxLength: 30 });
    fc.assert(
      fc.property(doubles, fc.nat(), (values, cutAt) => {
        const cut = cutAt % (values.length + 1);
        const left = packr.unpack(packr.pack(stateOf(stddev, values.slice(cut).reverse())));
        const merged = stddev.merge(left as ReturnType<typeof stddev.init>, stateOf(stddev, values.slice(0, cut)));
        expect(stddev.result(merged)).toBe(stddev.result(stateOf(stddev, values)));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('first and last', () => {
  const datedArb: fc.Arbitrary<Dated[]> = fc
    .array(fc.record({ eventTimeMs: fc.nat(5), value: fc.oneof(fc.nat(9), fc.constantFrom('x', null, true)) }))
    .map((all) => all.map((one, i) => ({ ...one, tie: `id-${String(i).padStart(3, '0')}` })));
  const ordered = (values: readonly Dated[]): Dated[] =>
    [...values].sort((a, b) => a.eventTimeMs - b.eventTimeMs || (a.tie < b.tie ? -1 : 1));

  test('[C14] are the ends in event time, ties by source and id', () => {
    holds(first, datedArb, (values) => ordered(values)[0]?.value ?? null);
    holds(last, datedArb, (values) => ordered(values).at(-1)?.value ?? null);
  });

  test('the order of adding changes nothing', () => {
    fc.assert(
      fc.property(datedArb, (values) => {
        expect(stateOf(first, [...values].reverse())).toEqual(stateOf(first, values));
        expect(stateOf(last, [...values].reverse())).toEqual(stateOf(last, values));
      }),
    );
  });
});

describe('quantile', () => {
  const exact = (values: readonly number[], q: number): number | null =>
    [...values].sort((a, b) => a - b)[Math.max(0, Math.ceil(q * values.length) - 1)] ?? null;
  // `+ 0`: 0 and −0 are one value.
  const numbers = fc.array(
    fc.oneof(
      fc.nat(20),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0),
    ),
    {
      maxLength: 200,
      size: 'max',
    },
  );

  test('[C14] is exact while the values fit a buffer', () => {
    for (const q of [0, 0.1, 0.5, 0.99, 1]) holds(quantile(q), numbers, (values) => exact(values, q));
    expect(() => quantile(1.1)).toThrow(RangeError);
  });

  function countUpTo(sorted: Float64Array, isUpTo: (value: number) => boolean): number {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isUpTo(sorted[middle] as number)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How far, as a share of all, the rank asked for lies from those that `value` has. */
  function rankError(sorted: Float64Array, value: number, q: number): number {
    const rank = Math.max(1, Math.ceil(q * sorted.length));
    const below = countUpTo(sorted, (one) => one < value);
    const upTo = countUpTo(sorted, (one) => one <= value);
    return Math.max(0, below + 1 - rank, rank - upTo) / sorted.length;
  }
  const mixed = (i: number): number => (i * 2_654_435_761) % 4_294_967_296;
  const shapes: Readonly<Record<string, (i: number, n: number) => number>> = {
    rising: (i) => i,
    falling: (i, n) => n - i,
    mixed,
    'within a thousandth of each other': (i) => 1e6 + mixed(i) / 2 ** 23,
    'with a long tail': (i) => Math.exp(mixed(i) / 2 ** 27),
    'zigzag, so that ends alternate': (i, n) => (i % 2 === 0 ? i : n * 2 - i),
    'few values': (i) => mixed(i) % 7,
  };

  test.each(Object.keys(shapes))('[C14] ranks are off by less than a hundredth: %s', (name) => {
    const shape = shapes[name] as (typeof shapes)[string];
    for (const n of [2_000, 50_000, 200_000]) {
      const values = Array.from({ length: n }, (_, i) => shape(i, n));
      const sorted = Float64Array.from(values).sort();
      const sketch = quantile(0);
      const whole = stateOf(sketch, values);
      const parts: (typeof whole)[] = [];
      for (let from = 0; from < n; from += 1_500) parts.push(stateOf(sketch, values.slice(from, from + 1_500)));
      const merged = parts.reduce((into, part) => sketch.merge(into, part), sketch.init());
      for (const state of [whole, packr.unpack(packr.pack(merged)) as typeof whole]) {
        expect(state.count).toBe(n);
        for (const q of [0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1])
          expect(rankError(sorted, quantile(q).result(state) as number, q), `${n} at ${q}`).toBeLessThan(0.01);
        for (const level of state.levels) expect(level.length).toBeLessThanOrEqual(1_024);
      }
    }
  });
});

describe('distinct', () => {
  const texts = fc.array(fc.string({ maxLength: 2 }), { maxLength: 300, size: 'max' });

  test('[C14] is exact up to its limit', () => holds(distinct(1_000), texts, (values) => new Set(values).size));

  test('beyond it the order of adding and merging changes nothing', () => {
    fc.assert(
      fc.property(texts, texts, (a, b) => {
        const few = distinct(10);
        const expected = few.result(stateOf(few, [...b, ...a]));
        expect(few.result(few.merge(stateOf(few, a), stateOf(few, b)))).toBe(expected);
      }),
    );
  });

  test('[C14] is within 2 % from some hundred to a million', () => {
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

  test('[C14] is exact while the values fit', () => {
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
