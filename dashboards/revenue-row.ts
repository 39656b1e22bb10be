import type { ResultState } from '../events/results.ts';
import type { WindowRow } from './window-rows.ts';

/** A window of payments of one country in one currency, as the page shows it. */
export interface RevenueRow {
  readonly identity: string;
  readonly country: string;
  /** ISO 4217, or empty where the row names none. */
  readonly currency: string;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly count: number;
  readonly sumMinor: number;
  readonly meanMinor: number;
  readonly maxMinor: number;
  readonly state: ResultState;
  readonly revision: string;
  readonly watermarkMs: number;
  readonly isComplete: boolean;
}

/** The output of the revenue pipeline that the page draws. */
export const countryMinuteOutput = 'country_1m';

/** The country rows among `rows` of the revenue pipeline, of the newest pipeline version that has the window. Keys are `<country>/<currency>`. */
export function revenueRows(rows: readonly WindowRow[]): RevenueRow[] {
  const ours = rows.filter(({ row }) => row.output === countryMinuteOutput);
  const newestVersion = new Map<number, number>();
  for (const {
    row: { windowStartMs, version },
  } of ours)
    newestVersion.set(windowStartMs, Math.max(version, newestVersion.get(windowStartMs) ?? 0));
  return ours.filter(({ row }) => row.version === newestVersion.get(row.windowStartMs)).map(revenueRow);
}

/** The currencies of the rows, the one with the most payments first (sums of different currencies do not compare). */
export function currenciesOf(rows: readonly RevenueRow[]): string[] {
  const counts = new Map<string, number>();
  for (const row of rows) counts.set(row.currency, (counts.get(row.currency) ?? 0) + row.count);
  return [...counts].toSorted((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).map(([currency]) => currency);
}

/** A row that did not change is not read again on the next frame. */
const readBefore = new WeakMap<WindowRow, RevenueRow>();

function revenueRow(held: WindowRow): RevenueRow {
  const known = readBefore.get(held) ?? readRow(held);
  readBefore.set(held, known);
  return known;
}

function readRow({ id, row }: WindowRow): RevenueRow {
  const slash = row.key.lastIndexOf('/');
  return {
    identity: id,
    country: slash < 0 ? row.key : row.key.slice(0, slash),
    currency: slash < 0 ? '' : row.key.slice(slash + 1),
    windowStartMs: row.windowStartMs,
    windowEndMs: row.windowEndMs,
    count: numberIn(row.values, 'count'),
    sumMinor: numberIn(row.values, 'sumMinor'),
    meanMinor: numberIn(row.values, 'meanMinor'),
    maxMinor: numberIn(row.values, 'maxMinor'),
    state: row.state,
    revision: row.revision,
    watermarkMs: row.watermarkMs,
    isComplete: row.complete === 1,
  };
}

/** Sums may come as decimal text where they outgrow a double; the page shows them rounded. */
function numberIn(values: Readonly<Record<string, unknown>>, name: string): number {
  const value = Number(values[name]);
  return Number.isFinite(value) ? value : 0;
}
