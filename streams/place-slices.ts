// What stands at places, packed in the order of the places while it goes on changing: who is about to be changed is packed before.
// Guarantees: the pieces are those of the moment when they were begun, however the folding between them fell; in memory twice is only what
// changes meanwhile. Redelivery: no state that lasts.
import type { BegunSnapshot } from '../tasks/contract.ts';
import { NumberRow } from './number-row.ts';
import { packed } from './pieces.ts';

/** How what stands at a place is packed. `T`: a copy of it. */
export interface Packing<T> {
  copy(place: number): T;
  add(place: number): void;
  addCopy(copy: T): void;
  /** About how many bytes were added since the last piece. */
  bytes(): number;
  /** What was added since the last one. */
  piece(): Uint8Array;
}

export interface PlacesOptions<T> {
  /** The place after the last. */
  readonly end: number;
  /** Whether something stood there when the snapshot was begun; absent: everywhere. */
  readonly held?: (place: number) => boolean;
  readonly packing: Packing<T>;
  readonly pieceBytes: number;
}

/** Before all places, and behind all of them. */
const nobody = 2 ** 31 - 1;

export class PlaceSlices<T> {
  /** Who stands there or behind is not packed yet. */
  private next = nobody;
  private options: PlacesOptions<T> | null = null;
  /** What was packed before its turn. */
  private early = new Map<number, T>();

  /** Of the places as they are now. The snapshot that was begun before can only be dropped. */
  begin(options: PlacesOptions<T>): BegunSnapshot {
    this.options = options;
    this.early = new Map();
    this.next = 0;
    return {
      head: null,
      next: () => {
        if (this.options === options) return this.piece(options);
        throw new Error('another snapshot was begun since');
      },
    };
  }

  /** To be called before what stands at the place changes, or leaves it. */
  beforeChange(place: number): void {
    if (place >= this.next) this.keep(place);
  }

  private keep(place: number): void {
    const { early, options } = this;
    if (!options || place >= options.end || early.has(place) || options.held?.(place) === false) return;
    early.set(place, options.packing.copy(place));
  }

  private piece({ end, held, packing, pieceBytes }: PlacesOptions<T>): Uint8Array | null {
    const { early } = this;
    let place = this.next;
    for (; place < end && packing.bytes() < pieceBytes; place++) {
      const copy = early.get(place);
      if (copy !== undefined) {
        packing.addCopy(copy);
        early.delete(place);
      } else if (held?.(place) !== false) packing.add(place);
    }
    this.next = place;
    if (packing.bytes() > 0) return packing.piece();
    this.next = nobody;
    return null;
  }
}

/** As numbers: `write` puts those of a place behind what is in the row. */
export function numbersOf(write: (place: number, into: NumberRow) => void): Packing<Float64Array> {
  const row = new NumberRow();
  const one = new NumberRow();
  return {
    copy(place) {
      one.length = 0;
      write(place, one);
      return one.taken();
    },
    add: (place) => write(place, row),
    addCopy: (copy) => row.putAll(copy),
    bytes: () => 8 * row.length,
    piece() {
      const { buffer } = row.taken();
      row.length = 0;
      return new Uint8Array(buffer);
    },
  };
}

/** As values, about so many bytes each. */
export function valuesAt<T>(value: (place: number) => T, bytesEach: number): Packing<T> {
  let values: T[] = [];
  return {
    copy: (place) => structuredClone(value(place)),
    add: (place) => void values.push(value(place)),
    addCopy: (copy) => void values.push(copy),
    bytes: () => bytesEach * values.length,
    piece() {
      const bytes = packed(values);
      values = [];
      return bytes;
    },
  };
}
