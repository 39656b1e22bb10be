import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { RankedItem, RecommendationList } from '../../events/insights.ts';
import { HeldLists, type HeldListsOptions } from './held-lists.ts';

const listOf = (key: string, revision: number, items: readonly RankedItem[] = [], index = 0): RecommendationList => ({
  ...{ kind: 'recommendation-list', pipeline: 'recommendations', version: 1, list: 'personal', key, items },
  ...{ eventTimeMs: revision, clockMs: 2, revision: String(revision) },
  producer: {
    ...{ pipeline: 'recommendations', version: 1, shard: 0, epoch: 0, orderOffset: String(revision), entryId: 'e' },
    index,
  },
});
const place = { topic: 'lists', partition: 0 };

function heldLists(stored: readonly RecommendationList[] = [], over: Partial<HeldListsOptions> = {}) {
  const asked: string[] = [];
  const pageOf = async (after: string): Promise<readonly RecommendationList[]> => {
    asked.push(after);
    const sorted = stored.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    return sorted.filter(({ key }) => key > after).slice(0, 2);
  };
  const held = new HeldLists({ bytesMax: 1_000_000, storedAfter: pageOf, committed: async () => [], ...over });
  return { held, asked };
}

test('a list comes back word for word', () => {
  const arbitraryItem: fc.Arbitrary<RankedItem> = fc.record(
    {
      itemId: fc.string({ unit: 'grapheme' }),
      score: fc.double({ noNaN: true, noDefaultInfinity: true }).map((score) => score + 0),
      reason: fc.string({ unit: 'binary' }),
      from: fc.constantFrom('trending', 'co_visited', 'personal' as const),
    },
    { requiredKeys: ['itemId', 'score', 'reason'] },
  );
  fc.assert(
    fc.property(fc.array(arbitraryItem, { maxLength: 12 }), (items) => {
      const { held } = heldLists();
      held.put(listOf('u', 7, items));
      expect(held.get('u')).toEqual({ list: 'personal', key: 'u', items, eventTimeMs: 7, revision: '7' });
    }),
  );
});

test('of a visitor the newest list stays, of two in one entry the later, whatever came first', () => {
  const { held } = heldLists();
  const lists = [listOf('u', 3, [], 1), listOf('u', 10, [], 4), listOf('u', 10, [], 2), listOf('u', 9)];
  const bytes = new Set<number>();
  for (const order of [lists, lists.toReversed()]) {
    for (const list of order) held.put(list);
    expect(held.get('u')?.eventTimeMs).toBe(10);
    bytes.add(held.bytes);
  }
  expect([held.size, bytes.size]).toEqual([1, 1]);
});

test('what is stored is read page by page once; then who is not held has no list', async () => {
  const { held, asked } = heldLists(['a', 'b', 'c', 'd', 'e'].map((key) => listOf(key, 1)));
  held.keepTime(0);
  expect(asked).toEqual([]);
  held.readsFrom(place, 0n);
  held.put(listOf('c', 2));
  expect(held.get('nobody')).toBeUndefined();
  held.keepTime(1);
  await expect.poll(() => held.isLoaded).toBe(true);
  held.keepTime(2);
  expect(asked).toEqual(['', 'b', 'd', 'e']);
  expect(['a', 'c', 'e'].map((key) => held.get(key)?.revision)).toEqual(['1', '2', '1']);
  expect(held.get('nobody')).toBeNull();
});

test('nothing is said to be missing until the sink has stored what was not read of the topic, and a gap begins it anew', async () => {
  let committed = 9n;
  const { held, asked } = heldLists([], { committed: async () => [{ ...place, nextOffset: committed }] });
  const settled = () => new Promise(setImmediate);
  held.readsFrom(place, 10n);
  held.keepTime(0);
  await settled();
  expect([held.isLoaded, asked.length]).toEqual([false, 0]);
  committed = 10n;
  held.keepTime(1);
  await settled();
  expect(held.isLoaded).toBe(false);
  held.keepTime(5_000);
  await expect.poll(() => held.isLoaded).toBe(true);
  held.readsFrom(place, 20n);
  expect(held.get('nobody')).toBeUndefined();
  held.keepTime(5_001);
  await settled();
  expect(held.isLoaded).toBe(false);
});

test('a store that is away is asked again', async () => {
  let isDown = true;
  const { held } = heldLists([], {
    storedAfter: async () => (isDown ? Promise.reject(new Error('down')) : []),
  });
  held.readsFrom(place, 0n);
  held.keepTime(0);
  await new Promise(setImmediate);
  isDown = false;
  held.keepTime(4_999);
  await new Promise(setImmediate);
  expect(held.isLoaded).toBe(false);
  held.keepTime(5_000);
  await expect.poll(() => held.isLoaded).toBe(true);
});

test('so many bytes are held: who came first leaves, what is stored puts nobody out, and nobody is said to have none', async () => {
  const stored = Array.from({ length: 50 }, (_, i) => listOf(`s${i + 10}`, 1));
  const { held } = heldLists(stored, { bytesMax: 10 * 255 });
  for (let i = 0; i < 12; i++) held.put(listOf(`u${i + 10}`, 2));
  expect([held.get('u10'), held.get('u21')?.revision]).toEqual([undefined, '2']);
  expect(held.bytes).toBeLessThanOrEqual(2_550);
  held.readsFrom(place, 0n);
  held.keepTime(0);
  await expect.poll(() => held.isLoaded).toBe(true);
  expect([held.get('nobody'), held.get('u21')?.revision]).toEqual([undefined, '2']);
});
