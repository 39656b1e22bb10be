// The keyed state of one output: for each window start a Map of keys, each with its aggregates.
// Guarantees: a window is closed (published as final) once, corrected as often as it changes after that, and dropped only
// when the watermark has passed its allowed lateness; rows come out by window start, then in the order in which keys came.
// Redelivery: none of it knows ids; duplicates were dropped before.

import type { Cell, EmitRow, WindowSpan, WindowStore } from './window-store.ts';

export interface KeyedWindow extends WindowSpan {
  readonly cells: Map<string, Cell>;
  /** Cells with `hasChanged`, in the order in which they changed. */
  changed: Cell[];
  isClosed: boolean;
}

export class KeyedWindows implements WindowStore {
  /** Nothing is to be closed, nothing to be dropped, before these times: what keeps the watermark cheap. */
  nextCloseMs = Infinity;
  nextDropMs = Infinity;
  cellCount = 0;
  private readonly allowedLatenessMs: number;
  private readonly windows = new Map<number, KeyedWindow>();
  /** The two that were asked for last: events out of order go to and fro between two windows. */
  latest: KeyedWindow | undefined;
  private before: KeyedWindow | undefined;
  private corrected: KeyedWindow[] = [];

  constructor(allowedLatenessMs: number) {
    this.allowedLatenessMs = allowedLatenessMs;
  }

  /** A cell for a key that the window does not hold. */
  add(window: KeyedWindow, key: string, states: unknown[]): Cell {
    const cell = { key, states, isFinal: false, hasChanged: false };
    window.cells.set(key, cell);
    this.cellCount++;
    return cell;
  }

  /** To be called for a cell of the window whose states were changed. */
  touch(window: KeyedWindow, cell: Cell): void {
    if (cell.hasChanged) return;
    if (window.isClosed && window.changed.length === 0) this.corrected.push(window);
    cell.hasChanged = true;
    window.changed.push(cell);
  }

  publish(upToMs: number, emit: EmitRow): void {
    if (this.corrected.length > 0) {
      for (const window of this.corrected.sort(byStart)) emitChanges(window, emit);
      this.corrected = [];
    }
    if (upToMs < this.nextCloseMs) return;
    this.nextCloseMs = Infinity;
    for (const window of this.sorted()) {
      if (window.isClosed) continue;
      if (window.endMs <= upToMs) close(window, emit);
      else this.nextCloseMs = Math.min(this.nextCloseMs, window.endMs);
    }
  }

  publishProvisional(emit: EmitRow): void {
    for (const window of this.sorted()) {
      if (window.isClosed || window.changed.length === 0) continue;
      for (const cell of window.changed) {
        cell.hasChanged = false;
        emit(window, cell, 'provisional');
      }
      window.changed = [];
    }
  }

  drop(watermarkMs: number, emit: EmitRow, onDropped: (cell: Cell) => void): void {
    if (watermarkMs < this.nextDropMs) return;
    this.nextDropMs = Infinity;
    for (const window of this.sorted()) {
      const dropMs = window.endMs + this.allowedLatenessMs;
      if (dropMs > watermarkMs) {
        this.nextDropMs = dropMs;
        break;
      }
      if (!window.isClosed) close(window, emit);
      this.windows.delete(window.startMs);
      this.cellCount -= window.cells.size;
      for (const cell of window.cells.values()) onDropped(cell);
    }
    this.latest = undefined;
    this.before = undefined;
  }

  windowAt(startMs: number): KeyedWindow | undefined {
    const { latest, before } = this;
    if (latest?.startMs === startMs) return latest;
    const window = before?.startMs === startMs ? before : this.windows.get(startMs);
    if (window) this.remember(window);
    return window;
  }

  private remember(window: KeyedWindow): void {
    this.before = this.latest;
    this.latest = window;
  }

  openWindow(startMs: number, endMs: number): KeyedWindow {
    const window: KeyedWindow = { startMs, endMs, cells: new Map(), changed: [], isClosed: false };
    this.windows.set(startMs, window);
    this.remember(window);
    this.nextCloseMs = Math.min(this.nextCloseMs, endMs);
    this.nextDropMs = Math.min(this.nextDropMs, endMs + this.allowedLatenessMs);
    return window;
  }

  private sorted(): KeyedWindow[] {
    return [...this.windows.values()].sort(byStart);
  }

  *keys(): Generator<string> {
    for (const window of this.windows.values()) yield* window.cells.keys();
  }

  snapshot(): unknown {
    return [...this.windows.values()].map(({ cells, changed, ...window }) => ({
      ...window,
      keys: [...cells.keys()],
      states: [...cells.values()].map((cell) => cell.states),
      flags: Uint8Array.from([...cells.values()], (cell) => Number(cell.isFinal)),
      changed: changed.map((cell) => cell.key),
    }));
  }

  restore(state: unknown): void {
    for (const saved of state as readonly SavedWindow[]) {
      const window = this.openWindow(saved.startMs, saved.endMs);
      window.isClosed = saved.isClosed;
      saved.keys.forEach((key, i) => {
        // One state for each key: both come from the same Map.
        const states = saved.states[i] as unknown[];
        window.cells.set(key, { key, states, isFinal: saved.flags[i] === 1, hasChanged: false });
      });
      this.cellCount += saved.keys.length;
      for (const key of saved.changed) this.touch(window, window.cells.get(key) as Cell);
    }
    this.nextCloseMs = Math.min(Infinity, ...this.sorted().flatMap((w) => (w.isClosed ? [] : [w.endMs])));
  }
}

interface SavedWindow {
  readonly startMs: number;
  readonly endMs: number;
  readonly isClosed: boolean;
  readonly keys: readonly string[];
  readonly states: readonly unknown[][];
  readonly flags: Uint8Array;
  readonly changed: readonly string[];
}

const byStart = (a: KeyedWindow, b: KeyedWindow): number => a.startMs - b.startMs;

function close(window: KeyedWindow, emit: EmitRow): void {
  window.isClosed = true;
  window.changed = [];
  for (const cell of window.cells.values()) {
    cell.isFinal = true;
    cell.hasChanged = false;
    emit(window, cell, 'final');
  }
}

function emitChanges(window: KeyedWindow, emit: EmitRow): void {
  for (const cell of window.changed) {
    cell.hasChanged = false;
    emit(window, cell, cell.isFinal ? 'corrected' : 'final');
    cell.isFinal = true;
  }
  window.changed = [];
}
