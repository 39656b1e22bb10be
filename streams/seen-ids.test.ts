import fc from 'fast-check';
import { expect, test } from 'vitest';
import { atOnce } from './pieces.ts';
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
          const saved = atOnce(seen.beginSnapshot(100));
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
  const bytes = atOnce(seen.beginSnapshot(1_000)).pieces.reduce((sum, { length }) => sum + length, 0);
  expect(bytes).toBe(1_100 * 20);
});

test('[D1] a snapshot in slices is the one of the moment when it was begun, whatever is forgotten, expired and swept meanwhile', () => {
  const meanwhileArb = fc.record({ kind: fc.constantFrom('add', 'forget', 'expire', 'piece'), id: fc.nat(3_000) });
  fc.assert(
    fc.property(fc.array(meanwhileArb, { minLength: 20, maxLength: 60 }), fc.nat(1_200), (meanwhile, before) => {
      const seen = new SeenIds();
      const hashAt = (id: number): Int32Array => Int32Array.of(Math.imul(id, 2654435761), id, 1, 2);
      const add = (id: number): void => (seen.has(hashAt(id)) ? undefined : seen.add(hashAt(id), id % 50));
      for (let id = 0; id < before; id++) add(id);
      seen.forget(hashAt(3));
      seen.expireBefore(2);
      const wanted = atOnce(seen.beginSnapshot(5_000));
      const { head, next } = seen.beginSnapshot(5_000);
      const pieces: Uint8Array[] = [];
      for (const { kind, id } of meanwhile)
        if (kind === 'piece') pieces.push(...[next()].filter((piece) => piece !== null));
        else if (kind === 'forget') seen.forget(hashAt(id % 1_200));
        else if (kind === 'expire') seen.expireBefore(id % 20);
        // So many that rows are swept now and then.
        else for (let n = 0; n < 100; n++) add(id + n);
      for (let piece = next(); piece; piece = next()) pieces.push(piece);
      expect({ head, pieces }).toEqual(wanted);
    }),
    { numRuns: 100 },
  );
});
