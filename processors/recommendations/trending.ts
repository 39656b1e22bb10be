// What trends, over all items and by category: actions by their weight, older ones by half for each half-life of event time.
// Guarantees: whole numbers only, so the same actions give the same lists in any order; what is more than eight half-lives old has
// left. Redelivery: knows no ids; duplicates were dropped before.
import type { RankedItem } from '../../events/insights.ts';
import type { Interaction } from '../../events/interaction.ts';
import type { MixedReader, MixedRow } from '../../streams/mixed-row.ts';
import type { BegunSnapshot } from '../../tasks/contract.ts';
import type { Best } from './best.ts';
import { type Contender, Contenders } from './contenders.ts';
import { Decay, decayUnit } from './decay.ts';
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
/** A score has three decimals. */
const scoreUnit = 1_000;

export interface TrendingOptions {
  readonly halfLifeMs: number;
  readonly keysMax: number;
  /** Items of a list. */
  readonly listItemsMax: number;
  /** Lists, besides that over all items. */
  readonly listsMax: number;
}

export interface RankRequest {
  readonly keys: ReadonlySet<string>;
  /** By key: all lists that are asked for some time, `keys` among them. */
  readonly listed: ReadonlyMap<string, unknown>;
  readonly newestMs: number;
}

interface Item extends Touched, Contender {
  category: string | null;
  /** Five numbers a tile, oldest first: tile, then views, clicks, carts, purchases. */
  readonly tiles: number[];
  /** What `rank` is as of; −1: not known. Neither is part of the state. */
  rankTile: number;
}

const stride = 5;
const places: Readonly<Record<Interaction['action'], number>> = { view: 1, click: 2, cart: 3, purchase: 4 };

export class Trending {
  private readonly options: TrendingOptions;
  private readonly items: Kept<Item>;
  private readonly decay: Decay;
  private readonly lists = new Map<string, Contenders<Item>>();
  /** Every item is known to its list, so that a key without contenders has no items. */
  private areListsWhole = true;

  constructor(options: TrendingOptions) {
    this.options = options;
    this.decay = new Decay(options.halfLifeMs, trendingTileMs);
    const keepMs = (this.decay.parts.length + 1) * trendingTileMs;
    this.items = new Kept({ keysMax: options.keysMax, keepMs, create: newItem, write, read });
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
    const [tile, asOfTile] = [tileOf(eventTimeMs), tileOf(newestMs)];
    const firstTile = this.firstTile(asOfTile);
    if (tile >= firstTile) {
      dropBefore(item.tiles, firstTile, stride);
      addAction(item.tiles, tile, places[action]);
      const part = actionWeights[action] * (this.decay.parts[asOfTile - tile] as number);
      if (item.rankTile === asOfTile) item.rank += part;
      else item.rankTile = -1;
    }
    this.contend(item, asOfTile);
    return tile >= firstTile;
  }

  sweep(newestMs: number): void {
    this.items.sweep(newestMs);
  }

  /** The lists of `keys` as of the newest event time; a key without any item has an empty list. */
  rank({ keys, listed, newestMs }: RankRequest): ReadonlyMap<string, readonly RankedItem[]> {
    const asOfTile = tileOf(newestMs);
    const told = this.told(keys, asOfTile);
    if (!told) this.lookAtAll(listed, asOfTile);
    const firstTile = this.firstTile(asOfTile);
    const ranked = (item: Item): RankedItem => rankedItem(item, firstTile, newestMs);
    const lists = told ?? this.told(keys, asOfTile);
    return new Map([...keys].map((key) => [key, (lists?.get(key) ?? []).map(ranked)]));
  }

  private firstTile(asOfTile: number): number {
    return asOfTile - this.decay.parts.length + 1;
  }

  private contend(item: Item, asOfTile: number): void {
    this.listOf(allKey)?.touch(item, asOfTile);
    if (item.category !== null && item.category !== allKey) this.listOf(item.category)?.touch(item, asOfTile);
  }

  /** Undefined where others of this key may be unknown, and for the lists beyond the limit. */
  private listOf(key: string): Contenders<Item> | undefined {
    const known = this.lists.get(key);
    if (known || !this.areListsWhole) return known;
    this.areListsWhole = key === allKey || this.lists.size <= this.options.listsMax;
    return this.areListsWhole ? this.create(key) : undefined;
  }

