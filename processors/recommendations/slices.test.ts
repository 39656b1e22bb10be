import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Interaction } from '../../events/interaction.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { atOnce } from '../../streams/pieces.ts';
import type { BegunSnapshot, Fold, FoldEntry } from '../../tasks/contract.ts';
import { interaction, pipelineOf, T0 } from './cases-suite.ts';

const pieceBytes = 300;
const windowMs = 24 * 60_000;
const actions = ['view', 'click', 'cart', 'purchase'] as const;

const step = fc.record({
  ...{ item: fc.nat(14), user: fc.nat(6), action: fc.constantFrom(...actions), pieces: fc.constantFrom(0, 0, 1, 2) },
  ms: fc.oneof(
    { weight: 12, arbitrary: fc.integer({ min: -60_000, max: 20_000 }) },
    // Now and then all is over.
    { weight: 1, arbitrary: fc.constantFrom(windowMs / 2, 3 * windowMs) },
  ),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const open = (): Fold =>
  pipelineOf({ keysMax: 12, coVisitWindowMs: windowMs, halfLifeMs: 120_000, sessionGapMs: 300_000 });
const texts = (fold: Fold, entry: FoldEntry): readonly string[] =>
  fold.fold(entry).map(({ value }) => Buffer.from(value).toString());

function begin(fold: Fold): BegunSnapshot {
  const begun = fold.beginSnapshot?.(pieceBytes);
  if (!begun) throw new Error('no snapshot in slices');
  return begun;
}

/** An entry an interaction, more or less. */
function entriesOf(steps: readonly Step[]): readonly FoldEntry[] {
  const log = new EntryLog(['interactions-0']);
  let newestMs = T0;
  return steps.map(({ item, user, action, ms }, i) => {
    newestMs = Math.max(newestMs, newestMs + ms);
    const event: Interaction = interaction({
      ...{ itemId: `i${item}`, userId: `u${user}`, action, eventTimeMs: ms < 0 ? newestMs + ms : newestMs },
      ...(item % 3 > 0 && { category: `c${item % 3}` }),
    });
    const records = [{ partition: 'interactions-0', key: event.key, value: event }];
    return log.append({ clockMs: newestMs + i, records });
  });
}

test('[D1] recommendations in slices are those of the moment when the snapshot was begun, and are folded on from', () => {
  const steps = fc.array(step, { minLength: 110, maxLength: 130 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 20, max: 90 }), (all, at) => {
      const entries = entriesOf(all);
      const [live, restored] = [open(), open()];
      for (const entry of entries.slice(0, at)) live.fold(entry);
      const wanted = structuredClone(atOnce(begin(live)));
      const { head, next } = begin(live);
      const state = { head: structuredClone(head), pieces: [] as Uint8Array[] };
      let isWhole = false;
      const pack = (most: number): void => {
        for (let left = most; left > 0 && !isWhole; left--) {
          const piece = next();
          if (piece) state.pieces.push(piece);
          else isWhole = true;
        }
      };
      const told = entries.slice(at).map((entry, i) => {
        pack(all[at + i]?.pieces ?? 0);
        return texts(live, entry);
      });
      pack(Infinity);
      expect(state).toEqual(wanted);
      restored.restore(structuredClone(state));
      expect(entries.slice(at).map((entry) => texts(restored, entry))).toEqual(told);
      expect(restored.snapshot()).toEqual(live.snapshot());
    }),
    { numRuns: 60 },
  );
}, 60_000);
