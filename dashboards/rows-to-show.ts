import { groupBy } from './group-by.ts';
import type { RevenueRow } from './revenue-row.ts';

/** What the table can be narrowed to. */
export const stateFilters = ['all', 'provisional', 'final', 'corrected'] as const;
export type StateFilter = (typeof stateFilters)[number];

/** Windows in the table, and the largest countries of each; one state alone has more room. */
const windowsMax = 4;
const rowsAWindowMax = 4;
const rowsMax = windowsMax * rowsAWindowMax;

/**
 * The newest windows first, within each those with the most payments first. With `all` each window shows only its largest, so
 * that open and closed windows are both in sight.
 */
export function rowsToShow(rows: readonly RevenueRow[], filter: StateFilter): RevenueRow[] {
  const chosen = rows.filter((row) => filter === 'all' || row.state === filter);
  const windows = [...groupBy(chosen, (row) => row.windowStartMs)].toSorted((a, b) => b[0] - a[0]);
  const each = filter === 'all' ? rowsAWindowMax : rowsMax;
  return windows.flatMap(([, window]) => window.toSorted(byPayments).slice(0, each)).slice(0, rowsMax);
}

const byPayments = (a: RevenueRow, b: RevenueRow): number => b.count - a.count || (a.identity < b.identity ? -1 : 1);
