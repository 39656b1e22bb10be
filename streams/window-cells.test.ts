import fc from 'fast-check';
import { expect, test } from 'vitest';
import { field } from './aggregates/aggregate.ts';
import { count } from './aggregates/count.ts';
import { sum } from './aggregates/sum.ts';
import { fieldSteps } from './field-steps.ts';
import { JsonBytes } from './json-bytes.ts';
import { atOnce } from './pieces.ts';
import { HeldKeys } from './placement.ts';
import { RowWriter } from './row-writer.ts';
import { statesAt, WindowCells } from './window-cells.ts';
import { RunOutput, WindowRun } from './window-run.ts';
import type { NamedFields } from './window-rows.ts';

const fields: NamedFields<number> = [
  ['count', field(count, () => null)],
  ['sum', field(sum, (value: number) => value)],
];

const stepsOf = fieldSteps(fields);

test('cells are what a Map of keys would hold, in the order in which they came, whatever numbers the keys have', () => {
  const steps = fc.array(fc.tuple(fc.integer({ min: 0, max: 300 }), fc.nat(1_000)), { maxLength: 600, size: 'max' });
  fc.assert(
    fc.property(steps, fc.nat(1_000), (added, scale) => {
      const cells = new WindowCells(fields.length);
      const model = new Map<string, [number, number]>();
      for (const [n, value] of added) {
        const keyNumber = n * scale;
        const key = `k${keyNumber}`;
        const known = model.get(key) ?? [0, 0];
        let place = cells.find(keyNumber);
        expect(place < 0).toBe(!model.has(key));
        if (place < 0) place = cells.add(keyNumber, key, stepsOf);
        stepsOf.add(cells.states, place, [null, value]);
        model.set(key, [known[0] + 1, known[1] + value]);
      }
      expect(cells.keys).toEqual([...model.keys()]);
      expect(cells.keys.map((_key, place) => statesAt(cells.states, place))).toEqual([...model.values()]);
    }),
    { numRuns: 50 },
  );
});

test('a cell says whether it was published, and whether it has changed since', () => {
  const cells = new WindowCells(0);
  for (let n = 0; n < 40; n++) cells.add(n, `k${n}`, fieldSteps([]));
  const flags = (place: number) => [cells.isFinal(place), cells.hasChanged(place)];
  cells.setChanged(33);
  expect([flags(32), flags(33)]).toEqual([
    [false, false],
    [false, true],
  ]);
  cells.setFinal(33);
  expect(flags(33)).toEqual([true, false]);
  cells.setChanged(33);
  cells.setShown(33);
  expect(flags(33)).toEqual([true, false]);
});

test('a key has one number for as long as a cell holds it, and numbers are used again', () => {
  const keys = new HeldKeys();
  const [a, b] = [keys.hold('a'), keys.hold('b')];
  expect([keys.hold('a'), keys.numberOf('a'), keys.numberOf('b'), keys.keyOf(b)]).toEqual([a, a, b, 'b']);
  expect([keys.keyCount, keys.cellCount]).toEqual([2, 3]);
  keys.release('a');
  expect(keys.numberOf('a')).toBe(a);
  keys.release('a');
  expect([keys.numberOf('a'), keys.keyCount, keys.cellCount]).toEqual([-1, 1, 1]);
  expect(keys.hold('c')).toBe(a);
});

test('[D1] keys are restored with their numbers, however many are free, and the free ones are used in the same order', () => {
  const keys = new HeldKeys();
  const all = Array.from({ length: 300_000 }, (_, i) => `key-${i}`);
  for (const key of all) keys.hold(key);
  for (const [i, key] of all.entries()) if (i % 3 > 0) keys.release(key);
  const restored = new HeldKeys();
  restored.restore(structuredClone(atOnce(keys.beginSnapshot(10_000))));
  const held = all.filter((_, i) => i % 3 === 0);
  expect(held.every((key) => restored.numberOf(key) === keys.numberOf(key))).toBe(true);
  expect([restored.numberOf('key-1'), restored.keyCount]).toEqual([-1, held.length]);
  for (const key of ['a', 'b', 'c']) expect(restored.hold(key)).toBe(keys.hold(key));
});

test('a hint changes no answer, whoever had it before', () => {
  const step = fc.tuple(fc.constantFrom('hold', 'release', 'ask'), fc.nat(4), fc.integer({ min: -1, max: 2 }));
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const keys = new HeldKeys();
      for (const [what, n, hint] of steps) {
        const key = ['a', 'b', '', 'd', 'e'][n] as string;
        if (what === 'hold') keys.hold(key);
        else if (what === 'release') keys.release(key);
        for (const asked of [hint, undefined, 1e9, 0.5]) expect(keys.numberBy(asked, key)).toBe(keys.numberOf(key));
      }
    }),
  );
});

const value = fc.oneof(fc.integer(), fc.double(), fc.string({ unit: 'binary' }), fc.constantFrom(null, undefined, -0));
const names = fc.oneof(fc.constantFrom('count', 'sum', 'a_1', '__proto__', '10', '2', 'é"'), fc.string());

test('the rows of a run are written as JSON.stringify writes them', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(names, fc.array(value, { minLength: 3, maxLength: 3 })), { maxLength: 4 }),
      fc.array(fc.string({ unit: 'binary' }), { minLength: 3, maxLength: 3 }),
      fc.constantFrom('final' as const, 'provisional' as const, 'corrected' as const),
      fc.constantFrom(-Infinity, 30_000, 90_000),
      (columns, keys, state, endMs) => {
        const as = { name: 'as', init: () => null, add: (_: unknown, v: unknown) => v, merge: () => null };
        const own = columns.map(([name]) => [name, field({ ...as, result: (v: unknown) => v }, (v) => v)] as const);
        const cells = new WindowCells(own.length);
        const held = new HeldKeys();
        const numbers = Int32Array.from(keys, (key) => held.hold(key));
        cells.restore(
          numbers,
          held,
          columns.map(([, values]) => values),
        );
        const run = new WindowRun({
          ...{ topic: 't', output: { name: 'a"_1m', window: { kind: 'tumbling', sizeMs: 60_000 } }, fields: own },
          ...{
            window: { startMs: 60_000, endMs: 120_000, cells, isGone: false },
            state,
            clockMs: 7,
            writer: new RowWriter(),
          },
        });
        run.endsAt({ endWatermarkMs: endMs, incompleteBeforeMs: endMs });
        const into = new JsonBytes();
        keys.forEach((key, place) => {
          const output = new RunOutput(run, place);
          output.writeBody(into);
          expect(Buffer.from(into.take()).toString()).toBe(JSON.stringify(output.body));
          expect(output.body).toMatchObject({ key, state, complete: endMs > 60_000 ? 0 : 1 });
          expect([output.key, output.topic, output.identity]).toEqual([key, 't', `a"_1m 60000 ${key}`]);
        });
      },
    ),
  );
});
