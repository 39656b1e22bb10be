import { expect } from 'vitest';
import { atOnce } from '../../streams/pieces.ts';
import type { BegunSnapshot, Fold, FoldEntry, SlicedState } from '../../tasks/contract.ts';

export interface SlicedCase {
  /** Folds nothing yet; another one each call. */
  readonly open: () => Fold;
  readonly entries: readonly FoldEntry[];
  /** The snapshot is begun before this entry. */
  readonly at: number;
  readonly pieceBytes: number;
  /** How many pieces are packed before the entry. */
  readonly pieces: (entry: number) => number;
}

/**
 * A snapshot that is packed while folding goes on must be the one that would have been taken at once, piece by piece, and folding must go
 * on from it to the same outputs and the same state. Returns how many pieces it has.
 */
export function expectSliced({ open, entries, at, pieceBytes, pieces }: SlicedCase): number {
  const [live, restored] = [open(), open()];
  for (const entry of entries.slice(0, at)) live.fold(entry);
  const wanted = structuredClone(atOnce(begin(live, pieceBytes)));
  const { head, next } = begin(live, pieceBytes);
  const state = { head: structuredClone(head), pieces: [] as Uint8Array[] } satisfies SlicedState;
  let isWhole = false;
  const pack = (most: number): void => {
    for (let left = most; left > 0 && !isWhole; left--) {
      const piece = next();
      if (piece) state.pieces.push(piece);
      else isWhole = true;
    }
  };
  const rest = entries.slice(at);
  const told = rest.map((entry, i) => {
    pack(pieces(at + i));
    return textsOf(live, entry);
  });
  pack(Infinity);
  expect(state).toEqual(wanted);
  restored.restore(structuredClone(state));
  expect(rest.map((entry) => textsOf(restored, entry))).toEqual(told);
  expect(restored.snapshot()).toEqual(live.snapshot());
  return state.pieces.length;
}

function begin(fold: Fold, pieceBytes: number): BegunSnapshot {
  const begun = fold.beginSnapshot?.(pieceBytes);
  if (!begun) throw new Error('no snapshot in slices');
  return begun;
}

const textsOf = (fold: Fold, entry: FoldEntry): readonly string[] =>
  fold.fold(entry).map(({ topic, key, value }) => `${topic} ${key} ${Buffer.from(value).toString()}`);
