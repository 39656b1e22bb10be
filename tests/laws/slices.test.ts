import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fold, FoldEntry, SlicedState } from '../../tasks/contract.ts';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { distinct } from '../../streams/aggregates/distinct.ts';
import { max } from '../../streams/aggregates/extremes.ts';
import { mean } from '../../streams/aggregates/mean.ts';
import { topK } from '../../streams/aggregates/top-k.ts';
import { atOnce } from '../../streams/pieces.ts';
import { windowed } from '../../streams/windowed.ts';
import { corpusEntries, goldenFold, goldenProcessors, outputLine } from '../golden/corpus.ts';

// A snapshot that is packed while folding goes on is the one that would have been taken in one go, byte for byte, however its pieces
// fall between the entries; and folding goes on from it as if nothing had been.

const casesEach = 12;
const pieceBytes = 300;

/** Windows of each kind, with states that are numbers and states that are none, and corrections. */
const windowKinds = {
  ...{ name: 'kinds', version: 1, inputs: ['payments'], eventTypes: ['payment'], stateShape: 1 },
  acceptsBehindMs: 600_000,
  create: () =>
    windowed<Payment>({
      ...{ allowedLatenessMs: 30_000, provisionalEveryMs: 5_000, keysMax: 1_000, cellsMax: 10_000 },
      topics: resultTopics,
      views: [
        {
          name: 'terminal',
          keyOf: ({ terminalId }) => terminalId ?? '',
          fields: [
            ['count', field(count, () => null)],
            ['mean', field(mean, ({ amountMinor }: Payment) => amountMinor)],
            ['max', field(max, ({ amountMinor }: Payment) => amountMinor)],
            ['cards', field(distinct(), ({ cardId }: Payment) => cardId)],
            ['countries', field(topK(3), ({ country }: Payment) => country ?? '')],
          ],
          outputs: [
            { name: 'tumbling', window: { kind: 'tumbling', sizeMs: 20_000 } },
            { name: 'hopping', window: { kind: 'hopping', sizeMs: 60_000, advanceMs: 20_000 } },
            { name: 'session', window: { kind: 'session', gapMs: 15_000, reachMs: 600_000 } },
          ],
        },
      ],
    }),
} as AnyProcessor;
const processors = [...goldenProcessors(), windowKinds];

/** A corpus as entries of a few records, so that a snapshot has many between its pieces. */
const entriesOf = new Map(processors.map(({ name, inputs }) => [name, corpusEntries(inputs)]));

interface Case {
  /** Where the snapshot is begun, as a share of the corpus. */
  readonly begin: number;
  /** Pieces that are packed after each entry, again and again. */
  readonly pieces: readonly number[];
}

const cases: fc.Arbitrary<Case> = fc.record({
  begin: fc.double({ min: 0.05, max: 0.95, noNaN: true }),
  pieces: fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 8 }),
});

/** Packs while the rest is folded; the outputs of which come out as well. */
function packBetween(fold: Fold, rest: readonly FoldEntry[], pieces: readonly number[]) {
  const begun = fold.beginSnapshot?.(pieceBytes);
  if (!begun) throw new Error('no snapshot in slices');
  const head: unknown = structuredClone(begun.head);
  const packed: Uint8Array[] = [];
  let isWhole = false;
  const lines = rest.map((entry, i) => {
    for (let left = pieces[i % pieces.length] as number; left > 0 && !isWhole; left--) {
      const piece = begun.next();
      if (piece) packed.push(piece);
      else isWhole = true;
    }
    return outputLine(fold, entry);
  });
  if (!isWhole) for (let piece = begun.next(); piece; piece = begun.next()) packed.push(piece);
  return { state: { head, pieces: packed } satisfies SlicedState, lines };
}

describe('a snapshot in slices', () => {
  for (const processor of processors)
    test(`[D1] of ${processor.name} is the one taken at once, and is folded on from`, { timeout: 120_000 }, () => {
      const entries = entriesOf.get(processor.name) ?? [];
      fc.assert(
        fc.property(cases, ({ begin, pieces }) => {
          const at = Math.floor(begin * entries.length);
          const [live, restored] = [goldenFold(processor), goldenFold(processor)];
          for (const entry of entries.slice(0, at)) live.fold(entry);
          const wanted = structuredClone(atOnce(live.beginSnapshot?.(pieceBytes) as never));
          const { state, lines } = packBetween(live, entries.slice(at), pieces);
          expect(state).toEqual(wanted);
          restored.restore(structuredClone(state));
          expect(entries.slice(at).map((entry) => outputLine(restored, entry))).toEqual(lines);
          expect(restored.snapshot()).toEqual(live.snapshot());
        }),
        { numRuns: casesEach },
      );
    });
});
