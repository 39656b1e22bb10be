// The cards, devices or terminals that there are, each with a place: a small number that stands for it everywhere.
// Guarantees: a key is kept for 28 days of event time after its last payment; a new one beyond the limit is refused, and none with state is
// ever put out for it; a place is given to another only when nobody remembers its key any more.
// Redelivery: the same calls leave the same keys, in the same order.
import { beginNumbers, beginTexts, bufferOf, joined, split, valuesOf } from '../../streams/pieces.ts';
import { roomFor } from '../../streams/room-for.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';

/** How long a key that is not seen again is remembered. */
export const rememberedMs = 28 * 86_400_000;

const atFirst = 64;
/** Hints that are looked at. */
const hintsMax = 1 << 16;

export class Keys {
  private readonly keysMax: number;
  private readonly placeOf = new Map<string, number>();
  private readonly names: string[] = [''];
  private readonly unused: number[] = [];
  /** A ring by when each was touched last, before and after each place; place 0 stands for both ends. A key without state is in none: −1. */
  private ring = new Int32Array(2 * atFirst);
  /** Who remembers the key as the other side of a payment. */
  private referred = new Int32Array(atFirst);
  private newest = new Float64Array(atFirst);
  private live = 0;
  /** By hint the place that the key with it had last. */
  private readonly hinted = new Int32Array(hintsMax);

  constructor(keysMax: number) {
    this.keysMax = keysMax;
  }

  /** Keys with state. */
  get count(): number {
    return this.live;
  }

  /** Places are below this. */
  get placesEnd(): number {
    return this.names.length;
  }

  /** False when the key has no state and there is no room for it. */
  hasRoomFor(key: string): boolean {
    return this.live < this.keysMax || this.peek(key) >= 0;
  }

  /** The place of a key with state; −1: it has none. */
  peek(key: string): number {
    const place = this.placeOf.get(key);
    return place === undefined || this.ring[2 * place] === -1 ? -1 : place;
  }

  nameOf(place: number): string {
    return this.names[place] as string;
  }

  /** The highest time that a key with state was seen at. */
  newestMs(place: number): number {
    return this.newest[place] as number;
  }

  /** The place of the key, which has state from now on and is the newest. `hint`: see `TimedEvent.hints`; −1: none. */
  touch(key: string, hint = -1): number {
    const place = this.find(key, hint);
    const { ring } = this;
    if (ring[2 * place] === -1) {
      this.live += 1;
      this.newest[place] = -Infinity;
    } else this.unlink(place);
    const last = ring[0] as number;
    ring[2 * place] = last;
    ring[2 * place + 1] = 0;
    ring[2 * last + 1] = place;
    ring[0] = place;
    return place;
  }

  seen(place: number, atMs: number): void {
    if (atMs > (this.newest[place] as number)) this.newest[place] = atMs;
  }

  /** To be let go by `release`. */
  retain(place: number): void {
    this.referred[place] = (this.referred[place] as number) + 1;
  }

  release(place: number): void {
    this.referred[place] = (this.referred[place] as number) - 1;
    this.letGo(place);
  }

  /** Forgets the state of who was not seen for 28 days before the watermark, each after `forget`. Returns how many. */
  expire(watermarkMs: number, forget: (place: number) => void): number {
    const { ring, newest } = this;
    let expired = 0;
    for (let place = ring[1] as number; place !== 0; place = ring[1] as number) {
      if (!((newest[place] as number) < watermarkMs - rememberedMs)) break;
      forget(place);
      this.unlink(place);
      ring[2 * place] = -1;
      this.live -= 1;
      this.letGo(place);
      expired += 1;
    }
    return expired;
  }

  /** Which keys there are at which places, and in which order; it says as well who of them has state. */
  beginSnapshot(pieceBytes: number): { readonly begun: BegunSnapshot; readonly hasState: (place: number) => boolean } {
    // Copied as they are, for that is a matter of a millisecond.
    const names = this.names.slice();
    const ring = this.ring.slice(0, 2 * names.length);
    const begun = joined({
      names: beginTexts(names, pieceBytes),
      ring: beginNumbers(ring, pieceBytes),
      unused: beginNumbers(Int32Array.from(this.unused), pieceBytes),
    });
    return { begun, hasState: (place) => place > 0 && ring[2 * place] !== -1 };
  }

  /** Into keys that are none. When each was seen last, and who refers to it, is told by `seen` and `retain`. */
  restore(state: SlicedState): void {
    const { names, ring, unused } = split(state) as Record<'names' | 'ring' | 'unused', SlicedState>;
    const none = new Set(new Int32Array(bufferOf(unused.pieces)));
    for (const [place, name] of valuesOf<string>(names).entries()) {
      this.names[place] = name;
      if (place > 0 && !none.has(place)) this.placeOf.set(name, place);
    }
    for (const place of none) this.unused.push(place);
    this.ring = roomFor(this.ring, 2 * this.names.length);
    this.ring.set(new Int32Array(bufferOf(ring.pieces)));
    this.referred = roomFor(this.referred, this.names.length);
    this.newest = roomFor(this.newest, this.names.length).fill(-Infinity);
    for (let place = 1; place < this.names.length; place++) if (this.ring[2 * place] !== -1) this.live += 1;
  }

  /** Of all keys with state, the longest unseen first: the order is part of the state. */
  map<T>(of: (place: number, key: string) => T): T[] {
    const all: T[] = [];
    for (let place = this.ring[1] as number; place !== 0; place = this.ring[2 * place + 1] as number)
      all.push(of(place, this.names[place] as string));
    return all;
  }

  /** Most often the key is where its hint says, as the same string, and no Map is asked. */
  private find(key: string, hint: number): number {
    if (!(hint >= 0 && hint < hintsMax)) return this.placeOf.get(key) ?? this.name(key);
    const guess = this.hinted[hint] as number;
    if (guess !== 0 && this.names[guess] === key) return guess;
    const place = this.placeOf.get(key) ?? this.name(key);
    this.hinted[hint] = place;
    this.names[place] = key;
    return place;
  }

  private unlink(place: number): void {
    const { ring } = this;
    const before = ring[2 * place] as number;
    const after = ring[2 * place + 1] as number;
    ring[2 * before + 1] = after;
    ring[2 * after] = before;
  }

  private name(key: string): number {
    const place = this.unused.pop() ?? this.names.length;
    this.ring = roomFor(this.ring, 2 * (place + 1));
    this.referred = roomFor(this.referred, place + 1);
    this.newest = roomFor(this.newest, place + 1);
    this.names[place] = key;
    this.placeOf.set(key, place);
    this.ring[2 * place] = -1;
    return place;
  }

  private letGo(place: number): void {
    if (this.referred[place] !== 0 || this.ring[2 * place] !== -1) return;
    this.placeOf.delete(this.names[place] as string);
    this.names[place] = '';
    this.unused.push(place);
  }
}
