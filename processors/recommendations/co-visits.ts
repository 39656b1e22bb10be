// Which items are visited in the same sessions, over a trailing window of event time.
// Guarantees: each pair counts once a session; the same visits give the same counts in any order, as long as no item has more
// neighbours than are kept; popular items are damped, so that what everybody looks at is not everybody's neighbour.
// Redelivery: knows no ids; duplicates were dropped before.
import type { RankedItem } from '../../events/insights.ts';
import type { MixedReader, MixedRow } from '../../streams/mixed-row.ts';
import type { BegunSnapshot } from '../../tasks/contract.ts';
import { Best, type Candidate } from './best.ts';
import { Kept, type Touched } from './kept.ts';
import { coVisitedReason } from './reason.ts';
import { addToTile, countFrom, dropBefore, oldestFrom, type Tiles } from './tiles.ts';

export interface CoVisitsOptions {
  /** How far back sessions count. */
  readonly windowMs: number;
  /** Items with neighbours. */
  readonly keysMax: number;
  readonly listItemsMax: number;
}

/** No tile: a small whole number, as all tiles are, so that V8 keeps it in its place. */
const noTile = -1_000_000_000;
/** A window reaches back its size and at most 1/24 less. */
const tilesPerWindow = 24;
/** Neighbours of an item: beyond the first number those seen together least are forgotten, down to the second. */
const neighboursMax = 256;
const neighboursKept = 128;
/** Sessions that every item is taken to have besides its own: two items seen once, and together, are no strong pair. */
export const shrinkage = 5;
/** Scores are millionths. */
export const scoreUnit = 1_000_000;

interface Item extends Touched {
  readonly itemId: string;
  /** Sessions that visited it. */
  readonly sessions: Tiles;
  /** Sessions that visited it and the neighbour, by the neighbour. */
  readonly neighbours: Map<string, Pair>;
  /** `sessions` in the window as of its first tile: not part of the state. */
  windowTile: number;
  windowSessions: number;
  /** Among the items, as long as the item is one of them. */
  readonly place: number;
}

/** Sessions that two items share, by tile. Nearly all pairs have one tile: it needs no array. */
interface Pair {
  /** Where this object was replaced since, all that the pair has counted is out of the window. */
  other: Item;
  /** The newest tile, and what it holds. */
  tile: number;
  count: number;
  /** Those before, if any. */
  older: Tiles | null;
}

/** Told of each neighbour in the window: its rank in whole millionths, sessions with both, and the first tile of them. */
export type OnNeighbour = (itemId: string, rank: number, support: number, firstTile: number) => void;

interface Neighbour extends Candidate {
  readonly firstTile: number;
}

export class CoVisits {
  private readonly items: Kept<Item>;
  private readonly tileMs: number;
  private readonly listItemsMax: number;

  constructor({ windowMs, keysMax, listItemsMax }: CoVisitsOptions) {
    this.tileMs = windowMs / tilesPerWindow;
    this.listItemsMax = listItemsMax;
    this.items = new Kept({
      ...{ keysMax, keepMs: windowMs, create: newItem },
      ...{ write: (item, into) => this.write(item, into), read: (item, from) => this.read(item, from) },
    });
  }

  get itemCount(): number {
    return this.items.size;
  }

  hasRoomFor(itemId: string): boolean {
    return this.items.hasRoomFor(itemId);
  }

  /** A session that has visited `others` visits one more item. */
  visit(itemId: string, others: readonly string[], timeMs: number, newestMs: number): void {
    const tile = Math.floor(timeMs / this.tileMs);
    const first = this.firstTile(newestMs);
    const item = this.items.touch(itemId, timeMs, newestMs);
    if (tile < first) return;
    addToTile(item.sessions, tile);
    item.windowTile = noTile;
    for (const otherId of others) {
      const other = this.items.touch(otherId, timeMs, newestMs);
      pair(item, other, tile, first);
      pair(other, item, tile, first);
    }
  }

  sweep(newestMs: number): void {
    this.items.sweep(newestMs);
  }

  /** Every neighbour in the window, in no order. */
  eachNeighbour(itemId: string, newestMs: number, tell: OnNeighbour): void {
    const item = this.items.get(itemId, newestMs);
    if (!item) return;
    const first = this.firstTile(newestMs);
    const own = this.sessionsOf(item, first) + shrinkage;
    for (const pairOfBoth of item.neighbours.values()) {
      const support = sessionsOfBoth(pairOfBoth, first);
      if (support === 0) continue;
      const { other, older, tile } = pairOfBoth;
      const rank = Math.round((scoreUnit * support) / Math.sqrt(own * (this.sessionsOf(other, first) + shrinkage)));
      tell(other.itemId, rank, support, older === null ? tile : (oldestFrom(older, first) ?? tile));
    }
  }

