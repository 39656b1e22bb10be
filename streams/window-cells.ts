// The cells of one aligned window as columns: a place for each key, in the order in which they came, and its aggregates at that place
// of one array a field. An object for each cell would be a third of what the collector has to look at.
// Guarantees: places are 0, 1, 2 … and never change.
// Redelivery: knows no events.
import type { FieldSteps } from './field-steps.ts';
import type { HeldKeys } from './placement.ts';

const ROOM_AT_FIRST = 16;
const IS_FINAL = 1;
const HAS_CHANGED = 2;
/** 2^32 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4): neighbouring numbers land far apart. */
const SPREAD = 0x9e3779b1;

export class WindowCells {
  readonly keys: string[] = [];
  /** By field, then by place. */
  readonly states: unknown[][];
  /** The number of each key, by place. */
  private numbers = new Int32Array(ROOM_AT_FIRST);
  private flags = new Uint8Array(ROOM_AT_FIRST);
  /** Open addressing: places by the numbers of their keys; −1 where nothing is. At most half full. */
  private table = emptyTable(2 * ROOM_AT_FIRST);
  private shift = 32 - Math.log2(2 * ROOM_AT_FIRST);

  /** Of what was looked at: or V8 would not look. */
  seen = 0;

  constructor(fields: number) {
    this.states = Array.from({ length: fields }, () => []);
  }

  get count(): number {
    return this.keys.length;
  }

  /** The place of the key with this number (see `HeldKeys`), −1 where the window does not hold it. */
  find(keyNumber: number): number {
    const { table, numbers } = this;
    const last = table.length - 1;
    for (let at = Math.imul(keyNumber, SPREAD) >>> this.shift; ; at = (at + 1) & last) {
      const place = table[at] as number;
      if (place < 0 || numbers[place] === keyNumber) return place;
    }
  }

  /** Looks at all that `find` and `add` will for keys with these numbers, so that what is far away is waited for together. `places` is written over. */
  approach(keyNumbers: Int32Array, places: Int32Array): void {
    const count = keyNumbers.length;
    const { table, numbers, flags, states, shift } = this;
    for (let i = 0; i < count; i++) places[i] = table[Math.imul(keyNumbers[i] as number, SPREAD) >>> shift] as number;
    let seen = 0;
    for (let i = 0; i < count; i++) {
      const place = places[i] as number;
      if (place >= 0) seen += (numbers[place] as number) + (flags[place] as number);
    }
    for (const column of states)
      for (let i = 0; i < count; i++) {
        const place = places[i] as number;
        if (place >= 0 && column[place] === 0) seen++;
      }
    this.seen = seen;
  }

  /** See `HeldKeys`. */
  numberAt(place: number): number {
    return this.numbers[place] as number;
  }

  /** For a key that is not held: its place, with the states of nothing. */
  add<E>(keyNumber: number, key: string, steps: FieldSteps<E>): number {
    steps.init(this.states);
    return this.place(keyNumber, key);
  }

  /** Into none, from a snapshot: one cell more of each key. `columns`: by field, then by place. */
  restore(keyNumbers: Int32Array, keys: HeldKeys, columns: readonly ArrayLike<unknown>[]): void {
    for (const keyNumber of keyNumbers) {
      keys.holdNumber(keyNumber);
      this.place(keyNumber, keys.keyOf(keyNumber));
    }
    for (const [f, column] of columns.entries())
      for (let place = 0; place < column.length; place++) this.states[f]?.push(column[place]);
  }

  /** It was published as final. */
  isFinal(place: number): boolean {
    return ((this.flags[place] as number) & IS_FINAL) !== 0;
  }

  /** It has changed since it was last published. */
  hasChanged(place: number): boolean {
    return ((this.flags[place] as number) & HAS_CHANGED) !== 0;
  }

  setChanged(place: number): void {
    this.flags[place] = (this.flags[place] as number) | HAS_CHANGED;
  }

  setShown(place: number): void {
    this.flags[place] = (this.flags[place] as number) & ~HAS_CHANGED;
  }

  /** Published as final, and nothing has changed since. */
  setFinal(place: number): void {
    this.flags[place] = IS_FINAL;
  }

  setAllFinal(): void {
    this.flags.fill(IS_FINAL, 0, this.count);
  }

  private place(keyNumber: number, key: string): number {
    const place = this.keys.push(key) - 1;
    if (place === this.flags.length) this.grow();
    this.numbers[place] = keyNumber;
    this.insert(keyNumber, place);
    return place;
  }

  private insert(keyNumber: number, place: number): void {
    const { table } = this;
    const last = table.length - 1;
    let at = Math.imul(keyNumber, SPREAD) >>> this.shift;
    while ((table[at] as number) >= 0) at = (at + 1) & last;
    table[at] = place;
  }

  private grow(): void {
    const { flags, numbers } = this;
    this.flags = new Uint8Array(flags.length * 2);
    this.flags.set(flags);
    this.numbers = new Int32Array(numbers.length * 2);
    this.numbers.set(numbers);
    this.table = emptyTable(this.table.length * 2);
    this.shift--;
    for (let place = 0; place < numbers.length; place++) this.insert(numbers[place] as number, place);
  }
}

const emptyTable = (slots: number): Int32Array => new Int32Array(slots).fill(-1);

/** The states of one cell, of columns by field, then by place. */
export const statesAt = (columns: readonly (readonly unknown[])[], place: number): unknown[] =>
  columns.map((column) => column[place]);
