import type { ResultState } from '../events/results.ts';
import { groupBy } from './group-by.ts';
import type { RevenueRow } from './revenue-row.ts';

/** One country's part of one window. */
export interface StackPart {
  readonly country: string;
  readonly sumMinor: number;
}

/** One bar: a window with its parts, in the order of `RevenueStack.countries`. */
export interface StackWindow {
  readonly startMs: number;
  readonly endMs: number;
  readonly parts: readonly StackPart[];
  readonly totalMinor: number;
  readonly count: number;
  /** provisional when any part is; else corrected when any part is; else final. */
  readonly state: Exclude<ResultState, 'tombstone'>;
  /** False when an accepted gap may hide records of it. */
  readonly isComplete: boolean;
}

/** What the revenue chart draws: one currency, oldest window first. */
export interface RevenueStack {
  readonly currency: string;
  /** The largest first; the last may be `otherCountries`. */
  readonly countries: readonly string[];
  readonly windows: readonly StackWindow[];
}

/** The name under which the smaller countries are added up; no country can have it. */
export const otherCountries = '\0others';

/**
 * Stacks the rows of one currency: the `namedMax` largest countries by name, the rest added up. A country once named keeps its place
 * while it stays among the largest (`order` is what the last call returned), so that its colour does not jump.
 */
export function stackRevenue(options: {
  readonly rows: readonly RevenueRow[];
  readonly currency: string;
  readonly namedMax: number;
  readonly order: readonly string[];
}): RevenueStack {
  const rows = options.rows.filter((row) => row.currency === options.currency);
  const totals = new Map<string, number>();
  for (const row of rows) totals.set(row.country, (totals.get(row.country) ?? 0) + row.sumMinor);
  const largest = [...totals].toSorted(byAmount).slice(0, options.namedMax);
  const named = keepPlaces(
    largest.map(([country]) => country),
    options.order,
  );
  const hasOther = totals.size > named.length;
  const byStart = groupBy(rows, (row) => row.windowStartMs);
  const windows = [...byStart.values()].map((group) => stackWindow(group, named, hasOther));
  return {
    currency: options.currency,
    countries: hasOther ? [...named, otherCountries] : named,
    windows: windows.toSorted((a, b) => a.startMs - b.startMs),
  };
}

function stackWindow(rows: readonly RevenueRow[], named: readonly string[], hasOther: boolean): StackWindow {
  const sums = new Map<string, number>();
  let other = 0;
  for (const row of rows) {
    if (named.includes(row.country)) sums.set(row.country, (sums.get(row.country) ?? 0) + row.sumMinor);
    else other += row.sumMinor;
  }
  const parts = named.map((country) => ({ country, sumMinor: sums.get(country) ?? 0 }));
  if (hasOther) parts.push({ country: otherCountries, sumMinor: other });
  return {
    startMs: Math.min(...rows.map((row) => row.windowStartMs)),
    endMs: Math.max(...rows.map((row) => row.windowEndMs)),
    parts,
    totalMinor: rows.reduce((sum, row) => sum + row.sumMinor, 0),
    count: rows.reduce((sum, row) => sum + row.count, 0),
    state: stateOf(rows),
    isComplete: rows.every((row) => row.isComplete),
  };
}

function stateOf(rows: readonly RevenueRow[]): StackWindow['state'] {
  if (rows.some((row) => row.state === 'provisional')) return 'provisional';
  return rows.some((row) => row.state === 'corrected') ? 'corrected' : 'final';
}

const byAmount = (a: [string, number], b: [string, number]): number => b[1] - a[1] || (a[0] < b[0] ? -1 : 1);

/** The names of `largest` with those of `order` in their old places, newcomers in the free ones. */
function keepPlaces(largest: readonly string[], order: readonly string[]): string[] {
  const newcomers = largest.filter((name) => !order.includes(name));
  const kept = order.filter((name) => name !== otherCountries);
  const places = Array.from({ length: Math.max(largest.length, kept.length) }, (_, place) => {
    const old = kept[place];
    return old !== undefined && largest.includes(old) ? old : newcomers.shift();
  });
  return places.filter((name) => name !== undefined);
}
