// Who may be on one trending list, so that ranking does not go over all items: the best few, and who had an action since.
//
//   near    the best `keptMax` when it was looked at, and each item touched since     ranked anew when the list is asked for
//   beyond  everybody else: untouched since, and then no better than `beyond`         never looked at
//
// Untouched items only lose by age, at most as `mostKept` says; so the list is that of all items wherever its last one is better than
// what `beyond` can be by now. Where it is not, the list cannot be told, and somebody has to look at all.
// Guarantees: exact or not told; bounded. Not part of the state. Redelivery: touched once more is touched.
import { Best, type Candidate } from './best.ts';

/** An item with its rank as of a tile. */
export interface Contender extends Candidate {
  rank: number;
}

export interface ContendersOptions<C extends Contender> {
  readonly listItemsMax: number;
  /** Brings the rank up to the tile; 0: it is not for this list, or not any more. */
  readonly rankAt: (contender: C, asOfTile: number) => number;
  /** What is kept of a rank at most after so many tiles without an action. */
  readonly mostKept: (tiles: number) => number;
}

/** Some that are not on the list now are kept, so that they can move up; of those touched beyond, the best are kept. */
const keptPerPlace = 4;
const keptBesides = 16;
const nearMax = 1_024;

/** As good as the best beyond, or better. An empty id stands before all ids. */
interface Bound {
  readonly rank: number;
  readonly itemId: string;
}

const nobody: Bound = { rank: 0, itemId: '' };

export class Contenders<C extends Contender> {
  private readonly options: ContendersOptions<C>;
  private readonly near = new Map<string, C>();
  private beyond = nobody;
  private beyondTile = 0;

  constructor(options: ContendersOptions<C>) {
    this.options = options;
  }

  /** To be given everybody, to start from: see `startFrom`. */
  static look<C extends Contender>(listItemsMax: number): Best<C> {
    return new Best<C>(keptOf(listItemsMax) + 1);
  }

  /** The best of all as of a tile. */
  startFrom(best: Best<C>, asOfTile: number): void {
    this.beyond = nobody;
    this.keepBest(best.items, asOfTile);
  }

  /** It had an action, or was not for this list before. */
  touch(contender: C, asOfTile: number): void {
    this.near.set(contender.itemId, contender);
    if (this.near.size > nearMax) this.prune(asOfTile);
  }

  /** The list, best first; null: it cannot be told from whom is near. */
  list(asOfTile: number): readonly C[] | null {
    const { listItemsMax } = this.options;
    const { items } = this.ranked(asOfTile, new Best<C>(listItemsMax));
    if (this.near.size > 2 * keptOf(listItemsMax)) this.prune(asOfTile);
    const beyond = this.beyondAt(asOfTile);
    if (beyond.rank === 0) return items;
    const last = items[listItemsMax - 1];
    return last && isBefore(last, beyond) ? items : null;
  }

  private ranked(asOfTile: number, best: Best<C>): Best<C> {
    const { rankAt } = this.options;
    for (const contender of this.near.values()) {
      const rank = rankAt(contender, asOfTile);
      if (rank === 0) this.near.delete(contender.itemId);
      else if (best.takes(rank)) best.offer(contender);
    }
    return best;
  }

  private prune(asOfTile: number): void {
    this.keepBest(this.ranked(asOfTile, Contenders.look(this.options.listItemsMax)).items, asOfTile);
  }

  /** The first one that has no place is the best of those beyond, unless there was a better one. */
  private keepBest(items: readonly C[], asOfTile: number): void {
    const kept = keptOf(this.options.listItemsMax);
    this.near.clear();
    for (const contender of items.slice(0, kept)) this.near.set(contender.itemId, contender);
    const first = items[kept];
    if (!first || !isBefore(first, this.beyondAt(asOfTile))) return;
    this.beyond = { rank: first.rank, itemId: first.itemId };
    this.beyondTile = asOfTile;
  }

  /** Within its tile it is exact. Later, ranks that were equal may differ by rounding: nothing is known of the id. */
  private beyondAt(asOfTile: number): Bound {
    const { beyond, beyondTile } = this;
    if (asOfTile === beyondTile) return beyond;
    return { rank: Math.ceil(beyond.rank * this.options.mostKept(asOfTile - beyondTile)), itemId: '' };
  }
}

const keptOf = (listItemsMax: number): number => keptPerPlace * listItemsMax + keptBesides;

const isBefore = (a: Bound, b: Bound): boolean => a.rank > b.rank || (a.rank === b.rank && a.itemId < b.itemId);
