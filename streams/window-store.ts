import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import type { HeldKeys } from './placement.ts';
import type { WindowCells } from './window-cells.ts';

/** What the windows of one output have in common, whatever their kind: when they are published and when they go. */

/** The aggregates of one key in one session. */
export interface Cell {
  readonly key: string;
  states: unknown[];
  /** True once it was published as final. */
  isFinal: boolean;
  /** True when it has changed since it was last published. */
  hasChanged: boolean;
}

export interface WindowSpan {
  readonly startMs: number;
  readonly endMs: number;
}

/** `replaced` and `tombstone`: the row at that start exists no longer, among the provisional rows and among the others. */
export type RowState = 'provisional' | 'final' | 'corrected' | 'replaced' | 'tombstone';
/** Told of each row that is published. */
export interface EmitRows {
  /** Of a session. */
  row(window: WindowSpan, cell: Pick<Cell, 'key' | 'states'>, state: RowState): void;
  /** Of an aligned window, by place: its states must stay as they are until the entry is told. */
  place(window: CellsWindow, place: number, state: RowState): void;
  /** All places of it. */
  places(window: CellsWindow, state: RowState): void;
}

/** A window and its cells. */
export interface CellsWindow extends WindowSpan {
  readonly cells: WindowCells;
  /** It takes no more records: its states stay as they are. */
  readonly isGone: boolean;
}

export interface WindowStore {
  /** At no lower watermark has `drop` something to do: what keeps the watermark cheap. */
  readonly nextDropMs: number;
  readonly cellCount: number;
  /** Emits the changes of closed windows, then closes those that end at or before `upToMs`. To be called once an entry. */
  publish(upToMs: number, emit: EmitRows): void;
  /** Emits what has changed in open windows since it was last emitted. */
  publishProvisional(emit: EmitRows): void;
  /**
   * Forgets the windows that take no more records at this watermark, closing them first; `publish` still emits their last changes. `keys`
   * are told of each cell that goes. Gives how many.
   */
  drop(watermarkMs: number, emit: EmitRows, keys: HeldKeys): number;
  /** See `Fold`. */
  beginSnapshot(pieceBytes: number): BegunSnapshot;
  /** `keys` hold what they held then, and are told of each cell. */
  restore(state: SlicedState, keys: HeldKeys): void;
}
