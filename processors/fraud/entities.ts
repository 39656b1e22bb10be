// What is remembered of all cards, devices or terminals: of each its payments as trailing sums by currency, with whom it was seen, when last.
// Guarantees: as of a payment, exactly the payments folded up to it whose time is not after its own are counted; those ahead of the
// watermark are held one by one until it has passed them. With whom: the newest 200 by when they were folded, exact for those.
// Redelivery: knows no ids; duplicates were dropped before.
import { NumberReader, type NumberRow } from '../../streams/number-row.ts';
import { bufferOf, joined, split } from '../../streams/pieces.ts';
import { numbersOf, PlaceSlices } from '../../streams/place-slices.ts';
import { roomFor } from '../../streams/room-for.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';
import { Ahead, Seen } from './ahead.ts';
import { Keys } from './keys.ts';
import { Ladders } from './ladders.ts';
import type { Blocks } from './number-lists.ts';
import { Others, othersMax } from './others.ts';
import { Edges, featureLevels, type Totals } from './windows.ts';

export interface EntitiesOptions {
  readonly keysMax: number;
  readonly blocks: Blocks;
  /** What else is remembered of each, which changes only between `touch` and `add`; absent: nothing. */
  readonly beside?: Beside;
}

export interface Beside {
  write(place: number, into: NumberRow): void;
  restore(place: number, from: NumberReader): void;
  clear(place: number): void;
}

/** Times of an entity: of the payment folded last, the watermark at which it settled last, the earliest ahead of that. */
const timesWidth = 3;
const atFirst = 64;
/** Written anew whenever payments are taken into the sums. */
const settledEdges = new Edges();
const settled = new Seen();

export class Entities {
  readonly keys: Keys;
  private readonly beside: Beside | undefined;
  private readonly others: Others;
  private readonly ladders: Ladders;
  private readonly ahead: Ahead;
  private times = new Float64Array(atFirst * timesWidth);
  private ladderOf = new Int32Array(atFirst);
  /** Set with `meets`. */
  private otherKeys: Keys;
  private readonly slices = new PlaceSlices<Float64Array>();
  private readonly packing = numbersOf((place, into) => this.write(place, into));

  constructor({ keysMax, blocks, beside }: EntitiesOptions) {
    this.keys = this.otherKeys = new Keys(keysMax);
    this.beside = beside;
    this.others = new Others(blocks);
    this.ladders = new Ladders(blocks);
    this.ahead = new Ahead(blocks);
  }

  /** Says whose places the other sides of the payments are. */
  meets(others: Entities): void {
    this.otherKeys = others.keys;
  }

  /** The entity's place; from now on it is the newest. To be followed by `add`. */
  touch(key: string, hint = -1): number {
    const place = this.keys.touch(key, hint);
    this.slices.beforeChange(place);
    if (this.keys.newestMs(place) === -Infinity) this.begin(place);
    return place;
  }

  /** When the payment folded last was; −Infinity where there was none. */
  lastMs(place: number): number {
    return this.times[place * timesWidth] as number;
  }

  /** Folds a payment; then `read` is as of it. */
  add(place: number, seen: Seen): void {
    const { times } = this;
    const { asOfMs, other } = seen;
    const of = place * timesWidth;
    if ((times[of + 2] as number) <= seen.watermarkMs) this.settle(place, seen);
    this.ahead.push(place, seen);
    if (other >= 0) this.otherKeys.retain(other);
    times[of] = asOfMs;
    if (asOfMs < (times[of + 2] as number)) times[of + 2] = asOfMs;
    this.keys.seen(place, asOfMs);
  }

  /** Whether the other was seen before; to be asked before `add`. */
  knows(place: number, other: number): boolean {
    return this.ahead.has(place, other) || this.others.find(place, other) >= 0;
  }

  /** What all windows hold as of the payment that was added last. */
  read(place: number, seen: Seen, edges: Edges, into: Totals): void {
    into.clear();
    this.ladders.read(this.ladderOf[place] as number, seen.currency, edges, into);
    this.others.count(place, seen.other, edges, into);
    this.ahead.read(place, seen, edges, this.others, into);
    const { distinct } = into;
    for (let level = 0; level < featureLevels; level++)
      if ((distinct[level] as number) > othersMax) distinct[level] = othersMax;
  }

  /** How many payments one window holds. */
  count(place: number, level: number, edges: Edges): number {
    return this.ladders.count(this.ladderOf[place] as number, level, edges) + this.ahead.count(place, level, edges);
  }

