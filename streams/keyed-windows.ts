// The keyed state of one output: for each window start the cells of its keys.
// Guarantees: a window is closed (published as final) once, corrected as often as it changes after that, and dropped only
// when the watermark has passed its allowed lateness; rows come out by window start, then in the order in which keys came.
// Redelivery: none of it knows ids; duplicates were dropped before.
import type { FieldSteps } from './field-steps.ts';
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import type { HeldKeys } from './placement.ts';
import { beginWindows, savedWindows } from './saved-windows.ts';
import { WindowCells } from './window-cells.ts';
import type { CellsWindow, EmitRows, WindowStore } from './window-store.ts';

export interface KeyedWindow extends CellsWindow {
  /** Places that have changed, in the order in which they did. */
  changed: number[];
  isClosed: boolean;
  isGone: boolean;
}

export class KeyedWindows implements WindowStore {
  /** Nothing is to be closed, nothing to be dropped, before these times: what keeps the watermark cheap. */
  nextCloseMs = Infinity;
  nextDropMs = Infinity;
  cellCount = 0;
  private readonly allowedLatenessMs: number;
  private readonly fields: number;
  private readonly windows = new Map<number, KeyedWindow>();
  /** The two that were asked for last: events out of order go to and fro between two windows. */
  latest: KeyedWindow | undefined;
  private before: KeyedWindow | undefined;
  private corrected: KeyedWindow[] = [];

  /** `fields`: how many aggregates a cell has. */
  constructor(allowedLatenessMs: number, fields: number) {
    this.allowedLatenessMs = allowedLatenessMs;
    this.fields = fields;
  }

  /** The place of a key that the window does not hold. */
  add<E>(window: KeyedWindow, keyNumber: number, key: string, steps: FieldSteps<E>): number {
    this.cellCount++;
    return window.cells.add(keyNumber, key, steps);
  }

  /** To be called for a place of the window whose states were changed. */
  touch(window: KeyedWindow, place: number): void {
    if (window.cells.hasChanged(place)) return;
    if (window.isClosed && window.changed.length === 0) this.corrected.push(window);
    window.cells.setChanged(place);
    window.changed.push(place);
  }

  publish(upToMs: number, emit: EmitRows): void {
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

  publishProvisional(emit: EmitRows): void {
    for (const window of this.sorted()) {
      if (window.isClosed || window.changed.length === 0) continue;
      for (const place of window.changed) {
        window.cells.setShown(place);
        emit.place(window, place, 'provisional');
      }
      window.changed = [];
    }
  }

  drop(watermarkMs: number, emit: EmitRows, keys: HeldKeys): number {
    if (watermarkMs < this.nextDropMs) return 0;
    this.nextDropMs = Infinity;
    const before = this.cellCount;
    for (const window of this.sorted()) {
      const dropMs = window.endMs + this.allowedLatenessMs;
      if (dropMs > watermarkMs) {
        this.nextDropMs = dropMs;
        break;
      }
      if (!window.isClosed) close(window, emit);
      window.isGone = true;
      this.windows.delete(window.startMs);
      this.cellCount -= window.cells.count;
      for (let place = 0; place < window.cells.count; place++) keys.releaseNumber(window.cells.numberAt(place));
    }
    this.latest = undefined;
    this.before = undefined;
    return before - this.cellCount;
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
    const cells = new WindowCells(this.fields);
    const window: KeyedWindow = { startMs, endMs, cells, changed: [], isClosed: false, isGone: false };
    this.windows.set(startMs, window);
    this.remember(window);
    this.nextCloseMs = Math.min(this.nextCloseMs, endMs);
    this.nextDropMs = Math.min(this.nextDropMs, endMs + this.allowedLatenessMs);
    return window;
  }

  private sorted(): KeyedWindow[] {
    return [...this.windows.values()].sort(byStart);
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    return beginWindows([...this.windows.values()], pieceBytes);
  }

  restore(state: SlicedState, keys: HeldKeys): void {
    for (const { keyNumbers, isFinal, columns, changed, ...saved } of savedWindows(state)) {
      const window = this.openWindow(saved.startMs, saved.endMs);
      window.isClosed = saved.isClosed;
      window.cells.restore(keyNumbers, keys, columns);
      for (let place = 0; place < keyNumbers.length; place++) if (isFinal(place)) window.cells.setFinal(place);
      this.cellCount += keyNumbers.length;
      for (const place of changed) this.touch(window, place);
    }
    this.nextCloseMs = Math.min(Infinity, ...this.sorted().flatMap((w) => (w.isClosed ? [] : [w.endMs])));
  }
}

const byStart = (a: KeyedWindow, b: KeyedWindow): number => a.startMs - b.startMs;

function close(window: KeyedWindow, emit: EmitRows): void {
  const { cells } = window;
  window.isClosed = true;
  window.changed = [];
  cells.setAllFinal();
  emit.places(window, 'final');
}

function emitChanges(window: KeyedWindow, emit: EmitRows): void {
  const { cells } = window;
  for (const place of window.changed) {
    emit.place(window, place, cells.isFinal(place) ? 'corrected' : 'final');
    cells.setFinal(place);
  }
  window.changed = [];
}
