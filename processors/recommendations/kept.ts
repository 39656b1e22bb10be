// State by key that is forgotten some time after it was last touched. Guarantees: a key counts as gone by its own times alone, so
// that when it is swept changes nothing; a new one beyond the limit is refused, and none is put out for it; a key has one place as long
// as it is known. Redelivery: the same calls leave the same state.
import { type Mixed, MixedReader, type MixedRow, mixedOf } from '../../streams/mixed-row.ts';
import { beginNumbers, beginTexts, bufferOf, joined, split, valuesOf } from '../../streams/pieces.ts';
import { PlaceSlices } from '../../streams/place-slices.ts';
import { roomFor } from '../../streams/room-for.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';

export interface Touched {
  /** The newest event time that it was touched at. */
  lastMs: number;
}

export interface KeptOptions<T> {
  readonly keysMax: number;
  /** How long a key is remembered after it was last touched, in event time. */
  readonly keepMs: number;
  readonly create: (key: string, place: number) => T;
  /** For a snapshot, all but the key and `lastMs`. */
  readonly write: (kept: T, into: MixedRow) => void;
  /** The same into what `create` made; what stands at other places is there. */
  readonly read: (kept: T, from: MixedReader) => void;
}

const atFirst = 64;

export class Kept<T extends Touched> {
  private readonly options: KeptOptions<T>;
  private readonly placeOf = new Map<string, number>();
  /** By place, from 1 on. */
  private keys: string[] = [''];
  private readonly kept: (T | undefined)[] = [undefined];
  private readonly unused: number[] = [];
  /**
   * By when each was touched last: who is before and behind each place; 0 stands for both ends, −1: nobody is there. Not the order of the
   * map: keys deleted and set anew leave holes there, and whoever looks for its first key goes over all of them.
   */
  private ring = new Int32Array(2 * atFirst);
  private readonly slices = new PlaceSlices<Mixed>();
  /** Of the snapshot that was begun last. */
  private keysThen: readonly string[] = [];

  constructor(options: KeptOptions<T>) {
    this.options = options;
  }

  get size(): number {
    return this.placeOf.size;
  }

  hasRoomFor(key: string): boolean {
    return this.placeOf.size < this.options.keysMax || this.placeOf.has(key);
  }

  /** As of the newest event time. */
  get(key: string, newestMs: number): T | undefined {
    const place = this.placeOf.get(key);
    const kept = place === undefined ? undefined : this.kept[place];
    return kept && !this.isOver(kept, newestMs) ? kept : undefined;
  }

  /** Whoever stands there. */
  at(place: number): T | undefined {
    return this.kept[place];
  }

  /** The key's state, made where it has none, touched by an event of `timeMs`. It may be changed from now on. */
  touch(key: string, timeMs: number, newestMs: number): T {
    const known = this.placeOf.get(key);
    const place = known ?? this.add(key);
    let kept = this.kept[place] as T;
    if (known !== undefined) {
      this.slices.beforeChange(place);
      if (this.isOver(kept, newestMs)) kept = this.kept[place] = this.options.create(key, place);
      this.unlink(place);
    }
    kept.lastMs = Math.max(kept.lastMs, timeMs);
    this.link(place);
    return kept;
  }

  /** To be called before what stands at the place is changed otherwise than after `touch`. */
  beforeChange(place: number): void {
    this.slices.beforeChange(place);
  }

  /** Frees the memory of what is over. */
  sweep(newestMs: number): void {
    for (let place = this.ring[1] as number; place !== 0; place = this.ring[1] as number) {
      if (!this.isOver(this.kept[place] as T, newestMs)) return;
      this.slices.beforeChange(place);
      this.unlink(place);
      this.ring[2 * place] = -1;
      this.placeOf.delete(this.keys[place] as string);
      this.keys[place] = '';
      this.kept[place] = undefined;
      this.unused.push(place);
    }
  }

  /** The longest untouched first. */
  *values(): Generator<T> {
    for (let place = this.ring[1] as number; place !== 0; place = this.ring[2 * place + 1] as number)
      yield this.kept[place] as T;
  }

  private isOver({ lastMs }: T, newestMs: number): boolean {
    return newestMs - lastMs > this.options.keepMs;
  }

  private add(key: string): number {
    const place = this.unused.pop() ?? this.keys.length;
    this.ring = roomFor(this.ring, 2 * (place + 1));
    this.keys[place] = key;
    this.kept[place] = this.options.create(key, place);
    this.placeOf.set(key, place);
    return place;
  }

  private link(place: number): void {
    const { ring } = this;
    const last = ring[0] as number;
    ring[2 * place] = last;
    ring[2 * place + 1] = 0;
    ring[2 * last + 1] = place;
    ring[0] = place;
  }

  private unlink(place: number): void {
    const { ring } = this;
    const before = ring[2 * place] as number;
    const after = ring[2 * place + 1] as number;
    ring[2 * before + 1] = after;
    ring[2 * after] = before;
  }

  /** The order is part of the state, and so are the places. */
  beginSnapshot(pieceBytes: number): BegunSnapshot {
    // Copied as they are, for that is a matter of a millisecond.
    const keys = this.keys.slice();
    const ring = this.ring.slice(0, 2 * keys.length);
    this.keysThen = keys;
    const held = (place: number): boolean => place > 0 && ring[2 * place] !== -1;
    const packing = mixedOf((place, into) => {
      const kept = this.kept[place] as T;
      into.put(place);
      into.putTime(kept.lastMs);
      this.options.write(kept, into);
    });
    return joined({
      keys: beginTexts(keys, pieceBytes),
      ring: beginNumbers(ring, pieceBytes),
      unused: beginNumbers(Int32Array.from(this.unused), pieceBytes),
      rows: this.slices.begin({ end: keys.length, held, packing, pieceBytes }),
    });
  }

  /** Whether the key was at the place when the snapshot was begun that is being written. */
  wasAt(key: string, place: number): boolean {
    return this.keysThen[place] === key;
  }

  /** Into what keeps nothing. */
  restore(state: unknown): void {
    const { keys, ring, unused, rows } = split(state as SlicedState) as Record<SavedPart, SlicedState>;
    this.keys = valuesOf<string>(keys);
    this.ring = roomFor(this.ring, 2 * this.keys.length);
    this.ring.set(new Int32Array(bufferOf(ring.pieces)));
    for (const place of new Int32Array(bufferOf(unused.pieces))) this.unused.push(place);
    for (let place = 1; place < this.keys.length; place++) {
      const key = this.keys[place] as string;
      const isHeld = this.ring[2 * place] !== -1;
      this.kept[place] = isHeld ? this.options.create(key, place) : undefined;
      if (isHeld) this.placeOf.set(key, place);
    }
    for (const piece of rows.pieces) {
      const from = new MixedReader(piece);
      while (!from.isAtEnd) {
        const kept = this.kept[from.take()] as T;
        kept.lastMs = from.takeTime();
        this.options.read(kept, from);
      }
    }
  }
}

type SavedPart = 'keys' | 'ring' | 'unused' | 'rows';
