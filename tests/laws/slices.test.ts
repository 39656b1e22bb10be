import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Fold, FoldEntry, SlicedState } from '../../tasks/contract.ts';
import { atOnce } from '../../streams/pieces.ts';
import { corpusEntries, goldenFold, goldenProcessors, outputLine } from '../golden/corpus.ts';

// A snapshot that is packed while folding goes on is the one that would have been taken in one go, byte for byte, however its pieces
// fall between the entries; and folding goes on from it as if nothing had been.

const casesEach = 12;
const pieceBytes = 300;

/** A corpus as entries of a few records, so that a snapshot has many between its pieces. */
const entriesOf = new Map(goldenProcessors().map(({ name, inputs }) => [name, corpusEntries(inputs)]));

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
  for (const processor of goldenProcessors())
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
