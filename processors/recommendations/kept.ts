// State by key that is forgotten some time after it was last touched. Guarantees: a key counts as gone by its own times alone, so
// that when it is swept changes nothing; a new one beyond the limit is refused, and none is put out for it; a key has one place as long
// as it is known. Redelivery: the same calls leave the same state.
import { type Mixed, MixedReader, type MixedRow, mixedOf } from '../../streams/mixed-row.ts';
import { joined, split } from '../../streams/pieces.ts';
import { PlaceSlices } from '../../streams/place-slices.ts';
import { TouchedKeys } from '../../streams/touched-keys.ts';
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

export class Kept<T extends Touched> {
  private readonly options: KeptOptions<T>;
  private readonly keys = new TouchedKeys();
  /** By place. */
  private readonly kept: (T | undefined)[] = [undefined];
  private readonly slices = new PlaceSlices<Mixed>();
  /** Of the snapshot that was begun last. */
  private keysThen: readonly string[] = [];

  constructor(options: KeptOptions<T>) {
    this.options = options;
  }

  get size(): number {
    return this.keys.size;
  }

  hasRoomFor(key: string): boolean {
    return this.keys.size < this.options.keysMax || this.keys.placeOf(key) !== undefined;
  }

  /** As of the newest event time. */
  get(key: string, newestMs: number): T | undefined {
    const place = this.keys.placeOf(key);
    const kept = place === undefined ? undefined : this.kept[place];
    return kept && !this.isOver(kept, newestMs) ? kept : undefined;
  }

  /** Whoever stands there. */
  at(place: number): T | undefined {
    return this.kept[place];
  }

  /** The key's state, made where it has none, touched by an event of `timeMs`. It may be changed from now on. */
  touch(key: string, timeMs: number, newestMs: number): T {
    const known = this.keys.placeOf(key);
    const place = known ?? this.add(key);
    let kept = this.kept[place] as T;
    if (known !== undefined) {
      this.slices.beforeChange(place);
      if (this.isOver(kept, newestMs)) kept = this.kept[place] = this.options.create(key, place);
    }
    kept.lastMs = Math.max(kept.lastMs, timeMs);
    this.keys.touch(place);
    return kept;
  }

  /** To be called before what stands at the place is changed otherwise than after `touch`. */
  beforeChange(place: number): void {
    this.slices.beforeChange(place);
  }

  /** Frees the memory of what is over. */
  sweep(newestMs: number): void {
    const { keys } = this;
    for (let place = keys.after(0); place !== 0; place = keys.after(0)) {
      if (!this.isOver(this.kept[place] as T, newestMs)) return;
      this.slices.beforeChange(place);
      keys.drop(place);
      keys.free(place);
      this.kept[place] = undefined;
    }
  }

  /** The longest untouched first. */
  *values(): Generator<T> {
    const { keys } = this;
    for (let place = keys.after(0); place !== 0; place = keys.after(place)) yield this.kept[place] as T;
  }

  private isOver({ lastMs }: T, newestMs: number): boolean {
    return newestMs - lastMs > this.options.keepMs;
  }

  private add(key: string): number {
    const place = this.keys.add(key);
    this.kept[place] = this.options.create(key, place);
    return place;
  }

  /** The order is part of the state, and so are the places. */
  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { parts, names, wasIn } = this.keys.beginSnapshot(pieceBytes);
    this.keysThen = names;
    const packing = mixedOf((place, into) => {
      const kept = this.kept[place] as T;
      into.put(place);
      into.putTime(kept.lastMs);
      this.options.write(kept, into);
    });
    const rows = this.slices.begin({ end: names.length, held: wasIn, packing, pieceBytes });
    return joined({ keys: parts.names, ring: parts.ring, unused: parts.unused, rows });
  }

  /** Whether the key was at the place when the snapshot was begun that is being written. */
  wasAt(key: string, place: number): boolean {
    return this.keysThen[place] === key;
  }

  /** Into what keeps nothing. */
  restore(state: unknown): void {
    const { keys: names, ring, unused, rows } = split(state as SlicedState) as Record<SavedPart, SlicedState>;
    const { keys } = this;
    keys.restore({ names, ring, unused });
    for (let place = 1; place < keys.end; place++)
      this.kept[place] = keys.isIn(place) ? this.options.create(keys.nameOf(place), place) : undefined;
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
