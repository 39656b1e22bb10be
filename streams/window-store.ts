/** What the windows of one output have in common, whatever their kind: when they are published and when they go. */

/** The aggregates of one key in one window. */
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
export type EmitRow = (window: WindowSpan, cell: Pick<Cell, 'key' | 'states'>, state: RowState) => void;

export interface WindowStore {
  /** At no lower watermark has `drop` something to do: what keeps the watermark cheap. */
  readonly nextDropMs: number;
  readonly cellCount: number;
  /** Emits the changes of closed windows, then closes those that end at or before `upToMs`. To be called once an entry. */
  publish(upToMs: number, emit: EmitRow): void;
  /** Emits what has changed in open windows since it was last emitted. */
  publishProvisional(emit: EmitRow): void;
  /** Forgets the windows that take no more records at this watermark, closing them first; `publish` still emits their last changes. */
  drop(watermarkMs: number, emit: EmitRow, onDropped: (cell: Cell) => void): void;
  /** Every cell's key, for who counts them. */
  keys(): Iterable<string>;
  snapshot(): unknown;
  restore(state: unknown): void;
}
