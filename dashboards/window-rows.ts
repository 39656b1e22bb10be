import type { WindowResult } from '../events/results.ts';
import { isNewer, type LiveRow } from '../live/messages.ts';
import { groupBy } from './group-by.ts';

/** A span of event time whose windows were never received and cannot be asked for any more. */
export interface MissingSpan {
  readonly output: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** A window as the live channel names it. */
export type WindowRow = LiveRow<WindowResult>;

/** The newest row of every window identity, bounded in event time and number: the windows with the oldest starts leave first. */
export interface WindowRows {
  /** Keeps the row if its identity is new or its revision higher; a row seen before, or overtaken, changes nothing. True when it changed. */
  apply(row: WindowRow): boolean;
  /** Forgets rows that left the server's view. */
  remove(ids: readonly string[]): void;
  /**
   * Takes a snapshot: from the oldest window that it holds of an output on, its rows are the truth. Older closed windows that were seen before stay; if the
   * snapshot does not reach back to them, the span between is missing.
   */
  takeSnapshot(rows: readonly WindowRow[]): void;
  /** All rows that are not tombstones, in no order. */
  live(): WindowRow[];
  missing(): readonly MissingSpan[];
}

/** See {@link WindowRows}. `keepMs` counts back from the end of the newest window; over `rowsMax` the oldest tenth goes. */
export function createWindowRows(limits: { readonly keepMs: number; readonly rowsMax: number }): WindowRows {
  const rows = new Map<string, WindowRow>();
  let missing: readonly MissingSpan[] = [];
  let newestEndMs = -Infinity;
  const apply = (row: WindowRow): boolean => {
    const known = rows.get(row.id);
    if (known && !isNewer(row.revision, known.revision)) return false;
    rows.set(row.id, row);
    newestEndMs = Math.max(newestEndMs, row.row.windowEndMs);
    if (rows.size > limits.rowsMax) dropOldest(rows, Math.ceil(limits.rowsMax / 10));
    return true;
  };
  const prune = (): void => {
    const fromMs = newestEndMs - limits.keepMs;
    for (const [id, { row }] of rows) if (row.windowEndMs <= fromMs) rows.delete(id);
    missing = missing.filter((span) => span.toMs > fromMs);
  };
  return {
    apply,
    remove: (ids) => ids.forEach((id) => rows.delete(id)),
    takeSnapshot: (fresh) => {
      const older = olderThan([...rows.values()], fresh);
      missing = [...stillMissing(missing, fresh), ...spansBetween(older, fresh)];
      rows.clear();
      newestEndMs = -Infinity;
      for (const row of [...older, ...fresh]) apply(row);
    },
    live: () => {
      prune();
      return [...rows.values()].filter(({ row }) => row.state !== 'tombstone');
    },
    missing: () => missing,
  };
}

/** The closed windows of `known` that began before the first of `fresh` in their output. */
function olderThan(known: readonly WindowRow[], fresh: readonly WindowRow[]): WindowRow[] {
  const oldest = new Map<string, number>();
  for (const { row } of fresh) oldest.set(row.output, Math.min(oldest.get(row.output) ?? Infinity, row.windowStartMs));
  return known.filter(
    ({ row }) => row.state !== 'provisional' && row.windowStartMs < (oldest.get(row.output) ?? -Infinity),
  );
}

function spansBetween(older: readonly WindowRow[], fresh: readonly WindowRow[]): MissingSpan[] {
  const spans: MissingSpan[] = [];
  for (const [output, rows] of groupBy(older, ({ row }) => row.output)) {
    const fromMs = rows.reduce((latest, { row }) => Math.max(latest, row.windowEndMs), -Infinity);
    const toMs = fresh.reduce(
      (first, { row }) => (row.output === output ? Math.min(first, row.windowStartMs) : first),
      Infinity,
    );
    if (toMs > fromMs) spans.push({ output, fromMs, toMs });
  }
  return spans;
}

/** A span is no longer missing once a snapshot holds windows from its beginning on. */
function stillMissing(spans: readonly MissingSpan[], fresh: readonly WindowRow[]): MissingSpan[] {
  return spans.filter(
    (span) => !fresh.some(({ row }) => row.output === span.output && row.windowStartMs <= span.fromMs),
  );
}

function dropOldest(rows: Map<string, WindowRow>, count: number): void {
  const oldest = [...rows].toSorted(([, a], [, b]) => a.row.windowStartMs - b.row.windowStartMs).slice(0, count);
  for (const [id] of oldest) rows.delete(id);
}
