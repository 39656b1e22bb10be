// The aligned windows of one output as rows of numbers, and back: a million small arrays would take seconds.
// Guarantees: the same windows give the same bytes; numbers are copied when a snapshot is begun, states that are none are packed then.
// Redelivery: no state of its own.
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import type { KeyedWindow } from './keyed-windows.ts';
import { beginNumbers, beginPlain, bufferOf, joined, split } from './pieces.ts';

interface SavedHead {
  readonly startMs: number;
  readonly endMs: number;
  readonly isClosed: boolean;
  readonly cells: number;
  readonly changed: number;
  /** By field: its states where any is not a number; null: they are among the numbers. */
  readonly columns: readonly (readonly unknown[] | null)[];
}

/** Places in their order, with the numbers of their keys (see `HeldKeys`). */
export interface SavedWindow extends Omit<SavedHead, 'cells' | 'changed' | 'columns'> {
  readonly keyNumbers: Int32Array;
  readonly isFinal: (place: number) => boolean;
  /** By field, then by place. */
  readonly columns: readonly ArrayLike<unknown>[];
  /** Places that have changed, in the order in which they did. */
  readonly changed: Int32Array;
}

export function beginWindows(windows: readonly KeyedWindow[], pieceBytes: number): BegunSnapshot {
  const heads = windows.map(({ startMs, endMs, isClosed, cells, changed }): SavedHead => {
    const columns = cells.states.map((column) => (column.every(isNumber) ? null : column));
    return { startMs, endMs, isClosed, cells: cells.count, changed: changed.length, columns };
  });
  const places = new Int32Array(heads.reduce((sum, { cells, changed }) => sum + cells + changed, 0));
  const numbers = new Float64Array(
    heads.reduce((sum, { cells, columns }) => sum + cells * columns.filter((column) => column === null).length, 0),
  );
  let [place, at] = [0, 0];
  for (const [i, { cells, changed }] of windows.entries()) {
    for (let p = 0; p < cells.count; p++) places[place++] = 2 * cells.numberAt(p) + (cells.isFinal(p) ? 1 : 0);
    for (const p of changed) places[place++] = p;
    for (const [f, column] of cells.states.entries()) {
      if (heads[i]?.columns[f] !== null) continue;
      for (let p = 0; p < column.length; p++) numbers[at++] = column[p] as number;
    }
  }
  return joined({
    windows: beginPlain(heads),
    places: beginNumbers(places, pieceBytes),
    numbers: beginNumbers(numbers, pieceBytes),
  });
}

const isNumber = (state: unknown): boolean => typeof state === 'number';

export function savedWindows(state: SlicedState): readonly SavedWindow[] {
  const parts = split(state) as Record<'windows' | 'places' | 'numbers', SlicedState>;
  const places = new Int32Array(bufferOf(parts.places.pieces));
  const numbers = new Float64Array(bufferOf(parts.numbers.pieces));
  let [place, at] = [0, 0];
  return (parts.windows.head as readonly SavedHead[]).map(({ cells, changed, columns, ...window }) => {
    const marked = places.subarray(place, (place += cells));
    return {
      ...window,
      keyNumbers: marked.map((one) => one >> 1),
      isFinal: (p: number) => (marked[p] as number) % 2 === 1,
      changed: places.subarray(place, (place += changed)),
      columns: columns.map((column) => column ?? numbers.subarray(at, (at += cells))),
    };
  });
}
