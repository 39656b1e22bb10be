import fc from 'fast-check';
import { test } from 'vitest';
import type { Interaction } from '../../events/interaction.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import type { Fold, FoldEntry } from '../../tasks/contract.ts';
import { expectSliced } from '../../tests/fold/sliced.ts';
import { interaction, pipelineOf, T0 } from './cases-suite.ts';

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
      expectSliced({ open, entries, at, pieceBytes: 300, pieces: (i) => all[i]?.pieces ?? 0 });
    }),
    { numRuns: 60 },
  );
});
