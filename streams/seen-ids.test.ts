import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SeenIds } from './seen-ids.ts';

const ids = Array.from({ length: 41 }, (_, id) => id);
const idArb = fc.constantFrom(...ids);
/** Few different first words, so that slots collide. */
const hashOf = (id: number): Int32Array => Int32Array.of(id % 3, id, 7, -id);

const stepArb = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('add' as const), id: idArb, minute: fc.nat(20) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('forget' as const), id: idArb }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('expire' as const), minute: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reload' as const) }) },
);

test('it answers as a plain Map would, through additions, forgetting, expiry and snapshots', () => {
  fc.assert(
    fc.property(fc.array(stepArb, { maxLength: 100, size: 'max' }), (steps) => {
      const model = new Map<number, number>();
      let oldest = -Infinity;
      let seen = new SeenIds();
      for (const step of steps) {
        if (step.kind === 'add' && !model.has(step.id)) {
          expect(seen.has(hashOf(step.id))).toBe(false);
          seen.add(hashOf(step.id), step.minute);
          if (step.minute >= oldest) model.set(step.id, step.minute);
        } else if (step.kind === 'forget') {
          seen.forget(hashOf(step.id));
          model.delete(step.id);
        } else if (step.kind === 'expire') {
          oldest = Math.max(oldest, step.minute);
          seen.expireBefore(step.minute);
          for (const [id, minute] of model) if (minute < oldest) model.delete(id);
        } else if (step.kind === 'reload') {
          const saved = seen.snapshot();
          seen = new SeenIds();
          seen.restore(saved);
        }
        expect(seen.size).toBe(model.size);
        const differing = ids.filter((id) => seen.has(hashOf(id)) !== model.has(id));
        expect(differing).toEqual([]);
      }
    }),
    { numRuns: 100 },
  );
});

test('a table that ids pass through for long stays as large as what is remembered', () => {
  const seen = new SeenIds();
  for (let minute = 0; minute < 1_000; minute++) {
    seen.expireBefore(minute - 10);
    for (let i = 0; i < 100; i++)
      seen.add(Int32Array.of(Math.imul(minute * 100 + i, 2654435761), i, minute, 1), minute);
  }
  expect(seen.size).toBe(1_100);
  expect(seen.snapshot().minutes).toHaveLength(1_100);
});
