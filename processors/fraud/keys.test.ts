import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Blocks, NumberLists } from './number-lists.ts';
import { Keys } from './keys.ts';

const day = 86_400_000;

test('[D3] a place is given to another key only when the key has no state and nobody remembers it', () => {
  const keys = new Keys(10);
  const a = keys.touch('a');
  keys.seen(a, 0);
  keys.retain(a);
  expect(keys.expire(29 * day, () => {})).toBe(1);
  expect([keys.count, keys.peek('a'), keys.nameOf(a)]).toEqual([0, -1, 'a']);
  const b = keys.touch('b');
  expect(b).not.toBe(a);
  expect(keys.touch('a')).toBe(a);
  keys.seen(a, 29 * day);
  keys.seen(b, 29 * day);
  keys.release(a);
  expect(keys.peek('a')).toBe(a);
  keys.expire(60 * day, () => {});
  expect(new Set([keys.touch('c'), keys.touch('d')])).toEqual(new Set([a, b]));
});

test('keys come in the order of their last touch, whatever was forgotten between, and whatever their hints', () => {
  const step = fc.record({
    ...{ key: fc.constantFrom('a', 'b', 'c', 'd', 'e'), days: fc.nat(20), isReferred: fc.boolean() },
    hint: fc.constantFrom(undefined, -1, 0, 1, 2, 70_000, 0.5),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const keys = new Keys(10);
      const model = new Map<string, number>();
      let nowMs = 0;
      for (const { key, days, isReferred, hint } of steps) {
        nowMs += days * day;
        keys.expire(nowMs, () => {});
        for (const [known, atMs] of model) if (atMs < nowMs - 28 * day) model.delete(known);
        if (isReferred) keys.retain(keys.touch(key));
        keys.seen(keys.touch(key, hint), nowMs);
        model.delete(key);
        model.set(key, nowMs);
        expect(keys.map((place, name) => [name, keys.newestMs(place)])).toEqual([...model]);
        for (const name of 'abcde') expect(keys.peek(name) >= 0).toBe(model.has(name));
      }
    }),
  );
});

test('lists keep what is appended, in their order, while others grow, shrink and go', () => {
  const step = fc.record({ list: fc.nat(5), count: fc.nat(40), kind: fc.constantFrom('append', 'truncate', 'clear') });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const lists = new NumberLists(new Blocks(), 2);
      const model: number[][] = Array.from({ length: 6 }, () => []);
      for (let list = 0; list < 6; list++) lists.makeRoomFor(list);
      for (const [n, { list, count, kind }] of steps.entries()) {
        const expected = model[list] as number[];
        if (kind === 'append')
          for (let i = 0; i < count; i++) {
            const at = lists.append(list);
            lists.page(list).set([n, i], at);
            expected.push(n, i);
          }
        else if (kind === 'truncate') {
          lists.truncate(list, Math.min(count, expected.length / 2));
          expected.length = Math.min(2 * count, expected.length);
        } else {
          lists.clear(list);
          expected.length = 0;
        }
        for (const [of, items] of model.entries())
          expect([...lists.page(of).subarray(lists.from(of), lists.from(of) + 2 * lists.count(of))]).toEqual(items);
      }
    }),
  );
});

test('a list longer than a page has one of its own', () => {
  const lists = new NumberLists(new Blocks(), 1);
  for (let i = 0; i < 200_000; i++) {
    const at = lists.append(0);
    lists.page(0)[at] = i;
    if (i % 1_000 === 0) lists.page(1)[lists.append(1)] = i;
  }
  const page = lists.page(0);
  expect([page[lists.from(0)], page[lists.from(0) + 199_999], lists.count(1)]).toEqual([0, 199_999, 200]);
  expect(lists.page(1)[lists.from(1) + 199]).toBe(199_000);
});
