import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Interaction } from '../../events/interaction.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import type { FoldOutput } from '../../tasks/contract.ts';
import { idsOf, interaction, listsOf, minuteMs, newestOf, pipelineOf, T0 } from './cases-suite.ts';

const dayMs = 86_400_000;
const CLOCK = T0 + 30 * dayMs;
const partitions = ['interactions-0'];
const records = (events: readonly Interaction[]) =>
  events.map((value) => ({ value, partition: 'interactions-0' as const }));

/** Folds entries of events, a second of the logged clock apart, and one that only moves the clock. */
function fold(entries: readonly (readonly Interaction[])[], pipeline = pipelineOf()): readonly FoldOutput[] {
  const log = new EntryLog(partitions);
  return [...entries, []].flatMap((events, i) => [
    ...pipeline.fold(log.append({ clockMs: CLOCK + i * 1_000, records: records(events) })),
  ]);
}

describe('trending', () => {
  test('[F1] scores are the weights of the actions, halved with each half-life of event time', () => {
    const outputs = fold([
      [
        interaction({ itemId: 'old', action: 'purchase', atMs: 0 }),
        interaction({ itemId: 'mid', action: 'cart', atMs: 30 * minuteMs }),
        interaction({ itemId: 'new', action: 'click', atMs: 60 * minuteMs }),
        interaction({ itemId: 'new', action: 'view', atMs: 60 * minuteMs }),
      ],
    ]);
    expect(newestOf(outputs, 'trending', 'all')?.items).toEqual([
      { itemId: 'new', score: 3, reason: '1 view, 1 click in 1 min' },
      { itemId: 'mid', score: 4 / 2, reason: '1 cart in 30 min' },
      { itemId: 'old', score: 8 / 4, reason: '1 purchase in 60 min' },
    ]);
  });

  test('[F1] what nobody had looked at is first at the next step of the logged clock', () => {
    const before = Array.from({ length: 20 }, (_, i) => interaction({ itemId: `known-${i}`, userId: `u${i}` }));
    const hit = Array.from({ length: 5 }, (_, i) => interaction({ itemId: 'hit', userId: `h${i}`, atMs: 1_000 }));
    const pipeline = pipelineOf({ trendingEveryMs: 2_000 });
    const log = new EntryLog(partitions);
    pipeline.fold(log.append({ clockMs: CLOCK, records: records(before) }));
    const within = [
      ...pipeline.fold(log.append({ clockMs: CLOCK + 500, records: records(hit) })),
      ...pipeline.fold(log.append({ clockMs: CLOCK + 4_000 })),
    ];
    expect(idsOf(newestOf(within, 'trending', 'all'))[0]).toBe('hit');
  });

  test('a list a category, and one over all; each minute of event time is published as it ends', () => {
    const outputs = fold([
      [interaction({ itemId: 'a', category: 'books' }), interaction({ itemId: 'b', category: 'toys', atMs: 1 })],
      [interaction({ itemId: 'c', category: 'books', atMs: 2 * minuteMs })],
    ]);
    const told = listsOf(outputs)
      .filter(({ list }) => list === 'trending')
      .map(({ key, eventTimeMs, items }) => [key, eventTimeMs - T0, items.map(({ itemId }) => itemId).join()]);
    expect(told).toEqual([
      ...[['all', 1, 'a,b'], ['books', 1, 'a'], ['toys', 1, 'b']], // prettier-ignore
      ...[['all', 2 * minuteMs, 'c,a,b'], ['books', 2 * minuteMs, 'c,a']], // prettier-ignore
    ]);
  });

  test('what has not been looked at for eight half-lives leaves, and its empty list says so', () => {
    const pipeline = pipelineOf();
    const log = new EntryLog(partitions);
    pipeline.fold(log.append({ clockMs: CLOCK, records: records([interaction({ itemId: 'a', category: 'books' })]) }));
    const later = [interaction({ itemId: 'b', category: 'toys', atMs: 9 * 30 * minuteMs })];
    const clockMs = CLOCK + 9 * 30 * minuteMs;
    const outputs = pipeline.fold(log.append({ clockMs, records: records(later) }));
    expect(newestOf(outputs, 'trending', 'books')).toMatchObject({ items: [] });
    expect(idsOf(newestOf(outputs, 'trending', 'all'))).toEqual(['b']);
  });
});

