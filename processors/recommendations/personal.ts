// One visitor's list: what was visited together with the items looked at last, the newest counting most; then what trends.
// Guarantees: never an item that the visitor has bought or is among those looked at last; whole numbers, so the order of adding is
// nothing. Pure. Redelivery: no state.
import type { RankedItem } from '../../events/insights.ts';
import { Best, type Candidate } from './best.ts';
import { type CoVisits, type Neighbour, scoreUnit } from './co-visits.ts';
import { coVisitedReason } from './reason.ts';
import type { Visitor } from './visitors.ts';

export interface PersonalSources {
  readonly coVisits: CoVisits;
  /** Lists to fall back to, in order. */
  readonly trending: readonly (readonly RankedItem[])[];
  readonly listItemsMax: number;
}

interface Found extends Candidate {
  rank: number;
  support: number;
  /** What speaks for it most. */
  seed: string;
  seedRank: number;
  strongest: Neighbour;
}

export function personalList(
  { recent, bought }: Visitor,
  newestMs: number,
  { coVisits, trending, listItemsMax }: PersonalSources,
): readonly RankedItem[] {
  const left = new Set([...recent, ...bought]);
  const found = new Map<string, Found>();
  for (let i = 0; i < recent.length; i++)
    for (const neighbour of coVisits.neighbours(recent[i] as string, newestMs))
      if (!left.has(neighbour.itemId)) add(found, neighbour, recent[i] as string, i + 1);
  const best = new Best<Found>(listItemsMax);
  for (const one of found.values()) best.offer(one);
  const from = recent.length > 1 ? 'personal' : 'co_visited';
  const items = best.items.map(({ itemId, rank, seed, strongest }): RankedItem => {
    const reason = coVisitedReason(strongest.support, strongest.spanMs, seed);
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

/** The item looked at last counts whole, the one before half, then a third, and so on. */
function add(found: Map<string, Found>, neighbour: Neighbour, seed: string, place: number): void {
  const part = Math.floor(neighbour.rank / place);
  const known = found.get(neighbour.itemId);
  if (!known) {
    const { itemId, support } = neighbour;
    found.set(itemId, { itemId, rank: part, support, seed, seedRank: part, strongest: neighbour });
    return;
  }
  known.rank += part;
  known.support += neighbour.support;
  if (part <= known.seedRank) return;
  known.seed = seed;
  known.seedRank = part;
  known.strongest = neighbour;
}
