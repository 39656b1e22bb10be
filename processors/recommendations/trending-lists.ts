// When trending lists are published, and what they were then: what personal lists fall back to.
//
//   event time   ──┬──────── minute ────────┬──▶   as a minute ends: every list whose items had an action in it, as of its last event
//   logged clock ──┬──┬──┬──┬── step ──┬──┬─┬──▶   at each step: every list with an action since it was published
//                  └──────── minute ────────┘      and all that have aged since
//
// Guarantees: a function of records, their order and the logged clock; an empty list is published once. Redelivery: the same entries
// publish the same lists.
import type { RankedItem } from '../../events/insights.ts';
import { beginPlain, beginValues, joined, split, valuesOf } from '../../streams/pieces.ts';
import type { BegunSnapshot, SlicedState } from '../../tasks/contract.ts';
import { allKey, tileOf, type Trending } from './trending.ts';

export interface TrendingListsOptions {
  /** Step of the logged clock. */
  readonly everyMs: number;
  /** Lists, one a category; an item of a category beyond is in `all` only. */
  readonly listsMax: number;
}

/** A list as it is published. */
export interface TrendingList {
  readonly key: string;
  readonly items: readonly RankedItem[];
  /** Of the newest event in it. */
  readonly eventTimeMs: number;
}

interface Published {
  readonly items: readonly RankedItem[];
  /** The minute that it is as of; −1 before it was published. */
  readonly tile: number;
}

/** Lists that a piece of a snapshot holds. */
const listsPerPiece = 16;

const agedEveryMs = 60_000;

export class TrendingLists {
  private readonly trending: Trending;
  private readonly options: TrendingListsOptions;
  private readonly lists = new Map<string, Published>();
  private readonly touched = new Set<string>();
  private step = -Infinity;
  private agedStep = -Infinity;

  constructor(trending: Trending, options: TrendingListsOptions) {
    this.trending = trending;
    this.options = options;
  }

  /** An item of this category had an action. */
  touch(category: string | null): void {
    this.mark(allKey);
    if (category !== null && category !== allKey) this.mark(category);
  }

  /** To be called before an event that is newer than all before: publishes the minute that it ends. */
  advance(eventTimeMs: number, newestMs: number): readonly TrendingList[] {
    return newestMs > -Infinity && tileOf(eventTimeMs) > tileOf(newestMs) ? this.publish(newestMs) : [];
  }

  /** To be called last with each entry. */
  end(clockMs: number, newestMs: number): readonly TrendingList[] {
    const step = Math.floor(clockMs / this.options.everyMs);
    if (step <= this.step || newestMs === -Infinity) return [];
    this.step = step;
    const agedStep = Math.floor(clockMs / agedEveryMs);
    if (agedStep > this.agedStep) {
      this.agedStep = agedStep;
      for (const [key, { tile }] of this.lists) if (tile < tileOf(newestMs)) this.touched.add(key);
    }
    return this.publish(newestMs);
  }

  /** As it was published last. */
  published(key: string): readonly RankedItem[] {
    return this.lists.get(key)?.items ?? [];
  }

  private mark(key: string): void {
    if (!this.lists.has(key)) {
      if (this.lists.size >= this.options.listsMax) return;
      this.lists.set(key, { items: [], tile: -1 });
    }
    this.touched.add(key);
  }

  private publish(newestMs: number): readonly TrendingList[] {
    if (this.touched.size === 0) return [];
    const ranked = this.trending.rank({ keys: this.touched, listed: this.lists, newestMs });
    this.touched.clear();
    const published: TrendingList[] = [];
    for (const [key, items] of ranked) {
      published.push({ key, items, eventTimeMs: newestMs });
      if (items.length === 0) this.lists.delete(key);
      else this.lists.set(key, { items, tile: tileOf(newestMs) });
    }
    return published;
  }

  beginSnapshot(): BegunSnapshot {
    const { lists, touched, step, agedStep } = this;
    const plain: SavedPlain = { touched: [...touched], step, agedStep };
    return joined({ plain: beginPlain(plain), lists: beginValues([...lists], listsPerPiece) });
  }

  restore(state: unknown): void {
    const { plain, lists } = split(state as SlicedState) as Record<'plain' | 'lists', SlicedState>;
    const saved = plain.head as SavedPlain;
    this.lists.clear();
    for (const [key, list] of valuesOf<readonly [string, Published]>(lists)) this.lists.set(key, list);
    this.touched.clear();
    for (const key of saved.touched) this.touched.add(key);
    this.step = saved.step;
    this.agedStep = saved.agedStep;
  }
}

interface SavedPlain {
  readonly touched: readonly string[];
  readonly step: number;
  readonly agedStep: number;
}
