// The trailing sums of many keys, each by currency, over several windows at once. Each window has tiles of a sixtieth of its size.
// Guarantees: what is read is exact for whole tiles.
// Redelivery: knows no ids; duplicates were dropped before.
import type { NumberReader, NumberRow } from '../../streams/number-row.ts';
import { roomFor } from '../../streams/room-for.ts';
import type { Seen } from './ahead.ts';
import { type Blocks, NumberLists } from './number-lists.ts';
import { type Edges, featureLevels, level28d, levelCount, tilesMs, type Totals } from './windows.ts';

/** Numbers a tile: tile, count, sum, max. */
const stride = 4;
/** So many payments are kept one by one, which takes a tenth of the memory of their tiles, and no longer to read. */
const singlesMax = 64;
const none = 0;

/** A ladder is a number, and the first of its key stands for all of them: one a currency, in a line. 0: there is none. */
export class Ladders {
  /** Time and amount of each payment, by time, as long as there are few; then the tiles hold them. */
  private readonly singles: NumberLists;
  /** Of each window its tiles, oldest first, flat. */
  private readonly tiles: (number[][] | null)[] = [null];
  /** Currency and next of each. */
  private facts = new Int32Array(2 * singlesMax);
  private readonly unused: number[] = [];

  constructor(blocks: Blocks) {
    this.singles = new NumberLists(blocks, 2);
  }

  /** Returns the first ladder of the key, which is a new one where it had none. `edges`: as of the watermark. */
  add(first: number, seen: Seen, edges: Edges): number {
    let ladder = first;
    let last = none;
    while (ladder !== none && this.facts[2 * ladder] !== seen.currency) {
      last = ladder;
      ladder = this.facts[2 * ladder + 1] as number;
    }
    if (ladder === none) {
      ladder = this.create(seen.currency);
      if (last !== none) this.facts[2 * last + 1] = ladder;
    }
    this.sum(ladder, seen, edges);
    return first === none ? ladder : first;
  }

  /** Adds what the windows hold to `into`: of all currencies how many, of one their sums and maxima. */
  read(first: number, currency: number, edges: Edges, into: Totals): void {
    for (let ladder = first; ladder !== none; ladder = this.facts[2 * ladder + 1] as number) {
      const isAsked = this.facts[2 * ladder] === currency;
      const tiles = this.tiles[ladder] as number[][] | null;
      if (tiles !== null) readTiles(tiles, edges, into, isAsked);
      else this.readSingles(ladder, edges, into, isAsked);
    }
  }

  /** How many payments a window holds. */
  count(first: number, level: number, { firstTile, startMs }: Edges): number {
    let count = 0;
    for (let ladder = first; ladder !== none; ladder = this.facts[2 * ladder + 1] as number) {
      const tiles = this.tiles[ladder]?.[level];
      if (tiles) {
        const oldest = firstTile[level] as number;
        for (let at = tiles.length - stride; at >= 0 && (tiles[at] as number) >= oldest; at -= stride)
          count += tiles[at + 1] as number;
      } else {
        const page = this.singles.page(ladder);
        const from = this.singles.from(ladder);
        const startsMs = startMs[level] as number;
        for (let at = from + 2 * this.singles.count(ladder) - 2; at >= from; at -= 2)
          if ((page[at] as number) >= startsMs) count += 1;
      }
    }
    return count;
  }

  /** Forgets what no window as of these edges or later ones counts: tiles once they are half of a window's, single payments when there is no room. */
  expire(first: number, edges: Edges): void {
    for (let ladder = first; ladder !== none; ladder = this.facts[2 * ladder + 1] as number) {
      const tiles = this.tiles[ladder];
      if (tiles && isHalfOver(tiles, edges)) expireTiles(tiles, edges);
    }
  }

  clear(first: number): void {
    for (let ladder = first; ladder !== none; ladder = this.facts[2 * ladder + 1] as number) {
      this.singles.clear(ladder);
      this.tiles[ladder] = null;
      this.unused.push(ladder);
    }
  }

  /** How many ladders; of each its currency, how many levels of tiles it has (none: single payments), and what it holds. */
  write(first: number, into: NumberRow): void {
    let count = 0;
    for (let ladder = first; ladder !== none; ladder = this.facts[2 * ladder + 1] as number) count += 1;
    into.put(count);
    for (let ladder = first; ladder !== none; ladder = this.facts[2 * ladder + 1] as number) {
      const tiles = this.tiles[ladder] as number[][] | null;
      into.put(this.facts[2 * ladder] as number);
      into.put(tiles === null ? 0 : levelCount);
      if (tiles === null) this.singles.write(ladder, into);
      else
        for (const level of tiles) {
          into.put(level.length);
          into.putAll(level);
        }
    }
  }

  /** Returns the first of them. */
  restore(from: NumberReader): number {
    let first = none;
    let last = none;
    for (let left = from.take(); left > 0; left--) {
      const ladder = this.create(from.take());
      if (last === none) first = ladder;
      else this.facts[2 * last + 1] = ladder;
      last = ladder;
      const levels = from.take();
      if (levels === 0) this.singles.read(ladder, from);
      else this.tiles[ladder] = Array.from({ length: levels }, () => [...from.takeAll(from.take())]);
    }
    return first;
  }

  private create(currency: number): number {
    const ladder = this.unused.pop() ?? this.tiles.push(null) - 1;
    this.facts = roomFor(this.facts, 2 * (ladder + 1));
    this.singles.makeRoomFor(ladder);
    this.facts[2 * ladder] = currency;
    this.facts[2 * ladder + 1] = none;
    return ladder;
  }

