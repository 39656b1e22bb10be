import { groupBy } from './group-by.ts';
import type { HistoryPoint } from './history.ts';
import type { RevenueRow } from './revenue-row.ts';

/** One currency's minute that is still open, and the last one that is closed. */
export interface CurrencyNow {
  readonly currency: string;
  readonly openSumMinor: number | null;
  readonly closedSumMinor: number | null;
}

/** The payments of the newest open and the last closed minute, of all countries. */
export interface MinuteNow {
  readonly openStartMs: number | null;
  readonly closedStartMs: number | null;
  readonly openCount: number | null;
  readonly closedCount: number | null;
  /** Payments of each closed minute, the oldest first. */
  readonly closed: readonly HistoryPoint[];
  /** In the order given. */
  readonly currencies: readonly CurrencyNow[];
}

/** The two newest minutes as numbers. A minute is open while any of its rows is provisional. */
export function minuteNow(rows: readonly RevenueRow[], currencies: readonly string[]): MinuteNow {
  const minutes = [...groupBy(rows, (row) => row.windowStartMs)].toSorted((a, b) => b[0] - a[0]);
  const open = minutes.find(([, minute]) => isOpen(minute));
  const closed = minutes.find(([, minute]) => !isOpen(minute));
  return {
    openStartMs: open?.[0] ?? null,
    closedStartMs: closed?.[0] ?? null,
    openCount: open ? sumOf(open[1], 'count') : null,
    closedCount: closed ? sumOf(closed[1], 'count') : null,
    closed: minutes
      .filter(([, minute]) => !isOpen(minute))
      .map(([startMs, minute]) => ({ atMs: startMs, value: sumOf(minute, 'count') }))
      .toReversed(),
    currencies: currencies.map((currency) => ({
      currency,
      openSumMinor: open ? sumOf(ofCurrency(open[1], currency), 'sumMinor') : null,
      closedSumMinor: closed ? sumOf(ofCurrency(closed[1], currency), 'sumMinor') : null,
    })),
  };
}

const isOpen = (rows: readonly RevenueRow[]): boolean => rows.some((row) => row.state === 'provisional');

const ofCurrency = (rows: readonly RevenueRow[], currency: string): RevenueRow[] =>
  rows.filter((row) => row.currency === currency);

const sumOf = (rows: readonly RevenueRow[], field: 'count' | 'sumMinor'): number =>
  rows.reduce((sum, row) => sum + row[field], 0);
