// What placing an event into the windows of an output is, in two steps, and the keys that all windows of a view hold.
// Guarantees: planning changes nothing; a key has one number, and one string, for as long as a cell holds it.
// Redelivery: knows no ids; duplicates were dropped before.
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import type { FieldSteps } from './field-steps.ts';
import { type KeyBytes, KeyTable } from './key-table.ts';
import { beginNumbers, beginTexts, bufferOf, joined, split, valuesOf } from './pieces.ts';
import type { RecordTime } from './stage.ts';
import type { NamedFields } from './window-rows.ts';
import type { WindowStore } from './window-store.ts';

/**
 * Into which windows of one output an event goes, in two steps: `plan` changes no state, `commit` adds what was planned last and
 * cannot fail.
 */
export interface Placement {
  readonly store: WindowStore;
  /** Windows that `commit` must open. */
  readonly needed: number;
  /** `keyNumber`: of the `HeldKeys`, −1 where they do not hold the key. */
  plan(key: string, keyNumber: number, time: RecordTime, onMissed: OnMissed): void;
  /** Events of keys with these numbers come next, most likely: see `WindowCells.approach`. */
  approach(keyNumbers: Int32Array, places: Int32Array): void;
  /** Returns to how many windows the values were added. `keyNumber` as planned, or better known by now. */
  commit(key: string, keyNumber: number, values: readonly unknown[]): number;
}

/** A window that the event comes too late for. */
export type OnMissed = (startMs: number, endMs: number) => void;

export interface PlacementOptions<E> {
  readonly fields: NamedFields<E>;
  readonly steps: FieldSteps<E>;
  readonly keys: HeldKeys;
  readonly allowedLatenessMs: number;
}

/** So many keys with their cells are in a cache of some MB. */
const NEAR_KEYS_MAX = 30_000;
/** Hints that are looked at. */
const HINTS = 1 << 16;

/** The keys that cells hold: each has a number of its own for as long as one does. Numbers are small, and used again. */
export class HeldKeys {
  cellCount = 0;
  private readonly numbers = new KeyTable((keyNumber) => this.keyOf(keyNumber));
  /** By number; of numbers that are free, an empty text and no cells. All are texts, so that V8 compares them as such. */
  private readonly keys: string[] = [];
  private readonly cells: number[] = [];
  private readonly free: number[] = [];
  private hinted: Int32Array | undefined;

  get keyCount(): number {
    return this.numbers.size;
  }

  /** As `numberOf`, looking first where the key with this hint was found last: most often it is there, and no Map is asked. */
  numberBy(hint: number | undefined, key: string): number {
    if (hint === undefined || !(hint >= 0 && hint < HINTS)) return this.numberOf(key);
    this.hinted ??= new Int32Array(HINTS);
    const guess = this.hinted[hint] as number;
    if (this.keys[guess] === key && (this.cells[guess] as number) > 0) return guess;
    const keyNumber = this.numberOf(key);
    if (keyNumber >= 0) this.hinted[hint] = keyNumber;
    return keyNumber;
  }

  /** See `KeyTable.guess`. False: there are so few keys that all are near. */
  guess(batch: KeyBytes, from: number, numbers: Int32Array): boolean {
    if (this.keyCount < NEAR_KEYS_MAX) return false;
    this.numbers.guess(batch, from, numbers);
    return true;
  }

  /** −1 where no cell holds it. */
  numberOf(key: string): number {
    return this.numbers.find(key);
  }

  /** The key as state holds it: one string for all its cells. */
  keyOf(keyNumber: number): string {
    return this.keys[keyNumber] as string;
  }

  /** For one cell more of a key that is held. */
  holdNumber(keyNumber: number): void {
    this.cellCount++;
    this.cells[keyNumber] = (this.cells[keyNumber] as number) + 1;
  }

  /** For one cell more. The key must be its own copy. */
  hold(key: string): number {
    this.cellCount++;
    const unused = this.free.length > 0 ? (this.free[this.free.length - 1] as number) : this.keys.length;
    const keyNumber = this.numbers.add(key, unused);
    if (keyNumber !== unused) {
      this.cells[keyNumber] = (this.cells[keyNumber] as number) + 1;
      return keyNumber;
    }
    this.free.pop();
    this.cells[keyNumber] = 1;
    this.keys[keyNumber] = key;
    return keyNumber;
  }

  release(key: string): void {
    const keyNumber = this.numbers.find(key);
    if (keyNumber >= 0) this.releaseNumber(keyNumber);
  }

  /** For one cell less. */
  releaseNumber(keyNumber: number): void {
    this.cellCount--;
    const left = (this.cells[keyNumber] as number) - 1;
    this.cells[keyNumber] = left;
    if (left > 0) return;
    this.numbers.delete(this.keyOf(keyNumber));
    this.keys[keyNumber] = '';
    this.free.push(keyNumber);
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    return joined({
      keys: beginTexts(this.keys.slice(), pieceBytes),
      free: beginNumbers(Int32Array.from(this.free), pieceBytes),
    });
  }

  /** Into none. The keys have their numbers again; `holdNumber` and `hold` tell of their cells. */
  restore(state: SlicedState): void {
    const { keys, free } = split(state) as Record<'keys' | 'free', SlicedState>;
    const unused = new Set(new Int32Array(bufferOf(free.pieces)));
    for (const [keyNumber, key] of valuesOf<string>(keys).entries()) {
      this.keys.push(key);
      this.cells.push(0);
      if (!unused.has(keyNumber)) this.numbers.add(key, keyNumber);
    }
    for (const keyNumber of unused) this.free.push(keyNumber);
  }
}

export const initStates = <E>(fields: NamedFields<E>): unknown[] => fields.map(([, { aggregate }]) => aggregate.init());

export function addValues<E>(fields: NamedFields<E>, states: unknown[], values: readonly unknown[]): void {
  for (let f = 0; f < fields.length; f++) {
    const { aggregate } = (fields[f] as NamedFields<E>[number])[1];
    states[f] = aggregate.add(states[f], values[f]);
  }
}

/** V8 keeps the whole message alive behind a piece cut out of it: state holds its own copy. */
export const ownCopy = (key: string): string => ` ${key}`.slice(1);
