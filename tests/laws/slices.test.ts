import fc from 'fast-check';
import { describe, test } from 'vitest';
import { expectSliced } from '../fold/sliced.ts';
import { corpusEntries, goldenFold, goldenProcessors } from '../golden/corpus.ts';

// Of every pipeline, with the records of the golden corpus.

const numRuns = 8;

describe('a snapshot in slices', () => {
  for (const processor of goldenProcessors())
    test(`[D1] of ${processor.name} is the one taken at once, and is folded on from`, { timeout: 300_000 }, () => {
      const entries = corpusEntries(processor.inputs);
      const at = fc.integer({ min: 3, max: entries.length - 5 });
      const pieces = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 8 });
      fc.assert(
        fc.property(at, pieces, (from, each) => {
          const open = () => goldenFold(processor);
          expectSliced({ open, entries, at: from, pieceBytes: 300, pieces: (i) => each[i % each.length] as number });
        }),
        { numRuns },
      );
    });
});
