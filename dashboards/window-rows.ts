import type { WindowResult } from '../events/results.ts';
import { groupBy } from './group-by.ts';

/** A span of event time whose windows were never received and cannot be asked for any more. */
export interface MissingSpan {
  readonly output: string;
  readonly fromMs: number;
  readonly toMs: number;
}

/** The newest row of every window identity, bounded: the windows with the oldest starts leave first. */
export interface WindowRows {
  /** Keeps the row if its identity is new or its revision higher; a row seen before, or overtaken, changes nothing. True when it changed. */
  apply(row: WindowResult): boolean;
  /**
   * Takes a snapshot: from the oldest window that it holds of an output on, its rows are the truth. Older closed windows that were seen before stay; if the
   * snapshot does not reach back to them, the span between is missing.
   */
  takeSnapshot(rows: readonly WindowResult[]): void;
  /** All rows that are not tombstones, in no order. */
  live(): WindowResult[];
  missing(): readonly MissingSpan[];
}

/** `(pipeline, version, output, key, window start)` as one text. */
export function identityOf(row: WindowResult): string {
  return JSON.stringify([row.pipeline, row.version, row.output, row.key, row.windowStartMs]);
}

/** See {@link WindowRows}. `rowsMax` bounds memory; going over drops the oldest tenth. */
export function createWindowRows(rowsMax = 20_000): WindowRows {
  const rows = new Map<string, WindowResult>();
  let missing: MissingSpan[] = [];
  const apply = (row: WindowResult): boolean => {
    const identity = identityOf(row);
    const known = rows.get(identity);
    if (known && BigInt(row.revision) <= BigInt(known.revision)) return false;
    rows.set(identity, row);
    if (rows.size > rowsMax) dropOldest(rows, Math.ceil(rowsMax / 10));
    return true;
  };
  return {
    apply,
    takeSnapshot: (fresh) => {
      const older = olderThan([...rows.values()], fresh);
      missing = [...stillMissing(missing, fresh), ...spansBetween(older, fresh)].slice(-100);
      rows.clear();
      for (const row of [...older, ...fresh]) apply(row);
    },
    live: () => [...rows.values()].filter((row) => row.state !== 'tombstone'),
    missing: () => missing,
  };
}

/** The closed windows of `known` that began before the first of `fresh` in their output. */
function olderThan(known: readonly WindowResult[], fresh: readonly WindowResult[]): WindowResult[] {
  const oldest = new Map<string, number>();
  for (const row of fresh) oldest.set(row.output, Math.min(oldest.get(row.output) ?? Infinity, row.windowStartMs));
  return known.filter(
    (row) => row.state !== 'provisional' && row.windowStartMs < (oldest.get(row.output) ?? -Infinity),
  );
}

function spansBetween(older: readonly WindowResult[], fresh: readonly WindowResult[]): MissingSpan[] {
  const spans: MissingSpan[] = [];
  for (const [output, rows] of groupBy(older, (row) => row.output)) {
    const fromMs = Math.max(...rows.map((row) => row.windowEndMs));
    const starts = fresh.filter((row) => row.output === output).map((row) => row.windowStartMs);
    const toMs = Math.min(...starts);
    if (toMs > fromMs) spans.push({ output, fromMs, toMs });
  }
  return spans;
}

/** A span is no longer missing once a snapshot holds windows from its beginning on. */
function stillMissing(spans: readonly MissingSpan[], fresh: readonly WindowResult[]): MissingSpan[] {
  return spans.filter((span) => !fresh.some((row) => row.output === span.output && row.windowStartMs <= span.fromMs));
}

function dropOldest(rows: Map<string, WindowResult>, count: number): void {
  const oldest = [...rows].toSorted(([, a], [, b]) => a.windowStartMs - b.windowStartMs).slice(0, count);
  for (const [identity] of oldest) rows.delete(identity);
}
