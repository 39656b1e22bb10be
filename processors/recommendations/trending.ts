// What trends, over all items and by category: actions by their weight, older ones by half for each half-life of event time.
// Guarantees: whole numbers only, so the same actions give the same lists in any order; what is more than eight half-lives old has
// left. Redelivery: knows no ids; duplicates were dropped before.
import type { RankedItem } from '../../events/insights.ts';
import type { Interaction } from '../../events/interaction.ts';
import { Best, type Candidate } from './best.ts';
import { Kept, type Touched } from './kept.ts';
import { trendingReason } from './reason.ts';
import { dropBefore } from './tiles.ts';

/** What an action counts. */
export const actionWeights: Readonly<Record<Interaction['action'], number>> = {
  view: 1,
  click: 2,
  cart: 4,
  purchase: 8,
};

/** The list over all items. A category of this name has no list of its own. */
export const allKey = 'all';

export const trendingTileMs = 60_000;
/** Further back an action counts less than 1/256 of its weight. */
const halfLives = 8;
/** The decay as a whole number: 16 bits of it are more than a list can show. */
const decayUnit = 65_536;
/** A score has three decimals. */
const scoreUnit = 1_000;

export interface TrendingOptions {
  readonly halfLifeMs: number;
  readonly keysMax: number;
  /** Items of a list. */
  readonly listItemsMax: number;
}

interface Item extends Touched {
  category: string | null;
  /** Five numbers a tile, oldest first: tile, then views, clicks, carts, purchases. */
  readonly tiles: number[];
}

const stride = 5;
const places: Readonly<Record<Interaction['action'], number>> = { view: 1, click: 2, cart: 3, purchase: 4 };

interface Trend extends Candidate {
  readonly item: Item;
}

export class Trending {
  private readonly items: Kept<Item>;
  private readonly listItemsMax: number;
  /** What an action so many tiles ago counts, in `decayUnit`s. */
  private readonly decay: readonly number[];

  constructor({ halfLifeMs, keysMax, listItemsMax }: TrendingOptions) {
    const tiles = Math.ceil((halfLives * halfLifeMs) / trendingTileMs);
    this.decay = Array.from({ length: tiles }, (_, age) =>
      Math.round(decayUnit * 2 ** ((-age * trendingTileMs) / halfLifeMs)),
    );
    this.listItemsMax = listItemsMax;
    const create = (): Item => ({ lastMs: -Infinity, category: null, tiles: [] });
    this.items = new Kept({ keysMax, keepMs: (tiles + 1) * trendingTileMs, create });
  }

  get itemCount(): number {
    return this.items.size;
  }

  hasRoomFor(itemId: string): boolean {
    return this.items.hasRoomFor(itemId);
  }

  /** The category that the item was last said to be of. */
  categoryOf(itemId: string, newestMs: number): string | null {
    return this.items.get(itemId, newestMs)?.category ?? null;
  }

  /** False when it is too old to count. */
  add({ itemId, category, action, eventTimeMs }: Interaction, newestMs: number): boolean {
    const item = this.items.touch(itemId, eventTimeMs, newestMs);
    if (category !== undefined) item.category = category;
    const tile = tileOf(eventTimeMs);
    if (tile < this.firstTile(newestMs)) return false;
    addAction(item.tiles, tile, places[action]);
    return true;
  }

  sweep(newestMs: number): void {
    this.items.sweep(newestMs);
  }

  /** The lists of `keys` as of the newest event time, in one pass over the items; a key without any item has an empty list. */
  rank(keys: ReadonlySet<string>, newestMs: number): ReadonlyMap<string, readonly RankedItem[]> {
    const lists = new Map<string, Best<Trend>>();
    for (const key of keys) lists.set(key, new Best(this.listItemsMax));
    const all = lists.get(allKey);
    const asOfTile = tileOf(newestMs);
    for (const [itemId, item] of this.items.entries()) {
      dropBefore(item.tiles, asOfTile - this.decay.length + 1, stride);
      const own = item.category === null || item.category === allKey ? undefined : lists.get(item.category);
      if (item.tiles.length === 0 || (!own && !all)) continue;
      const rank = this.score(item.tiles, asOfTile);
      // Most items are on no list: nothing is made for them.
      if (!own?.takes(rank) && !all?.takes(rank)) continue;
      const trend = { itemId, item, rank, support: 0 };
      own?.offer(trend);
      all?.offer(trend);
    }
    return new Map([...lists].map(([key, { items }]) => [key, items.map((trend) => rankedItem(trend, newestMs))]));
  }

  private firstTile(newestMs: number): number {
    return tileOf(newestMs) - this.decay.length + 1;
  }

  private score(tiles: readonly number[], asOfTile: number): number {
    const { decay } = this;
    const { view, click, cart, purchase } = actionWeights;
    let score = 0;
    for (let at = 0; at < tiles.length; at += stride) {
      const views = (tiles[at + 1] as number) * view + (tiles[at + 2] as number) * click;
      const buys = (tiles[at + 3] as number) * cart + (tiles[at + 4] as number) * purchase;
      score += (views + buys) * (decay[asOfTile - (tiles[at] as number)] as number);
    }
    return score;
  }

  snapshot(): unknown {
    return this.items.snapshot(({ lastMs, category, tiles }) => ({ lastMs, category, tiles }));
  }

  restore(state: unknown): void {
    this.items.restore(state as readonly (readonly [string, Item])[], (item) => item);
  }
}

export const tileOf = (timeMs: number): number => Math.floor(timeMs / trendingTileMs);

function addAction(tiles: number[], tile: number, place: number): void {
  let at = tiles.length - stride;
  while (at >= 0 && (tiles[at] as number) > tile) at -= stride;
  if (at < 0 || tiles[at] !== tile) {
    at += stride;
    tiles.splice(at, 0, tile, 0, 0, 0, 0);
  }
  tiles[at + place] = (tiles[at + place] as number) + 1;
}

function rankedItem({ itemId, item: { tiles }, rank }: Trend, newestMs: number): RankedItem {
  const counts = [0, 0, 0, 0];
  for (let at = 0; at < tiles.length; at += stride)
    for (let i = 0; i < 4; i++) counts[i] = (counts[i] as number) + (tiles[at + 1 + i] as number);
  const [views = 0, clicks = 0, carts = 0, purchases = 0] = counts;
  const spanMs = newestMs - (tiles[0] as number) * trendingTileMs;
  const score = Math.round((rank * scoreUnit) / decayUnit) / scoreUnit;
  return { itemId, score, reason: trendingReason({ views, clicks, carts, purchases }, spanMs) };
}
