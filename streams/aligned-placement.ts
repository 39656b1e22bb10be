import { type KeyedWindow, KeyedWindows } from './keyed-windows.ts';
import type { OnMissed, Placement, PlacementOptions } from './placement.ts';
import type { RecordTime } from './stage.ts';
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
  private readonly isTumbling: boolean;
  /** How far before the newest window the oldest one that can hold an event begins. */
  private readonly backMaxMs: number;
  /** Of the planned event, oldest window first. */
  private count = 0;
  private readonly startMs: Float64Array;
  private readonly windows: (KeyedWindow | undefined)[];
  /** −1: the window does not hold the key. */
  private readonly places: Int32Array;

  constructor(spec: Exclude<WindowSpec, { kind: 'session' }>, options: PlacementOptions<E>) {
    this.options = options;
    this.store = new KeyedWindows(options.allowedLatenessMs, options.fields.length);
    this.isTumbling = spec.kind === 'tumbling';
    this.sizeMs = spec.sizeMs;
    this.advanceMs = spec.kind === 'hopping' ? spec.advanceMs : spec.sizeMs;
    const overlap = overlapOf(spec);
    this.backMaxMs = (overlap - 1) * this.advanceMs;
    this.startMs = new Float64Array(overlap);
    this.windows = Array.from({ length: overlap }, () => undefined);
    this.places = new Int32Array(overlap);
  }

  plan(_key: string, keyNumber: number, time: RecordTime, onMissed: OnMissed): void {
    const { eventTimeMs, watermarkMs } = time;
    const { sizeMs, advanceMs, store } = this;
    const goneMs = watermarkMs - this.options.allowedLatenessMs;
    const { latest } = store;
    if (
      this.isTumbling &&
      latest &&
      eventTimeMs >= latest.startMs &&
      eventTimeMs < latest.endMs &&
      latest.endMs > goneMs
    )
      return this.planOnly(latest, keyNumber);
    const newestMs = Math.floor(eventTimeMs / advanceMs) * advanceMs;
    this.count = 0;
    this.needed = 0;
    for (let startMs = newestMs - this.backMaxMs; startMs <= newestMs; startMs += advanceMs) {
      const endMs = startMs + sizeMs;
      if (endMs <= eventTimeMs) continue;
      this.startMs[this.count] = startMs;
      if (endMs <= goneMs) {
        this.tellMissed(onMissed);
        continue;
      }
      const window = store.latest?.startMs === startMs ? store.latest : this.windowFound();
      const place = window && keyNumber >= 0 ? window.cells.find(keyNumber) : -1;
      if (place < 0) this.needed++;
      this.windows[this.count] = window;
      this.places[this.count++] = place;
    }
  }

  /** As most events are planned: into the one window that was asked for last. */
  private planOnly(window: KeyedWindow, keyNumber: number): void {
    const place = keyNumber >= 0 ? window.cells.find(keyNumber) : -1;
    this.needed = place < 0 ? 1 : 0;
    this.windows[0] = window;
    this.places[0] = place;
    this.count = 1;
  }

  // Calls that take the start as an argument, which makes an object of it: apart, or V8 would make one for every event.
  private tellMissed(onMissed: OnMissed): void {
    const startMs = this.startMs[this.count] as number;
    onMissed(startMs, startMs + this.sizeMs);
  }

  private windowFound(): KeyedWindow | undefined {
    return this.store.windowAt(this.startMs[this.count] as number);
  }

  approach(keyNumbers: Int32Array, places: Int32Array): void {
    this.store.latest?.cells.approach(keyNumbers, places);
  }

  commit(key: string, keyNumber: number, values: readonly unknown[]): number {
    const { store } = this;
    const { steps } = this.options;
    for (let i = 0; i < this.count; i++) {
      const window = this.windows[i] ?? this.open(this.startMs[i] as number);
      let place = this.places[i] as number;
      if (place < 0) place = this.add(window, key, keyNumber);
      steps.add(window.cells.states, place, values);
      if (!window.cells.hasChanged(place)) store.touch(window, place);
    }
    return this.count;
  }

  private open(startMs: number): KeyedWindow {
    return this.store.openWindow(startMs, startMs + this.sizeMs);
  }

  private add(window: KeyedWindow, key: string, known: number): number {
    const { steps, keys } = this.options;
    if (known >= 0) keys.holdNumber(known);
    const keyNumber = known >= 0 ? known : keys.hold(key);
    return this.store.add(window, keyNumber, keys.keyOf(keyNumber), steps);
  }
}
