// One visitor's list: what was visited together with the items looked at last, the newest counting most; then what trends.
// Guarantees: never an item that the visitor has bought or is among those looked at last; whole numbers, so the order of adding is
// nothing. Pure. Redelivery: no state.
import type { RankedItem } from '../../events/insights.ts';
import { Best, type Candidate } from './best.ts';
import { type CoVisits, scoreUnit } from './co-visits.ts';
import { coVisitedReason } from './reason.ts';
import type { Visitor } from './visitors.ts';

export interface PersonalSources {
  readonly coVisits: CoVisits;
  /** Lists to fall back to, in order. */
  readonly trending: readonly (readonly RankedItem[])[];
  readonly listItemsMax: number;
}

interface Found {
  rank: number;
  support: number;
  /** What speaks for it most: its place among the items looked at, its part, and what the two share. */
  seed: number;
  seedRank: number;
  seedSupport: number;
  seedTile: number;
}

interface Chosen extends Candidate {
  readonly found: Found;
}

export function personalList(
  { recent, bought }: Visitor,
  newestMs: number,
  { coVisits, trending, listItemsMax }: PersonalSources,
): readonly RankedItem[] {
  const left = new Set([...recent, ...bought]);
  const found = new Map<string, Found>();
  for (let seed = 0; seed < recent.length; seed++)
    coVisits.eachNeighbour(recent[seed] as string, newestMs, (itemId, rank, support, firstTile) =>
      add(found, itemId, seed, Math.floor(rank / (seed + 1)), support, firstTile),
    );
  const best = new Best<Chosen>(listItemsMax);
  for (const [itemId, one] of found) {
    const { rank, support } = one;
    if (best.takes(rank) && !left.has(itemId)) best.offer({ itemId, rank, support, found: one });
  }
  const from = recent.length > 1 ? 'personal' : 'co_visited';
  const items = best.items.map(({ itemId, rank, found: { seed, seedSupport, seedTile } }): RankedItem => {
    const reason = coVisitedReason(seedSupport, coVisits.spanMs(seedTile, newestMs), recent[seed] as string);
    return { itemId, score: rank / scoreUnit, reason, from };
  });
  for (const { itemId } of items) left.add(itemId);
  for (const list of trending)
    for (const item of list) {
      if (items.length >= listItemsMax) return items;
      if (left.has(item.itemId)) continue;
      left.add(item.itemId);
      items.push({ ...item, from: 'trending' });
    }
  return items;
}

/** `part`: the item looked at last counts whole, the one before half, then a third, and so on. */
function add(
  found: Map<string, Found>,
  itemId: string,
  seed: number,
  part: number,
  support: number,
  firstTile: number,
): void {
  const known = found.get(itemId);
  if (!known) {
    found.set(itemId, { rank: part, support, seed, seedRank: part, seedSupport: support, seedTile: firstTile });
    return;
  }
  known.rank += part;
  known.support += support;
  if (part <= known.seedRank) return;
  known.seed = seed;
  known.seedRank = part;
  known.seedSupport = support;
  known.seedTile = firstTile;
}