  /** Forgets who was not seen for 28 days before the watermark. Returns how many. */
  expire(watermarkMs: number): number {
    return this.keys.expire(watermarkMs, (place) => {
      this.slices.beforeChange(place);
      this.clear(place);
    });
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { begun, hasState } = this.keys.beginSnapshot(pieceBytes);
    const end = this.keys.placesEnd;
    return joined({ keys: begun, rows: this.slices.begin({ end, held: hasState, packing: this.packing, pieceBytes }) });
  }

  /** Into entities that hold nothing; to be followed by `restoreRows`, once all that refer to one another have their keys. */
  restoreKeys(state: SlicedState): void {
    this.keys.restore(split(state)['keys'] as SlicedState);
  }

  restoreRows(state: SlicedState): void {
    for (const piece of split(state)['rows']?.pieces ?? []) {
      const from = new NumberReader(bufferOf([piece]));
      while (!from.isAtEnd) this.restoreRow(from);
    }
  }

  private begin(place: number): void {
    // Places may be given out to names alone, many at once: while others are restored.
    this.times = roomFor(this.times, (place + 1) * timesWidth);
    this.ladderOf = roomFor(this.ladderOf, place + 1);
    this.ahead.makeRoomFor(place);
    this.others.makeRoomFor(place);
    this.ladderOf[place] = 0;
    this.times[place * timesWidth] = -Infinity;
    this.times[place * timesWidth + 1] = -Infinity;
    this.times[place * timesWidth + 2] = Infinity;
  }

  /** Takes what the watermark has passed into the sums. */
  private settle(place: number, { watermarkMs }: Seen): void {
    if (settledEdges.asOfMs !== watermarkMs) settledEdges.moveTo(watermarkMs);
    const { ahead, ladders, ladderOf } = this;
    const length = ahead.length(place);
    let fromMs = Infinity;
    let left = 0;
    for (let i = 0; i < length; i++) {
      ahead.at(place, i, settled);
      if (settled.asOfMs <= watermarkMs) {
        ladderOf[place] = ladders.add(ladderOf[place] as number, settled, settledEdges);
        if (settled.other !== -1) this.meet(place, settled.other, settled.asOfMs);
        continue;
      }
      if (settled.asOfMs < fromMs) fromMs = settled.asOfMs;
      if (left < i) ahead.move(place, i, left);
      left += 1;
    }
    ahead.truncate(place, left);
    this.times[place * timesWidth + 1] = watermarkMs;
    this.times[place * timesWidth + 2] = fromMs;
    ladders.expire(ladderOf[place] as number, settledEdges);
  }

  /** The other, whose name is referred to, is with those that were seen; who makes room for it is let go. */
  private meet(place: number, other: number, atMs: number): void {
    const gone = this.others.see(place, other, atMs);
    if (gone >= 0) this.otherKeys.release(gone);
  }

  private clear(place: number): void {
    const { ahead, otherKeys } = this;
    for (let i = 0; i < ahead.length(place); i++) {
      ahead.at(place, i, settled);
      if (settled.other !== -1) otherKeys.release(settled.other);
    }
    ahead.clear(place);
    for (const other of this.others.placesOf(place)) otherKeys.release(other);
    this.others.clear(place);
    this.ladders.clear(this.ladderOf[place] as number);
    this.ladderOf[place] = 0;
    this.beside?.clear(place);
  }

  private write(place: number, into: NumberRow): void {
    const { times } = this;
    into.put(place);
    into.put(this.keys.newestMs(place));
    for (let n = 0; n < timesWidth; n++) into.put(times[place * timesWidth + n] as number);
    this.ahead.write(place, into);
    this.ladders.write(this.ladderOf[place] as number, into);
    this.others.write(place, into);
    this.beside?.write(place, into);
  }

  private restoreRow(from: NumberReader): void {
    const place = from.take();
    const { ahead, others, otherKeys } = this;
    this.begin(place);
    this.keys.seen(place, from.take());
    this.times.set(from.takeAll(timesWidth), place * timesWidth);
    ahead.restore(place, from);
    this.ladderOf[place] = this.ladders.restore(from);
    others.restore(place, from);
    this.beside?.restore(place, from);
    for (let i = 0; i < ahead.length(place); i++) {
      ahead.at(place, i, settled);
      if (settled.other !== -1) otherKeys.retain(settled.other);
    }
    for (const other of others.placesOf(place)) otherKeys.retain(other);
  }
}
