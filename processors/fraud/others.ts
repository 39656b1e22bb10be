// The other sides of payments: the terminals of a card, the cards of a device or terminal, and when each was last seen.
// Guarantees: the newest 200 by when they were folded; how many were seen since a time is exact for those.
// Redelivery: the same calls leave the same state.
import type { NumberReader, NumberRow } from '../../streams/number-row.ts';
import { type Blocks, NumberLists } from './number-lists.ts';
import { type Edges, featureLevels, type Totals } from './windows.ts';

/** Others that are told apart: distinct counts are exact up to here, and stay here beyond. */
export const othersMax = 200;
/** Numbers of each: its place, and when it was last seen. */
const width = 2;

/** Of each entity, by its place. */
export class Others {
  /** The longest unseen first. */
  private readonly lists: NumberLists;

  constructor(blocks: Blocks) {
    this.lists = new NumberLists(blocks, width);
  }

  makeRoomFor(entity: number): void {
    this.lists.makeRoomFor(entity);
  }

  /** −Infinity where it was never seen. */
  lastMs(entity: number, other: number): number {
    const at = this.find(entity, other);
    return at < 0 ? -Infinity : (this.lists.page(entity)[at + 1] as number);
  }

  /** Where in its page; −1 where it was never seen. Who was seen lately is found at once. */
  find(entity: number, other: number): number {
    const page = this.lists.page(entity);
    const from = this.lists.from(entity);
    for (let at = from + width * (this.lists.count(entity) - 1); at >= from; at -= width)
      if (page[at] === other) return at;
    return -1;
  }

  /** Returns which place is in this list once less than before, −1: none is. */
  see(entity: number, other: number, atMs: number): number {
    const { lists } = this;
    const known = this.find(entity, other);
    if (known < 0 && lists.count(entity) < othersMax) {
      const at = lists.append(entity);
      const page = lists.page(entity);
      page[at] = other;
      page[at + 1] = atMs;
      return -1;
    }
    const page = lists.page(entity);
    const from = known < 0 ? lists.from(entity) : known;
    const last = lists.from(entity) + width * (lists.count(entity) - 1);
    const gone = page[from] as number;
    const lastMs = known < 0 ? atMs : Math.max(atMs, page[known + 1] as number);
    for (let at = from; at < last; at++) page[at] = page[at + width] as number;
    page[last] = other;
    page[last + 1] = lastMs;
    return gone;
  }

  /** How many were last seen within each window into `into`, and when `other` was (−Infinity: never). */
  count(entity: number, other: number, { startMs }: Edges, into: Totals): void {
    const page = this.lists.page(entity);
    const from = this.lists.from(entity);
    const end = from + width * this.lists.count(entity);
    const of1m = startMs[0] as number;
    const of10m = startMs[1] as number;
    const of1h = startMs[2] as number;
    const of24h = startMs[3] as number;
    const of7d = startMs[4] as number;
    let in1m = 0;
    let in10m = 0;
    let in1h = 0;
    let in24h = 0;
    let in7d = 0;
    let otherMs = -Infinity;
    for (let at = from; at < end; at += width) {
      const timeMs = page[at + 1] as number;
      if (page[at] === other) otherMs = timeMs;
      if (timeMs < of7d) continue;
      in7d += 1;
      if (timeMs < of24h) continue;
      in24h += 1;
      if (timeMs < of1h) continue;
      in1h += 1;
      if (timeMs < of10m) continue;
      in10m += 1;
      if (timeMs >= of1m) in1m += 1;
    }
    const { distinct } = into;
    distinct[0] = in1m;
    distinct[1] = in10m;
    distinct[2] = in1h;
    distinct[3] = in24h;
    distinct[featureLevels - 1] = in7d;
    into.otherMs[0] = otherMs;
  }

  placesOf(entity: number): readonly number[] {
    const page = this.lists.page(entity);
    const from = this.lists.from(entity);
    return Array.from({ length: this.lists.count(entity) }, (_, i) => page[from + i * width] as number);
  }

  clear(entity: number): void {
    this.lists.clear(entity);
  }

  write(entity: number, into: NumberRow): void {
    this.lists.write(entity, into);
  }

  restore(entity: number, from: NumberReader): void {
    this.lists.read(entity, from);
  }
}
