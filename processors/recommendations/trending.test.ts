import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { RankedItem } from '../../events/insights.ts';
import type { Interaction } from '../../events/interaction.ts';
import { MixedReader } from '../../streams/mixed-row.ts';
import { atOnce, split, valuesOf } from '../../streams/pieces.ts';
import type { SlicedState } from '../../tasks/contract.ts';
import { interaction, minuteMs } from './cases-suite.ts';
import { trendingReason } from './reason.ts';
import { actionWeights, allKey, Trending, type TrendingOptions } from './trending.ts';

/** What it holds of each item, as a snapshot says. */
function stateOf(trending: Trending): readonly { itemId: string; category: string | null; tiles: number[] }[] {
  const { keys, rows } = split(atOnce(trending.beginSnapshot(1_000_000))) as Record<'keys' | 'rows', SlicedState>;
  const ids = valuesOf<string>(keys);
  return rows.pieces.flatMap((piece) => {
    const items = [];
    for (const from = new MixedReader(piece); !from.isAtEnd;) {
      const itemId = ids[from.take()] ?? '';
      from.takeTime();
      items.push({ itemId, category: from.takeTexts()[0] ?? null, tiles: from.takeList() });
    }
    return items;
  });
}

/** The lists by the text of docs/recommendations.md: every item counted and all of them sorted. */
function rankedOver(
  trending: Trending,
  key: string,
  newestMs: number,
  options: TrendingOptions,
): readonly RankedItem[] {
  const newest = Math.floor(newestMs / minuteMs);
  const halfLifeMinutes = options.halfLifeMs / minuteMs;
  const weights = ['view', 'click', 'cart', 'purchase'] as const;
  const scored = stateOf(trending).flatMap(({ itemId, category, tiles }) => {
    if (key !== allKey && category !== key) return [];
    const counts: [number, number, number, number] = [0, 0, 0, 0];
    let [rank, oldest] = [0, Infinity];
    for (let at = 0; at < tiles.length; at += 5) {
      const age = newest - (tiles[at] as number);
      if (age >= Math.ceil(8 * halfLifeMinutes)) continue;
      oldest = Math.min(oldest, tiles[at] as number);
      for (const [i, action] of weights.entries()) {
        const count = tiles[at + 1 + i] as number;
        counts[i] = (counts[i] as number) + count;
        rank += count * actionWeights[action] * Math.round(65_536 * 2 ** (-age / halfLifeMinutes));
      }
    }
    const [views, clicks, carts, purchases] = counts;
    const reason = () => trendingReason({ views, clicks, carts, purchases }, newestMs - oldest * minuteMs);
    return rank === 0 ? [] : [{ itemId, rank, reason }];
  });
  return scored
    .sort((a, b) => b.rank - a.rank || (a.itemId < b.itemId ? -1 : 1))
    .slice(0, options.listItemsMax)
    .map(({ itemId, rank, reason }) => ({
      ...{ itemId, score: Math.round((rank * 1_000) / 65_536) / 1_000, reason: reason() },
    }));
}

/** What happens: an action so long after the newest, or before it; or lists are asked for, or all is restored. */
type Step =
  | { readonly kind: 'act'; readonly afterMs: number; readonly item: number; readonly category: number | null }
  | { readonly kind: 'rank'; readonly keys: readonly number[] }
  | { readonly kind: 'restore' };

const actions = ['view', 'click', 'cart', 'purchase'] as const;
const keyOf = (category: number): string => (category === 0 ? allKey : `c${category}`);

/** Runs the steps; each list that is asked for is compared. Returns how many were. */
function run(steps: readonly Step[], options: TrendingOptions): number {
  let trending = new Trending(options);
  let newestMs = 1_767_225_600_000;
  const listed = new Map<string, null>();
  let compared = 0;
  for (const [i, step] of steps.entries()) {
    if (step.kind === 'act') {
      const { afterMs, item, category } = step;
      const eventTimeMs = newestMs + afterMs;
      newestMs = Math.max(newestMs, eventTimeMs);
      const made: Interaction = interaction({
        ...{ itemId: `i${item}`, eventTimeMs, action: actions[(i * 7 + item) % 4] ?? 'view' },
        ...(category !== null && { category: keyOf(category) }),
      });
      trending.add(made, newestMs);
      if (i % 3 === 0) trending.sweep(newestMs);
    } else if (step.kind === 'restore') {
      const saved = structuredClone(atOnce(trending.beginSnapshot(1_000)));
      trending = new Trending(options);
      trending.restore(saved);
    } else {
      // The list over all items is not one of those that are limited.
      for (const key of step.keys.map(keyOf)) if (listed.size <= options.listsMax) listed.set(key, null);
      const keys = new Set(step.keys.map(keyOf).filter((key) => listed.has(key)));
      const lists = trending.rank({ keys, listed, newestMs });
      expect([...lists.keys()]).toEqual([...keys]);
      for (const [key, items] of lists) {
        expect(items).toEqual(rankedOver(trending, key, newestMs, options));
        if (items.length === 0) listed.delete(key);
        compared += 1;
      }
    }
  }
  return compared;
}

