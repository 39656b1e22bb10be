import { expect, test } from 'vitest';
import type { RecommendationList } from '../../events/insights.ts';
import { resultTopics } from '../../events/topics.ts';
import { startRig, type Rig } from './gateway-suite-rig.ts';

const listOf = (
  list: RecommendationList['list'],
  key: string,
  revision: number,
  itemIds: readonly string[],
  index = 0,
): RecommendationList => ({
  ...{ kind: 'recommendation-list', pipeline: 'recommendations', version: 1, list, key },
  items: itemIds.map((itemId) => ({ itemId, score: 1, reason: 'because' })),
  ...{ eventTimeMs: 1, clockMs: 2, revision: String(revision) },
  producer: {
    ...{
      pipeline: 'recommendations',
      version: 1,
      shard: 0,
      epoch: 0,
      orderOffset: String(revision),
      index,
      entryId: 'e',
    },
  },
});

async function withRig(options: Parameters<typeof startRig>[0], run: (rig: Rig) => Promise<void>): Promise<void> {
  const rig = await startRig(options);
  try {
    await run(rig);
  } finally {
    await rig.stop();
  }
}

const push = ({ source }: Pick<Rig, 'source'>, list: RecommendationList): void => {
  const key = `${list.list} ${list.key}`;
  source.append({ topic: resultTopics.recommendations, partition: key.length % 2 }, [
    { key, value: JSON.stringify(list) },
  ]);
};

/** What a subscriber of a channel holds: `key items`. */
function held(rig: Rig, channel: 'trending' | `recommendations:${string}`) {
  const subscription = rig.client().subscribe(channel, {}, () => {});
  return () =>
    [...subscription.rows().values()]
      .map(({ row }) => `${row.key} ${row.items.map(({ itemId }) => itemId).join()}`)
      .toSorted();
}

test('trending: what was stored before the start, then every newer list, of two in one entry the later', () =>
  withRig(
    { storedLists: async (list) => (list === 'trending' ? [listOf('trending', 'books', 5, ['old'])] : []) },
    async (rig) => {
      const rows = held(rig, 'trending');
      await expect.poll(() => rows()).toEqual(['books old']);
      push(rig, listOf('trending', 'books', 4, ['older']));
      push(rig, listOf('trending', 'all', 6, ['minute over'], 0));
      push(rig, listOf('trending', 'all', 6, ['now'], 7));
      push(rig, listOf('co_visited', 'item-1', 7, ['b']));
      await expect.poll(() => rows()).toEqual(['all now', 'books old']);
      push(rig, listOf('trending', 'books', 8, ['new']));
      await expect.poll(() => rows()).toEqual(['all now', 'books new']);
    },
  ));

test('trending: while ClickHouse is away a subscriber gets what is pushed', () =>
  withRig({ storedLists: () => Promise.reject(new Error('down')) }, async (rig) => {
    push(rig, listOf('trending', 'all', 1, ['a']));
    const rows = held(rig, 'trending');
    await expect.poll(() => rows()).toEqual(['all a']);
  }));

test('recommendations:<user> shows that visitor’s list only, a stored one where none was pushed', () =>
  withRig(
    {
      storedLists: async (list, of) =>
        list === 'personal' && of?.key === 'u2' ? [listOf('personal', 'u2', 3, ['stored'])] : [],
    },
    async (rig) => {
      push(rig, listOf('personal', 'u1', 1, ['a']));
      const one = held(rig, 'recommendations:u1');
      const two = held(rig, 'recommendations:u2');
      await expect.poll(() => [one(), two()]).toEqual([['u1 a'], ['u2 stored']]);
      push(rig, listOf('personal', 'u2', 4, ['b']));
      push(rig, listOf('personal', 'u3', 5, ['c']));
      await expect.poll(() => [one(), two()]).toEqual([['u1 a'], ['u2 b']]);
      await expect.poll(() => rig.gateway.heldList('personal', 'u3')?.items).toHaveLength(1);
      await expect.poll(() => rig.gateway.heldList('personal', 'u4')).toBeNull();
      expect(rig.gateway.heldList('trending', 'all')).toBeNull();
      expect(rig.gateway.heldList('co_visited', 'a')).toBeUndefined();
      const raw = rig.raw();
      await expect.poll(() => raw.of('hello')).toHaveLength(1);
      raw.send({ kind: 'auth', method: 'anonymous' });
      await expect.poll(() => raw.of('ready')).toHaveLength(1);
      raw.send({ kind: 'subscribe', id: 1, channel: 'recommendations' });
      raw.send({ kind: 'subscribe', id: 2, channel: 'recommendations:' });
      await expect.poll(() => raw.of('error').map(({ code }) => code)).toEqual(['bad_params', 'unknown_channel']);
    },
  ));

test('the lists of so many visitors are held for those who watch, the last to change', () =>
  withRig({ limits: { visitorsMax: 2 } }, async (rig) => {
    for (const [i, user] of ['u1', 'u2', 'u1', 'u3'].entries()) push(rig, listOf('personal', user, i + 1, ['a']));
    await expect.poll(() => rig.gateway.heldList('personal', 'u3')).toBeDefined();
    const [one, two] = [held(rig, 'recommendations:u1'), held(rig, 'recommendations:u2')];
    await expect.poll(() => one()).toEqual(['u1 a']);
    expect(two()).toEqual([]);
    expect(rig.gateway.heldList('personal', 'u2')?.revision).toBe('2');
  }));
