import type { Bid } from './events.ts';
import type { QueryName } from './queries.ts';

/** A bid, and the clock of the entry that it was folded in. */
export interface Placed {
  readonly bid: Bid;
  readonly clockMs: number;
}

const dayMs = 86_400_000;

/**
 * What each query has to give, as sorted lines, from the plain list of all bids: arrays, Maps and sorting, nothing of the engine, no windows
 * that open and close.
 */
export function expectedLines(query: QueryName, placed: readonly Placed[]): readonly string[] {
  const bids = placed.map(({ bid }) => bid);
  return oracles[query](bids, placed).toSorted();
}

const oracles: Readonly<Record<QueryName, (bids: readonly Bid[], placed: readonly Placed[]) => string[]>> = {
  q0: (bids) => bids.map(({ id, price }) => `${id} ${price}`),
  q1: (bids) => bids.map(({ id, price }) => `${id} ${(price * 908) / 1_000}`),
  q2: (bids) => bids.filter(({ auction }) => auction % 123 === 0).map(({ auction, price }) => `${auction} ${price}`),
  q5: hotItems,
  q7: (bids) =>
    groups(
      bids,
      ({ eventTimeMs }) => `${floorTo(eventTimeMs, 10_000)} all`,
      (of) => top(of, 1),
    ),
  q11: sessions,
  q12: (_, placed) =>
    groups(
      placed,
      ({ bid, clockMs }) => `${floorTo(clockMs, 10_000)} ${bid.bidder}`,
      (of) => String(of.length),
    ),
  q17: (bids) => groups(bids, ({ eventTimeMs, auction }) => `${floorTo(eventTimeMs, dayMs)} ${auction}`, statistics),
  q18: (bids) =>
    groups(bids, ({ eventTimeMs, bidder, auction }) => `${floorTo(eventTimeMs, dayMs)} ${bidder}/${auction}`, lastOf),
  q19: (bids) =>
    groups(
      bids,
      ({ eventTimeMs, auction }) => `${floorTo(eventTimeMs, dayMs)} ${auction}`,
      (of) => top(of, 10),
    ),
};

const floorTo = (timeMs: number, sizeMs: number): number => timeMs - (timeMs % sizeMs);

function groups<T>(of: readonly T[], keyOf: (one: T) => string, line: (group: readonly T[]) => string): string[] {
  const byKey = new Map<string, T[]>();
  for (const one of of) {
    const key = keyOf(one);
    const group = byKey.get(key);
    if (group) group.push(one);
    else byKey.set(key, [one]);
  }
  return [...byKey].map(([key, group]) => `${key} ${line(group)}`);
}

function hotItems(bids: readonly Bid[]): string[] {
  const counts = new Map<number, Map<number, number>>();
  for (const { eventTimeMs, auction } of bids)
    for (let startMs = floorTo(eventTimeMs, 2_000); startMs > eventTimeMs - 10_000; startMs -= 2_000) {
      const window = counts.get(startMs) ?? new Map<number, number>();
      counts.set(startMs, window.set(auction, (window.get(auction) ?? 0) + 1));
    }
  return [...counts].map(([startMs, window]) => {
    const most = Math.max(...window.values());
    const auctions = [...window].filter(([, bidCount]) => bidCount === most).map(([auction]) => auction);
    return `${startMs} ${most} ${auctions.toSorted((a, b) => a - b).join(',')}`;
  });
}

function sessions(bids: readonly Bid[]): string[] {
  const lines: string[] = [];
  const byBidder = new Map<number, number[]>();
  for (const { bidder, eventTimeMs } of bids) {
    const timesMs = byBidder.get(bidder);
    if (timesMs) timesMs.push(eventTimeMs);
    else byBidder.set(bidder, [eventTimeMs]);
  }
  for (const [bidder, timesMs] of byBidder) {
    let [startMs, lastMs, count] = [-Infinity, -Infinity, 0];
    const close = (): void => void (count > 0 && lines.push(`${startMs} ${bidder} ${lastMs + 10_000} ${count}`));
    for (const timeMs of timesMs.toSorted((a, b) => a - b)) {
      if (timeMs - lastMs >= 10_000) {
        close();
        [startMs, count] = [timeMs, 0];
      }
      [lastMs, count] = [timeMs, count + 1];
    }
    close();
  }
  return lines;
}

function top(bids: readonly Bid[], k: number): string {
  const ranked = bids.toSorted((a, b) => b.price - a.price || (a.id < b.id ? -1 : 1));
  return ranked
    .slice(0, k)
    .map(({ id, price }) => `${id}:${price}`)
    .join(',');
}

const lastOf = (bids: readonly Bid[]): string =>
  bids.reduce((a, b) => (b.eventTimeMs > a.eventTimeMs || (b.eventTimeMs === a.eventTimeMs && b.id > a.id) ? b : a)).id;

function statistics(bids: readonly Bid[]): string {
  const prices = bids.map(({ price }) => price);
  const total = prices.reduce((a, b) => a + b, 0);
  const within = (from: number, to: number): number => prices.filter((price) => price >= from && price < to).length;
  const ranks = [within(0, 10_000), within(10_000, 1_000_000), within(1_000_000, Infinity)];
  return [prices.length, ...ranks, Math.min(...prices), Math.max(...prices), total / prices.length, total].join(' ');
}