const arbitraryStep = (items: number, categories: number): fc.Arbitrary<Step> => {
  const jumps = fc.oneof(
    { weight: 6, arbitrary: fc.integer({ min: 0, max: 20_000 }) },
    { weight: 2, arbitrary: fc.integer({ min: -12 * minuteMs, max: 3 * minuteMs }) },
    { weight: 1, arbitrary: fc.integer({ min: -30 * minuteMs, max: 12 * minuteMs }) },
  );
  return fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        ...{ kind: fc.constant('act' as const), afterMs: jumps, item: fc.nat(items) },
        category: fc.option(fc.nat(categories), { freq: 2 }),
      }),
    },
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constant('rank' as const),
        keys: fc.array(fc.nat(categories), { minLength: 1, maxLength: 3 }),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('restore' as const) }) },
  );
};

describe('what trends', () => {
  const options: TrendingOptions = { halfLifeMs: 90_000, keysMax: 10_000, listItemsMax: 1, listsMax: 100 };

  test('is what ranking all items gives, whatever came, however late, of whatever category, restored anywhere', () => {
    let compared = 0;
    const property = fc.property(fc.array(arbitraryStep(90, 3), { minLength: 100, maxLength: 500 }), (steps) => {
      compared += run(steps, options);
    });
    fc.assert(property, { numRuns: 60 });
    expect(compared).toBeGreaterThan(1_000);
  });

  test('is that with more categories than there are lists, too', () => {
    const few = { ...options, listsMax: 3 };
    fc.assert(
      fc.property(fc.array(arbitraryStep(60, 9), { minLength: 50, maxLength: 250 }), (steps) => {
        run(steps, few);
      }),
      { numRuns: 60 },
    );
  });

  test('is that where many are equal: only the ids decide', () => {
    const ids = Array.from({ length: 3_000 }, (_, i) => (i * 7_919) % 3_000);
    const steps = ids.flatMap((item, i): Step[] => [
      { kind: 'act', afterMs: 40, item, category: item % 3 },
      ...(i % 50 === 0 ? [{ kind: 'rank', keys: [0, 1, 2] } as const] : []),
    ]);
    expect(run(steps, { ...options, listItemsMax: 12 })).toBe(180);
  });

  test('is that when all that were near have left, by age', () => {
    const popular = Array.from({ length: 4_000 }, (_, i): Step => act({ item: i % 40 }));
    const seldom = Array.from({ length: 60 }, (_, i): Step =>
      act({ item: 100 + i, afterMs: i === 0 ? 10 * minuteMs : 0 }),
    );
    const aging = Array.from({ length: 14 }, (): Step[] => [
      act({ item: 1_000, category: 2, afterMs: minuteMs }),
      { kind: 'rank', keys: [0, 1] },
    ]).flat();
    const steps: Step[] = [...popular, ...seldom, { kind: 'rank', keys: [0, 1] }, ...aging];
    expect(run(steps, { ...options, listItemsMax: 3 })).toBe(30);
  });

  test('is that when the best leave one by one for another category, and the rest are nearly equal', () => {
    const actsOf = fc.array(fc.tuple(fc.nat(79), fc.integer({ min: 0, max: 4_000 })), {
      minLength: 300,
      maxLength: 300,
    });
    const property = fc.property(actsOf, fc.array(fc.nat(2), { minLength: 60, maxLength: 60 }), (acts, ages) => {
      const trending = new Trending(options);
      const keys = new Set(['c1']);
      const listed = new Map([['c1', null]]);
      let newestMs = 1_767_225_600_000;
      const add = (itemId: string, category: string, eventTimeMs: number): void => {
        newestMs = Math.max(newestMs, eventTimeMs);
        trending.add(interaction({ itemId, category, eventTimeMs }), newestMs);
      };
      for (const [item, afterMs] of acts) add(`i${item}`, 'c1', newestMs + afterMs);
      for (const age of ages) {
        if (age === 0) add('other', 'c2', newestMs + minuteMs);
        const items = trending.rank({ keys, listed, newestMs }).get('c1') ?? [];
        expect(items).toEqual(rankedOver(trending, 'c1', newestMs, options));
        // Too late to count for anything but its category.
        for (const { itemId } of items) add(itemId, 'c2', newestMs - 60 * minuteMs);
      }
    });
    fc.assert(property, { numRuns: 60 });
  });
});

const act = (over: Partial<Extract<Step, { kind: 'act' }>> & { readonly item: number }): Step => ({
  ...{ kind: 'act', afterMs: 0, category: 1, ...over },
});
