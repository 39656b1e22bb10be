// The cards, devices or terminals that there are, each with a place: a small number that stands for it everywhere.
// Guarantees: a key is kept for 28 days of event time after its last payment; a new one beyond the limit is refused, and none with state is
// ever put out for it; a place is given to another only when nobody remembers its key any more.
// Redelivery: the same calls leave the same keys, in the same order.
import { joined, split } from '../../streams/pieces.ts';
import { roomFor } from '../../streams/room-for.ts';
import { TouchedKeys, type TouchedPart } from '../../streams/touched-keys.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';

/** How long a key that is not seen again is remembered. */
export const rememberedMs = 28 * 86_400_000;

const atFirst = 64;
/** Hints that are looked at. */
const hintsMax = 1 << 16;

export class Keys {
  private readonly keysMax: number;
  /** In the order: who has state. */
  private readonly keys = new TouchedKeys();
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
    return this.keys.end;
  }

  /** False when the key has no state and there is no room for it. */
  hasRoomFor(key: string): boolean {
    return this.live < this.keysMax || this.peek(key) >= 0;
  }

  /** The place of a key with state; −1: it has none. */
  peek(key: string): number {
    const place = this.keys.placeOf(key);
    return place !== undefined && this.keys.isIn(place) ? place : -1;
  }

  nameOf(place: number): string {
    return this.keys.nameOf(place);
  }

  /** The highest time that a key with state was seen at. */
  newestMs(place: number): number {
    return this.newest[place] as number;
  }

  /** The place of the key, which has state from now on and is the newest. `hint`: see `TimedEvent.hints`; −1: none. */
  touch(key: string, hint = -1): number {
    const place = this.find(key, hint);
    if (this.keys.touch(place)) return place;
    this.live += 1;
    this.newest[place] = -Infinity;
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
    const { keys, newest } = this;
    let expired = 0;
    for (let place = keys.after(0); place !== 0; place = keys.after(0)) {
      if (!((newest[place] as number) < watermarkMs - rememberedMs)) break;
      forget(place);
      keys.drop(place);
      this.live -= 1;
      this.letGo(place);
      expired += 1;
    }
    return expired;
  }

  /** Which keys there are at which places, and in which order; it says as well who of them has state. */
  beginSnapshot(pieceBytes: number): { readonly begun: BegunSnapshot; readonly hasState: (place: number) => boolean } {
    const { parts, wasIn } = this.keys.beginSnapshot(pieceBytes);
    return { begun: joined(parts), hasState: wasIn };
  }

  /** Into keys that are none. When each was seen last, and who refers to it, is told by `seen` and `retain`. */
  restore(state: SlicedState): void {
    const { keys } = this;
    keys.restore(split(state) as Record<TouchedPart, SlicedState>);
    this.referred = roomFor(this.referred, keys.end);
    this.newest = roomFor(this.newest, keys.end).fill(-Infinity);
    for (let place = keys.after(0); place !== 0; place = keys.after(place)) this.live += 1;
  }

  /** Of all keys with state, the longest unseen first: the order is part of the state. */
  map<T>(of: (place: number, key: string) => T): T[] {
    const all: T[] = [];
    const { keys } = this;
    for (let place = keys.after(0); place !== 0; place = keys.after(place)) all.push(of(place, keys.nameOf(place)));
    return all;
  }

  /** Most often the key is where its hint says, as the same string, and no Map is asked. */
  private find(key: string, hint: number): number {
    const { keys } = this;
    if (!(hint >= 0 && hint < hintsMax)) return keys.placeOf(key) ?? this.name(key);
    const guess = this.hinted[hint] as number;
    if (guess !== 0 && keys.nameOf(guess) === key) return guess;
    const place = keys.placeOf(key) ?? this.name(key);
    this.hinted[hint] = place;
    keys.rename(place, key);
    return place;
  }

  private name(key: string): number {
    const place = this.keys.add(key);
    this.referred = roomFor(this.referred, place + 1);
    this.newest = roomFor(this.newest, place + 1);
    return place;
  }

  private letGo(place: number): void {
    if (this.referred[place] === 0 && !this.keys.isIn(place)) this.keys.free(place);
  }
}
