import { KeyedWindows } from './keyed-windows.ts';
import { type OnMissed, type Placement, type PlacementOptions, addValues, initStates, ownCopy } from './placement.ts';
import type { Cell } from './window-store.ts';
import { type WindowSpec, overlapOf } from './windows.ts';

//   hopping, size 3 × advance: an event is in three windows
//   ──┬─────┬─────┬──●──┬─────┬─────┬──▶ event time
//     ├─────────────────┤
//           ├─────────────────┤
//                 ├─────────────────┤
//   tumbling is the same with advance = size: one window
/** Places events into tumbling and hopping windows. */
export class AlignedPlacement<E> implements Placement {
  needed = 0;
  readonly store: KeyedWindows;
  private readonly options: PlacementOptions<E>;
  private readonly sizeMs: number;
  private readonly advanceMs: number;
  /** How far before the newest window the oldest one that can hold an event begins. */
  private readonly backMaxMs: number;
  /** Of the planned event, oldest window first. */
  private count = 0;
  private readonly startMs: Float64Array;
  private readonly cells: (Cell | undefined)[];

  constructor(spec: Exclude<WindowSpec, { kind: 'session' }>, options: PlacementOptions<E>) {
    this.options = options;
    this.store = new KeyedWindows(options.allowedLatenessMs);
    this.sizeMs = spec.sizeMs;
    this.advanceMs = spec.kind === 'hopping' ? spec.advanceMs : spec.sizeMs;
    const overlap = overlapOf(spec);
    this.backMaxMs = (overlap - 1) * this.advanceMs;
    this.startMs = new Float64Array(overlap);
    this.cells = Array.from({ length: overlap }, () => undefined);
  }

  plan(key: string, eventTimeMs: number, watermarkMs: number, onMissed: OnMissed): void {
    const { sizeMs, advanceMs, store } = this;
    const goneMs = watermarkMs - this.options.allowedLatenessMs;
    const newestMs = Math.floor(eventTimeMs / advanceMs) * advanceMs;
    this.count = 0;
    this.needed = 0;
    for (let startMs = newestMs - this.backMaxMs; startMs <= newestMs; startMs += advanceMs) {
      const endMs = startMs + sizeMs;
      if (endMs <= eventTimeMs) continue;
      if (endMs <= goneMs) {
        onMissed(startMs, endMs);
        continue;
      }
      const cell = store.find(startMs, key);
      if (!cell) this.needed++;
      this.startMs[this.count] = startMs;
      this.cells[this.count++] = cell;
    }
  }

  commit(key: string, values: readonly unknown[]): number {
    for (let i = 0; i < this.count; i++) {
      const startMs = this.startMs[i] as number;
      const cell = this.cells[i] ?? this.open(startMs, key);
      addValues(this.options.fields, cell.states, values);
      this.store.touch(startMs, cell);
    }
    return this.count;
  }

  private open(startMs: number, key: string): Cell {
    const { fields, keys } = this.options;
    const own = ownCopy(key);
    keys.hold(own);
    return this.store.open(startMs, startMs + this.sizeMs, own, initStates(fields));
  }
}
