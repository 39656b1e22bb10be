// The cells of one aligned window as columns: a place for each key, in the order in which they came, and its aggregates at that place
// of one array a field. An object for each cell would be a third of what the collector has to look at.
// Guarantees: places are 0, 1, 2 … and never change.
// Redelivery: knows no events.
import type { NamedFields } from './window-rows.ts';

const ROOM_AT_FIRST = 16;
const IS_FINAL = 1;
const HAS_CHANGED = 2;
/** 2^32 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4): neighbouring numbers land far apart. */
const SPREAD = 0x9e3779b1;

export class WindowCells {
  readonly keys: string[] = [];
  /** By field, then by place. */
  readonly states: unknown[][];
  private flags = new Uint8Array(ROOM_AT_FIRST);
  /** Open addressing: the number of a key and its place, in turn; place −1 where nothing is. At most half full. */
  private table = emptyTable(2 * ROOM_AT_FIRST);
  private shift = 32 - Math.log2(2 * ROOM_AT_FIRST);

  constructor(fields: number) {
    this.states = Array.from({ length: fields }, () => []);
  }

  get count(): number {
    return this.keys.length;
  }

  /** The place of the key with this number (see `HeldKeys`), −1 where the window does not hold it. */
  find(keyNumber: number): number {
    const { table } = this;
    const last = table.length - 2;
    for (let at = (Math.imul(keyNumber, SPREAD) >>> this.shift) * 2; ; at = (at + 2) & last) {
      const place = table[at + 1] as number;
      if (place < 0 || table[at] === keyNumber) return place;
    }
  }

  /** For a key that is not held: its place, with the states of nothing. */
  add<E>(keyNumber: number, key: string, fields: NamedFields<E>): number {
    for (let f = 0; f < fields.length; f++)
      (this.states[f] as unknown[]).push((fields[f] as NamedFields<E>[number])[1].aggregate.init());
    return this.place(keyNumber, key);
  }

  /** As `add`, with the states of a snapshot. */
  addSaved(keyNumber: number, key: string, states: readonly unknown[]): number {
    this.states.forEach((column, f) => column.push(states[f]));
    return this.place(keyNumber, key);
  }

  /** Adds a value for each field. */
  addValues<E>(fields: NamedFields<E>, place: number, values: readonly unknown[]): void {
    for (let f = 0; f < fields.length; f++) {
      const { aggregate } = (fields[f] as NamedFields<E>[number])[1];
      const column = this.states[f] as unknown[];
      column[place] = aggregate.add(column[place], values[f]);
    }
  }

  statesAt(place: number): unknown[] {
    return this.states.map((column) => column[place]);
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

  private place(keyNumber: number, key: string): number {
    const place = this.keys.push(key) - 1;
    if (place === this.flags.length) this.grow();
    this.insert(keyNumber, place);
    return place;
  }

  private insert(keyNumber: number, place: number): void {
    const { table } = this;
    const last = table.length - 2;
    let at = (Math.imul(keyNumber, SPREAD) >>> this.shift) * 2;
    while ((table[at + 1] as number) >= 0) at = (at + 2) & last;
    table[at] = keyNumber;
    table[at + 1] = place;
  }

  private grow(): void {
    const flags = new Uint8Array(this.flags.length * 2);
    flags.set(this.flags);
    this.flags = flags;
    const held = this.table;
    this.table = emptyTable(held.length);
    this.shift--;
    for (let at = 0; at < held.length; at += 2)
      if ((held[at + 1] as number) >= 0) this.insert(held[at] as number, held[at + 1] as number);
  }
}

const emptyTable = (slots: number): Int32Array => new Int32Array(2 * slots).fill(-1);