  private create(key: string): Contenders<Item> {
    const contenders = new Contenders<Item>({
      listItemsMax: this.options.listItemsMax,
      rankAt: (item, asOfTile) => (key === allKey || item.category === key ? this.rankAt(item, asOfTile) : 0),
      mostKept: (tiles) => this.decay.mostKept(tiles),
    });
    this.lists.set(key, contenders);
    return contenders;
  }

  /** Null when one of them cannot be told without looking at all items. */
  private told(keys: ReadonlySet<string>, asOfTile: number): Map<string, readonly Item[]> | null {
    const told = new Map<string, readonly Item[]>();
    for (const key of keys) {
      const contenders = this.lists.get(key);
      const list = contenders ? contenders.list(asOfTile) : this.areListsWhole ? [] : null;
      if (!list) return null;
      told.set(key, list);
    }
    return told;
  }

  /** After a restore, and where so many have left a list, or are equal, that those near do not tell it. */
  private lookAtAll(listed: ReadonlyMap<string, unknown>, asOfTile: number): void {
    const looks = new Map<string, Best<Item>>();
    for (const key of [allKey, ...listed.keys()]) looks.set(key, Contenders.look(this.options.listItemsMax));
    const all = looks.get(allKey);
    this.areListsWhole = true;
    for (const item of this.items.values()) {
      const rank = this.rankAt(item, asOfTile);
      if (rank === 0) continue;
      if (all?.takes(rank)) all.offer(item);
      if (item.category === null || item.category === allKey) continue;
      const own = this.lookOf(looks, item.category);
      if (own?.takes(rank)) own.offer(item);
    }
    this.lists.clear();
    for (const [key, best] of looks) this.create(key).startFrom(best, asOfTile);
  }

  private lookOf(looks: Map<string, Best<Item>>, key: string): Best<Item> | undefined {
    const known = looks.get(key);
    if (known) return known;
    this.areListsWhole &&= looks.size <= this.options.listsMax;
    if (looks.size > this.options.listsMax) return undefined;
    const look = Contenders.look<Item>(this.options.listItemsMax);
    looks.set(key, look);
    return look;
  }

  private rankAt(item: Item, asOfTile: number): number {
    if (item.rankTile === asOfTile) return item.rank;
    const { tiles } = item;
    const { parts } = this.decay;
    const { view, click, cart, purchase } = actionWeights;
    let rank = 0;
    for (let at = tiles.length - stride; at >= 0; at -= stride) {
      const part = parts[asOfTile - (tiles[at] as number)];
      if (part === undefined) break;
      const views = (tiles[at + 1] as number) * view + (tiles[at + 2] as number) * click;
      const buys = (tiles[at + 3] as number) * cart + (tiles[at + 4] as number) * purchase;
      rank += (views + buys) * part;
    }
    item.rank = rank;
    item.rankTile = asOfTile;
    return rank;
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    return this.items.beginSnapshot(pieceBytes);
  }

  restore(state: unknown): void {
    this.items.restore(state);
    this.lists.clear();
    this.areListsWhole = this.items.size === 0;
  }
}

const newItem = (itemId: string): Item => ({
  ...{ itemId, lastMs: -Infinity, category: null, tiles: [] },
  ...{ rank: 0, rankTile: -1, support: 0 },
});

function write({ category, tiles }: Item, into: MixedRow): void {
  into.putTexts(category === null ? [] : [category]);
  into.putList(tiles);
}

function read(item: Item, from: MixedReader): void {
  item.category = from.takeTexts()[0] ?? null;
  for (const number of from.takeList()) item.tiles.push(number);
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

function rankedItem({ itemId, tiles, rank }: Item, firstTile: number, newestMs: number): RankedItem {
  const counts = [0, 0, 0, 0];
  let at = 0;
  while ((tiles[at] as number) < firstTile) at += stride;
  const spanMs = newestMs - (tiles[at] as number) * trendingTileMs;
  for (; at < tiles.length; at += stride)
    for (let i = 0; i < 4; i++) counts[i] = (counts[i] as number) + (tiles[at + 1 + i] as number);
  const [views = 0, clicks = 0, carts = 0, purchases = 0] = counts;
  const score = Math.round((rank * scoreUnit) / decayUnit) / scoreUnit;
  return { itemId, score, reason: trendingReason({ views, clicks, carts, purchases }, spanMs) };
}