  /** From the first of these tiles to the newest event. */
  spanMs(firstTile: number, newestMs: number): number {
    return newestMs - firstTile * this.tileMs;
  }

  /** The item's list. */
  list(itemId: string, newestMs: number): readonly RankedItem[] {
    const best = new Best<Neighbour>(this.listItemsMax);
    this.eachNeighbour(itemId, newestMs, (id, rank, support, firstTile) => {
      if (best.takes(rank)) best.offer({ itemId: id, rank, support, firstTile });
    });
    return best.items.map(({ itemId: id, rank, support, firstTile }) => ({
      itemId: id,
      score: rank / scoreUnit,
      reason: coVisitedReason(support, this.spanMs(firstTile, newestMs), null),
    }));
  }

  private firstTile(newestMs: number): number {
    return Math.floor(newestMs / this.tileMs) - tilesPerWindow + 1;
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    return this.items.beginSnapshot(pieceBytes);
  }

  restore(state: unknown): void {
    this.items.restore(state);
  }

  /** Tiles of its sessions, and of each neighbour its place, tiles and counts. Who is no item any more, is written −1 − place, with the id. */
  private write({ sessions, neighbours }: Item, into: MixedRow): void {
    into.putList(sessions);
    into.put(neighbours.size);
    for (const [itemId, { other, tile, count, older }] of neighbours) {
      if (this.items.wasAt(itemId, other.place)) into.put(other.place);
      else {
        into.put(-1 - other.place);
        into.putText(itemId);
      }
      into.putList(older ?? noTiles);
      into.put(tile);
      into.put(count);
    }
  }

  private read({ sessions, neighbours }: Item, from: MixedReader): void {
    for (let left = from.take(); left > 0; left--) sessions.push(from.take());
    for (let left = from.take(); left > 0; left--) {
      const place = from.take();
      // Who is gone has counted nothing that is in the window.
      const other = place < 0 ? newItem(from.takeText(), -1 - place) : (this.items.at(place) as Item);
      const olderCount = from.take();
      const older = olderCount > 0 ? from.takeList(olderCount) : null;
      neighbours.set(other.itemId, { other, tile: from.take(), count: from.take(), older });
    }
  }

  /** In the window. */
  private sessionsOf(item: Item, firstTile: number): number {
    if (item.windowTile !== firstTile) {
      if ((item.sessions[0] as number) < firstTile) {
        this.items.beforeChange(item.place);
        dropBefore(item.sessions, firstTile);
      }
      item.windowTile = firstTile;
      item.windowSessions = countFrom(item.sessions, firstTile);
    }
    return item.windowSessions;
  }
}

const noTiles: Tiles = [];

const newItem = (itemId: string, place: number): Item => ({
  ...{ itemId, place, lastMs: -Infinity, sessions: [], neighbours: new Map<string, Pair>() },
  ...{ windowTile: noTile, windowSessions: 0 },
});

function pair({ neighbours }: Item, other: Item, tile: number, firstTile: number): void {
  const known = neighbours.get(other.itemId);
  if (known) {
    known.other = other;
    addSession(known, tile);
    return;
  }
  neighbours.set(other.itemId, { other, tile, count: 1, older: null });
  if (neighbours.size > neighboursMax) prune(neighbours, firstTile);
}

function addSession(both: Pair, tile: number): void {
  if (tile === both.tile) both.count += 1;
  else if (tile < both.tile) addToTile((both.older ??= []), tile);
  else {
    (both.older ??= []).push(both.tile, both.count);
    both.tile = tile;
    both.count = 1;
  }
}

function sessionsOfBoth({ tile, count, older }: Pair, firstTile: number): number {
  if (tile < firstTile) return 0;
  return older === null ? count : count + countFrom(older, firstTile);
}

/** Keeps the neighbours that were seen together most in the window; of equals those seen together last, then the lower id. */
function prune(neighbours: Map<string, Pair>, firstTile: number): void {
  const best = Array.from(neighbours, ([itemId, both]) => {
    return { itemId, count: sessionsOfBoth(both, firstTile), newest: both.tile };
  }).sort((a, b) => b.count - a.count || b.newest - a.newest || (a.itemId < b.itemId ? -1 : 1));
  for (const { itemId } of best.slice(neighboursKept)) neighbours.delete(itemId);
}