  private sum(ladder: number, { asOfMs, amountMinor }: Seen, edges: Edges): void {
    if (this.tiles[ladder] === null && this.singles.count(ladder) === singlesMax) {
      this.dropOld(ladder, edges);
      if (this.singles.count(ladder) === singlesMax) {
        this.tiles[ladder] = this.tilesOf(ladder);
        this.singles.clear(ladder);
      }
    }
    const tiles = this.tiles[ladder] as number[][] | null;
    if (tiles === null) this.addSingle(ladder, asOfMs, amountMinor);
    else addToAll(tiles, asOfMs, amountMinor);
  }

  private addSingle(ladder: number, timeMs: number, amountMinor: number): void {
    let at = this.singles.append(ladder);
    const page = this.singles.page(ladder);
    const from = this.singles.from(ladder);
    for (; at > from && (page[at - 2] as number) > timeMs; at -= 2) {
      page[at] = page[at - 2] as number;
      page[at + 1] = page[at - 1] as number;
    }
    page[at] = timeMs;
    page[at + 1] = amountMinor;
  }

  /** From the newest on: what a window holds is what the next shorter one does, and then some. */
  private readSingles(ladder: number, { startMs }: Edges, into: Totals, isAsked: boolean): void {
    const page = this.singles.page(ladder);
    const from = this.singles.from(ladder);
    let at = from + 2 * this.singles.count(ladder) - 2;
    let count = 0;
    let sumMinor = 0;
    let maxMinor = 0;
    for (let level = 0; level < featureLevels; level++) {
      const startsMs = startMs[level] as number;
      for (; at >= from && (page[at] as number) >= startsMs; at -= 2) {
        const amountMinor = page[at + 1] as number;
        count += 1;
        sumMinor += amountMinor;
        if (amountMinor > maxMinor) maxMinor = amountMinor;
      }
      into.addAll(level, count);
      if (isAsked) into.add(level, count, sumMinor, maxMinor);
    }
  }

  /** Lets the single payments go that the longest window no longer counts. */
  private dropOld(ladder: number, { startMs }: Edges): void {
    const { singles } = this;
    const page = singles.page(ladder);
    const from = singles.from(ladder);
    const end = from + 2 * singles.count(ladder);
    let first = from;
    while (first < end && (page[first] as number) < (startMs[level28d] as number)) first += 2;
    if (first === from) return;
    page.copyWithin(from, first, end);
    singles.truncate(ladder, (end - first) / 2);
  }

  private tilesOf(ladder: number): number[][] {
    const tiles: number[][] = tilesMs.map(() => []);
    const page = this.singles.page(ladder);
    const from = this.singles.from(ladder);
    for (let at = from; at < from + 2 * this.singles.count(ladder); at += 2)
      addToAll(tiles, page[at] as number, page[at + 1] as number);
    return tiles;
  }
}

function readTiles(levels: readonly number[][], { firstTile }: Edges, into: Totals, isAsked: boolean): void {
  for (let level = 0; level < featureLevels; level++) {
    const tiles = levels[level] as number[];
    const first = firstTile[level] as number;
    let count = 0;
    let sumMinor = 0;
    let maxMinor = 0;
    for (let at = tiles.length - stride; at >= 0 && (tiles[at] as number) >= first; at -= stride) {
      count += tiles[at + 1] as number;
      sumMinor += tiles[at + 2] as number;
      if ((tiles[at + 3] as number) > maxMinor) maxMinor = tiles[at + 3] as number;
    }
    into.addAll(level, count);
    if (isAsked) into.add(level, count, sumMinor, maxMinor);
  }
}

function isHalfOver(levels: readonly number[][], { firstTile }: Edges): boolean {
  for (let level = 0; level < levelCount; level++) {
    const tiles = levels[level] as number[];
    const middle = Math.floor(tiles.length / (2 * stride)) * stride;
    if (middle > 0 && (tiles[middle] as number) < (firstTile[level] as number)) return true;
  }
  return false;
}

function expireTiles(levels: readonly number[][], { firstTile }: Edges): void {
  for (let level = 0; level < levelCount; level++) {
    const tiles = levels[level] as number[];
    const first = firstTile[level] as number;
    let gone = 0;
    while (gone < tiles.length && (tiles[gone] as number) < first) gone += stride;
    if (gone > 0) tiles.splice(0, gone);
  }
}

function addToAll(levels: readonly number[][], timeMs: number, amountMinor: number): void {
  for (let level = 0; level < levelCount; level++)
    addTo(levels[level] as number[], Math.floor(timeMs / (tilesMs[level] as number)), amountMinor);
}

function addTo(tiles: number[], tile: number, amountMinor: number): void {
  let at = tiles.length - stride;
  while (at >= 0 && (tiles[at] as number) > tile) at -= stride;
  if (at >= 0 && tiles[at] === tile) {
    tiles[at + 1] = (tiles[at + 1] as number) + 1;
    tiles[at + 2] = (tiles[at + 2] as number) + amountMinor;
    tiles[at + 3] = Math.max(tiles[at + 3] as number, amountMinor);
  } else if (at === tiles.length - stride) tiles.push(tile, 1, amountMinor, amountMinor);
  else tiles.splice(at + stride, 0, tile, 1, amountMinor, amountMinor);
}
