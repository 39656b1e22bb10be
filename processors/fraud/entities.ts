// What is remembered of all cards, devices or terminals: of each its payments as trailing sums by currency, with whom it was seen, when last.
// Guarantees: as of a payment, exactly the payments folded up to it whose time is not after its own are counted; those ahead of the
// watermark are held one by one until it has passed them. With whom: the newest 200 by when they were folded, exact for those.
// Redelivery: knows no ids; duplicates were dropped before.
import { roomFor } from '../../streams/room-for.ts';
import { Ahead, Seen } from './ahead.ts';
import type { Codes } from './codes.ts';
import { Keys } from './keys.ts';
import { Ladders, type SavedLadder } from './ladders.ts';
import type { Blocks } from './number-lists.ts';
import { Others, othersMax } from './others.ts';
import { Edges, featureLevels, type Totals } from './windows.ts';

export interface EntitiesOptions {
  readonly keysMax: number;
  readonly blocks: Blocks;
  readonly currencies: Codes;
}

/** Times of an entity: of the payment folded last, the watermark at which it settled last, the earliest ahead of that. */
const timesWidth = 3;
const atFirst = 64;
/** Written anew whenever payments are taken into the sums. */
const settledEdges = new Edges();
const settled = new Seen();

export class Entities {
  readonly keys: Keys;
  private readonly currencies: Codes;
  private readonly others: Others;
  private readonly ladders: Ladders;
  private readonly ahead: Ahead;
  private times = new Float64Array(atFirst * timesWidth);
  private ladderOf = new Int32Array(atFirst);
  /** Set with `meets`. */
  private otherKeys: Keys;

  constructor({ keysMax, blocks, currencies }: EntitiesOptions) {
    this.keys = this.otherKeys = new Keys(keysMax);
    this.currencies = currencies;
    this.others = new Others(blocks);
    this.ladders = new Ladders(blocks, currencies);
    this.ahead = new Ahead(blocks);
  }

  /** Says whose places the other sides of the payments are. */
  meets(others: Entities): void {
    this.otherKeys = others.keys;
  }

  /** The entity's place; from now on it is the newest. To be followed by `add`. */
  touch(key: string, hint = -1): number {
    const place = this.keys.touch(key, hint);
    if (this.keys.newestMs(place) === -Infinity) this.begin(place);
    return place;
  }

  /** When the payment folded last was; −Infinity where there was none. */
  lastMs(place: number): number {
    return this.times[place * timesWidth] as number;
  }

  /** Folds a payment; then `read` is as of it. */
  add(place: number, seen: Seen, watermarkMs: number): void {
    const { times } = this;
    const { asOfMs, other } = seen;
    const of = place * timesWidth;
    if ((times[of + 2] as number) <= watermarkMs) this.settle(place, watermarkMs);
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

  /** Forgets who was not seen for 28 days before the watermark, each after `forget`. Returns how many. */
  expire(watermarkMs: number, forget: (place: number) => void = () => {}): number {
    return this.keys.expire(watermarkMs, (place) => {
      forget(place);
      this.clear(place);
    });
  }

  snapshot(): (readonly [key: string, entity: SavedEntity])[] {
    return this.keys.map((place, key) => [key, this.saved(place)] as const);
  }

  /** Into entities that hold nothing. */
  restore(entities: readonly (readonly [key: string, entity: SavedEntity])[]): void {
    for (const [key, { lastMs, newestMs, pending, ladders, others }] of entities) {
      const place = this.touch(key);
      this.keys.seen(place, newestMs);
      this.times[place * timesWidth] = lastMs;
      for (const { asOfMs, amountMinor, currency, other } of pending) {
        const code = this.currencies.codeOf(currency);
        const otherPlace = other === null ? -1 : this.otherKeys.refer(other);
        this.ahead.push(place, { asOfMs, amountMinor, currency: code, other: otherPlace });
        const of = place * timesWidth + 2;
        if (asOfMs < (this.times[of] as number)) this.times[of] = asOfMs;
      }
      this.ladderOf[place] = this.ladders.restore(ladders);
      for (const [other, otherMs] of others) this.meet(place, this.otherKeys.refer(other), otherMs);
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
  private settle(place: number, watermarkMs: number): void {
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
  }

  private saved(place: number): SavedEntity {
    const nameOf = (other: number): string => this.otherKeys.nameOf(other);
    settledEdges.moveTo(this.times[place * timesWidth + 1] as number);
    return {
      lastMs: this.lastMs(place),
      newestMs: this.keys.newestMs(place),
      pending: Array.from({ length: this.ahead.length(place) }, (_, i) => {
        this.ahead.at(place, i, settled);
        const { asOfMs, amountMinor, currency, other } = settled;
        const text = this.currencies.textOf(currency);
        return { asOfMs, amountMinor, currency: text, other: other === -1 ? null : nameOf(other) };
      }),
      ladders: this.ladders.snapshot(this.ladderOf[place] as number, settledEdges),
      others: this.others.snapshot(place, nameOf),
    };
  }
}

export interface SavedEntity {
  readonly lastMs: number;
  readonly newestMs: number;
  /** What is ahead of the watermark, in fold order. */
  readonly pending: readonly {
    readonly asOfMs: number;
    readonly amountMinor: number;
    readonly currency: string;
    readonly other: string | null;
  }[];
  readonly ladders: readonly SavedLadder[];
  readonly others: readonly (readonly [other: string, lastMs: number])[];
}