describe('co-visited', () => {
  /** Sessions of a few items each, as [items of session 0, items of session 1, …]. */
  const sessionsOf = (sessions: readonly (readonly number[])[]): Interaction[] =>
    sessions.flatMap((items, s) =>
      items.map((item) => interaction({ userId: `u${s}`, itemId: `i${item}`, atMs: s * 1_000 })),
    );

  test('[F2] lists equal those of all sessions counted at once, damped by how popular both items are', () => {
    const arbitrary = fc.array(fc.array(fc.nat(7), { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(arbitrary, (sessions) => {
        const outputs = fold([sessionsOf(sessions)]);
        const sets = sessions.map((items) => new Set(items));
        const visits = (a: number) => sets.filter((set) => set.has(a)).length;
        for (let a = 0; a <= 7; a++) {
          const expected = Array.from({ length: 8 }, (_, b) => {
            const together = a === b ? 0 : sets.filter((set) => set.has(a) && set.has(b)).length;
            const damped = together / Math.sqrt((visits(a) + 5) * (visits(b) + 5));
            return { itemId: `i${b}`, score: Math.round(damped * 1e6) / 1e6, together };
          })
            .filter(({ together }) => together > 0)
            .sort((x, y) => y.score - x.score || y.together - x.together || (x.itemId < y.itemId ? -1 : 1));
          const list = newestOf(outputs, 'co_visited', `i${a}`)?.items ?? [];
          expect(list.map(({ itemId, score }) => [itemId, score])).toEqual(
            expected.map((one) => [one.itemId, one.score]),
          );
        }
      }),
      { numRuns: 60 },
    );
  });

  test('[F11] the reason says how many sessions in what time, as counted', () => {
    const outputs = fold([
      [0, 1, 2].flatMap((s) =>
        ['a', 'b'].map((itemId) => interaction({ itemId, userId: `u${s}`, atMs: s * 40 * minuteMs })),
      ),
    ]);
    expect(newestOf(outputs, 'co_visited', 'a')?.items).toEqual([
      { itemId: 'b', score: 0.375, reason: '3 sessions in 80 min viewed both' },
    ]);
  });

  test('a session ends with a pause, and a pair counts once a session', () => {
    const pause = 31 * minuteMs;
    const outputs = fold([
      [...['a', 'b', 'a', 'b'].map((itemId) => interaction({ itemId })), interaction({ itemId: 'c', atMs: pause })],
    ]);
    expect(newestOf(outputs, 'co_visited', 'b')?.items).toMatchObject([
      { itemId: 'a', reason: '1 session in 31 min viewed both' },
    ]);
    expect(newestOf(outputs, 'co_visited', 'c')).toBeUndefined();
  });

  test('sessions older than the window do not count any more', () => {
    const days = [0, 1].map((day) =>
      ['a', day === 0 ? 'b' : 'c'].map((itemId) =>
        interaction({ itemId, userId: `u${day}`, atMs: day * (dayMs + 3_600_000) }),
      ),
    );
    expect(idsOf(newestOf(fold(days.slice(0, 1)), 'co_visited', 'a'))).toEqual(['b']);
    expect(idsOf(newestOf(fold(days), 'co_visited', 'a'))).toEqual(['c']);
  });
});

describe('personal', () => {
  const others = [0, 1, 2].flatMap((s) =>
    ['a', 'b', 'c'].map((itemId) => interaction({ itemId, userId: `other-${s}`, category: 'books' })),
  );

  test('[F6] a visitor nobody knows has no list; after one click co-visited items, after two those of both, then what trends', () => {
    const trend = interaction({ itemId: 'trend', userId: 'other', category: 'toys' });
    const one = fold([[...others, trend], [interaction({ itemId: 'a', userId: 'me', atMs: 1 })]]);
    expect(newestOf(fold([others]), 'personal', 'me')).toBeUndefined();
    expect(newestOf(one, 'personal', 'me')?.items.map(({ itemId, from }) => [itemId, from])).toEqual([
      ['b', 'co_visited'],
      ['c', 'co_visited'],
      ['trend', 'trending'],
    ]);
    const two = fold([
      [...others, trend],
      ['a', 'b'].map((itemId, i) => interaction({ itemId, userId: 'me', atMs: i })),
    ]);
    const list = newestOf(two, 'personal', 'me');
    expect(list?.items.map(({ itemId, from }) => [itemId, from])).toEqual([
      ['c', 'personal'],
      ['trend', 'trending'],
    ]);
    expect(list?.items[0]?.reason).toMatch(/^3 sessions in \d+ (min|h) viewed both this and b$/);
  });

  test('[F5] the list after a click is published with the entry of the click', () => {
    const pipeline = pipelineOf();
    const log = new EntryLog(partitions);
    pipeline.fold(log.append({ clockMs: CLOCK, records: records(others) }));
    const click = interaction({ itemId: 'a', userId: 'me', action: 'click', atMs: 1 });
    const outputs = pipeline.fold(log.append({ clockMs: CLOCK + 1, records: records([click]) }));
    expect(idsOf(newestOf(outputs, 'personal', 'me')).slice(0, 2)).toEqual(['b', 'c']);
  });

  const eventArbitrary = fc.record({
    user: fc.nat(2),
    item: fc.nat(9),
    action: fc.constantFrom('view', 'click', 'cart', 'purchase' as const),
    atMs: fc.nat(600_000),
  });
  const eventsOf = (made: readonly { user: number; item: number; action: string; atMs: number }[]): Interaction[] =>
    made.map(({ user, item, action, atMs }) =>
      interaction({ userId: `u${user}`, itemId: `i${item}`, action: action as Interaction['action'], atMs }),
    );

  test('[F9] never an item that the visitor has bought, nor the one just looked at, whatever the list was made from', () => {
    fc.assert(
      fc.property(fc.array(fc.array(eventArbitrary, { maxLength: 8 }), { maxLength: 8 }), (made) => {
        const entries = made.map(eventsOf);
        const bought = new Map<string, Set<string>>();
        const last = new Map<string, Interaction>();
        const pipeline = pipelineOf();
        const log = new EntryLog(partitions);
        entries.forEach((events, i) => {
          for (const event of events) {
            const { userId, itemId, action } = event;
            if (action === 'purchase') bought.set(userId, (bought.get(userId) ?? new Set()).add(itemId));
            if (event.eventTimeMs >= (last.get(userId)?.eventTimeMs ?? 0)) last.set(userId, event);
          }
          const outputs = pipeline.fold(log.append({ clockMs: CLOCK + i * 1_000, records: records(events) }));
          for (const list of listsOf(outputs).filter(({ list: kind }) => kind === 'personal'))
            for (const itemId of idsOf(list)) {
              expect(bought.get(list.key)?.has(itemId) ?? false).toBe(false);
              expect(itemId).not.toBe(last.get(list.key)?.itemId);
            }
        });
      }),
      { numRuns: 60 },
    );
  });
});

describe('the fold', () => {
  const shop = (count: number): Interaction[] =>
    Array.from({ length: count }, (_, i) =>
      interaction({
        ...{
          userId: `u${(i * 7) % 23}`,
          itemId: `i${(i * 13) % 41}`,
          category: `c${((i * 13) % 41) % 3}`,
          atMs: i * 5_000,
        },
        action: (['view', 'click', 'cart', 'purchase'] as const)[(i * 5) % 4] ?? 'view',
      }),
    );
  const chunks = (events: readonly Interaction[], size: number) =>
    Array.from({ length: Math.ceil(events.length / size) }, (_, i) => events.slice(i * size, (i + 1) * size));
  const texts = (outputs: readonly FoldOutput[]) => outputs.map(({ value }) => Buffer.from(value).toString());

  test('[F15] the whole input twice leaves every list as it was', () => {
    const events = shop(500);
    const entries = chunks(events, 50);
    const lists = (outputs: readonly FoldOutput[]) =>
      new Map(
        listsOf(outputs).map(({ list, key, items, eventTimeMs }) => [
          `${list} ${key} ${list === 'trending' ? Math.floor(eventTimeMs / minuteMs) : ''}`,
          items,
        ]),
      );
    const pipeline = pipelineOf();
    const twice = fold([...entries.flatMap((entry) => [entry, entry]), ...entries], pipeline);
    expect(pipeline.counters()).toMatchObject({ folded: 500, duplicate: 1_000 });
    const once = fold(entries.flatMap((entry) => [entry, []]).concat(entries.map(() => [])));
    expect(lists(twice)).toEqual(lists(once));
  });

  test('a snapshot put back anywhere changes nothing that follows', () => {
    const entries = chunks(shop(300), 30);
    const log = new EntryLog(partitions);
    const logged = entries.map((events, i) => log.append({ clockMs: CLOCK + i * 700, records: records(events) }));
    const whole = pipelineOf();
    const expected = logged.map((entry) => texts(whole.fold(entry)));
    for (const at of [1, 4, 9]) {
      const before = pipelineOf();
      for (const entry of logged.slice(0, at)) before.fold(entry);
      const after = pipelineOf();
      after.restore(structuredClone(before.snapshot()));
      expect(logged.slice(at).map((entry) => texts(after.fold(entry)))).toEqual(expected.slice(at));
      expect(after.counters()).toEqual(whole.counters());
    }
  });

  test('a new item beyond the limit is a dead letter, and may come again; every interaction is accounted for', () => {
    const pipeline = pipelineOf({ keysMax: 3 });
    fold([['a', 'b', 'c', 'd', 'a'].map((itemId) => interaction({ itemId }))], pipeline);
    expect(pipeline.counters()).toMatchObject({ in: 5, folded: 4, dead_state_full: 1, items: 3 });
  });

  test('a flood of visitors publishes a bounded number of lists an entry, and drains', () => {
    const pipeline = pipelineOf();
    const log = new EntryLog(partitions);
    const flood = Array.from({ length: 3_000 }, (_, i) => interaction({ userId: `f${i}`, itemId: `i${i % 50}` }));
    const personal = (outputs: readonly FoldOutput[]) =>
      listsOf(outputs).filter(({ list }) => list === 'personal').length;
    expect(personal(pipeline.fold(log.append({ clockMs: CLOCK, records: records(flood) })))).toBe(100);
    let drained = 0;
    for (let i = 1; i <= 20; i++) drained += personal(pipeline.fold(log.append({ clockMs: CLOCK + i })));
    expect(drained).toBe(900);
    expect(pipeline.counters()).toMatchObject({ personal_skipped: 2_000, personal_waiting: 0 });
  });
});
