// Which items are visited in the same sessions, over a trailing window of event time.
// Guarantees: each pair counts once a session; the same visits give the same counts in any order, as long as no item has more
// neighbours than are kept; popular items are damped, so that what everybody looks at is not everybody's neighbour.
// Redelivery: knows no ids; duplicates were dropped before.
import type { RankedItem } from '../../events/insights.ts';
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
  /** Sessions that visited it. */
  readonly sessions: Tiles;
  /** Sessions that visited it and the neighbour. */
  readonly neighbours: Map<string, Tiles>;
  /** `sessions` in the window as of a tile: not part of the state. */
  windowTile: number;
  windowSessions: number;
}

export interface Neighbour extends Candidate {
  /** How often the two were visited together. */
  readonly support: number;
  /** From the first of these times to the newest event. */
  readonly spanMs: number;
}

export class CoVisits {
  private readonly items: Kept<Item>;
  private readonly tileMs: number;
  private readonly listItemsMax: number;

  constructor({ windowMs, keysMax, listItemsMax }: CoVisitsOptions) {
    this.tileMs = windowMs / tilesPerWindow;
    this.listItemsMax = listItemsMax;
    this.items = new Kept({ keysMax, keepMs: windowMs, create: () => newItem(-Infinity, [], []) });
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
    item.windowTile = -Infinity;
    for (const otherId of others) {
      const other = this.items.touch(otherId, timeMs, newestMs);
      this.pair(item, otherId, tile, first);
      this.pair(other, itemId, tile, first);
    }
  }

  sweep(newestMs: number): void {
    this.items.sweep(newestMs);
  }

  /** Every neighbour in the window with its rank, a whole number of millionths; in no order. */
  *neighbours(itemId: string, newestMs: number): Generator<Neighbour> {
    const item = this.items.get(itemId, newestMs);
    if (!item) return;
    const first = this.firstTile(newestMs);
    const own = this.sessionsOf(item, first) + shrinkage;
    for (const [neighbourId, tiles] of item.neighbours) {
      const support = countFrom(tiles, first);
      const neighbour = support === 0 ? undefined : this.items.get(neighbourId, newestMs);
      if (!neighbour) continue;
      const theirs = this.sessionsOf(neighbour, first) + shrinkage;
      const rank = Math.round((scoreUnit * support) / Math.sqrt(own * theirs));
      const spanMs = newestMs - (oldestFrom(tiles, first) as number) * this.tileMs;
      yield { itemId: neighbourId, rank, support, spanMs };
    }
  }

  /** The item's list. */
  list(itemId: string, newestMs: number): readonly RankedItem[] {
    const best = new Best<Neighbour>(this.listItemsMax);
    for (const neighbour of this.neighbours(itemId, newestMs)) best.offer(neighbour);
    return best.items.map(({ itemId: id, rank, support, spanMs }) => ({
      itemId: id,
      score: rank / scoreUnit,
      reason: coVisitedReason(support, spanMs, null),
    }));
  }

  private pair({ neighbours }: Item, neighbourId: string, tile: number, firstTile: number): void {
    const known = neighbours.get(neighbourId);
    if (known) return addToTile(known, tile);
    neighbours.set(neighbourId, [tile, 1]);
    if (neighbours.size > neighboursMax) prune(neighbours, firstTile);
  }

  private sessionsOf(item: Item, firstTile: number): number {
    if (item.windowTile !== firstTile) {
      dropBefore(item.sessions, firstTile);
      item.windowTile = firstTile;
      item.windowSessions = countFrom(item.sessions, firstTile);
    }
    return item.windowSessions;
  }

  private firstTile(newestMs: number): number {
    return Math.floor(newestMs / this.tileMs) - tilesPerWindow + 1;
  }

  snapshot(): unknown {
    return this.items.snapshot(({ lastMs, sessions, neighbours }) => [lastMs, sessions, [...neighbours]]);
  }

  restore(state: unknown): void {
    this.items.restore(state as readonly (readonly [string, SavedItem])[], (saved) => newItem(...saved));
  }
}

type SavedItem = readonly [lastMs: number, sessions: Tiles, neighbours: readonly (readonly [string, Tiles])[]];

const newItem = (lastMs: number, sessions: Tiles, neighbours: readonly (readonly [string, Tiles])[]): Item => ({
  lastMs,
  sessions,
  neighbours: new Map(neighbours),
  windowTile: -Infinity,
  windowSessions: 0,
});

/** Keeps the neighbours that were seen together most in the window; of equals those seen together last, then the lower id. */
function prune(neighbours: Map<string, Tiles>, firstTile: number): void {
  const best = [...neighbours]
    .map(([itemId, tiles]) => ({ itemId, count: countFrom(tiles, firstTile), newest: tiles.at(-2) as number }))
    .sort((a, b) => b.count - a.count || b.newest - a.newest || (a.itemId < b.itemId ? -1 : 1));
  for (const { itemId } of best.slice(neighboursKept)) neighbours.delete(itemId);
}
