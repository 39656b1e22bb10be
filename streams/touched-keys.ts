// Keys by place, a small number that stands for the key everywhere, and in the order in which they were touched last: a ring, not the order
// of a Map, for keys deleted and set anew leave holes there, and whoever looks for its first key goes over all of them.
// Guarantees: a key has one place as long as it has a name; the place is given to another only once it was freed.
// Redelivery: the same calls leave the same keys, at the same places, in the same order.
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import { beginNumbers, beginTexts, bufferOf, valuesOf } from './pieces.ts';
import { roomFor } from './room-for.ts';

const atFirst = 64;

/** The parts of a snapshot. */
export type TouchedPart = 'names' | 'ring' | 'unused';

export class TouchedKeys {
  private readonly places = new Map<string, number>();
  /** By place, from 1 on. */
  private readonly names: string[] = [''];
  private readonly unused: number[] = [];
  /** Who is before and behind each place; 0 stands for both ends, −1: it is not among them. */
  private ring = new Int32Array(2 * atFirst);

  /** Keys that have a place. */
  get size(): number {
    return this.places.size;
  }

  /** Places are below this. */
  get end(): number {
    return this.names.length;
  }

  placeOf(key: string): number | undefined {
    return this.places.get(key);
  }

  nameOf(place: number): string {
    return this.names[place] as string;
  }

  /** For a key that has no place: it gets one, outside of the order. */
  add(key: string): number {
    const place = this.unused.pop() ?? this.names.length;
    this.ring = roomFor(this.ring, 2 * (place + 1));
    this.ring[2 * place] = -1;
    this.names[place] = key;
    this.places.set(key, place);
    return place;
  }

  /** Keeps the key of the place as this string, an equal one: whoever comes with the very same again is compared at once. */
  rename(place: number, key: string): void {
    this.names[place] = key;
  }

  /** Of who is outside of the order: the key has no place any more, and another may get it. */
  free(place: number): void {
    this.places.delete(this.names[place] as string);
    this.names[place] = '';
    this.unused.push(place);
  }

  isIn(place: number): boolean {
    return this.ring[2 * place] !== -1;
  }

  /** The last in the order from now on; whether it was in the order before. */
  touch(place: number): boolean {
    const { ring } = this;
    const wasIn = ring[2 * place] !== -1;
    if (wasIn) this.unlink(place);
    const last = ring[0] as number;
    ring[2 * place] = last;
    ring[2 * place + 1] = 0;
    ring[2 * last + 1] = place;
    ring[0] = place;
    return wasIn;
  }

  /** Out of the order. */
  drop(place: number): void {
    this.unlink(place);
    this.ring[2 * place] = -1;
  }

  /** The first in the order behind this place, 0: of all; 0 where there is none. */
  after(place: number): number {
    return this.ring[2 * place + 1] as number;
  }

  /** Of the keys as they are now, and so are `names` and `wasIn`. */
  beginSnapshot(pieceBytes: number): {
    readonly parts: Readonly<Record<TouchedPart, BegunSnapshot>>;
    readonly names: readonly string[];
    readonly wasIn: (place: number) => boolean;
  } {
    // Copied as they are, for that is a matter of a millisecond.
    const names = this.names.slice();
    const ring = this.ring.slice(0, 2 * names.length);
    const parts = {
      names: beginTexts(names, pieceBytes),
      ring: beginNumbers(ring, pieceBytes),
      unused: beginNumbers(Int32Array.from(this.unused), pieceBytes),
    };
    return { parts, names, wasIn: (place) => place > 0 && ring[2 * place] !== -1 };
  }

  /** Into what has no keys. */
  restore({ names, ring, unused }: Readonly<Record<TouchedPart, SlicedState>>): void {
    const none = new Set(new Int32Array(bufferOf(unused.pieces)));
    for (const [place, name] of valuesOf<string>(names).entries()) {
      this.names[place] = name;
      if (place > 0 && !none.has(place)) this.places.set(name, place);
    }
    for (const place of none) this.unused.push(place);
    this.ring = roomFor(this.ring, 2 * this.names.length);
    this.ring.set(new Int32Array(bufferOf(ring.pieces)));
  }

  private unlink(place: number): void {
    const { ring } = this;
    const before = ring[2 * place] as number;
    const after = ring[2 * place + 1] as number;
    ring[2 * before + 1] = after;
    ring[2 * after] = before;
  }
}
