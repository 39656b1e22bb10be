import { describe, expect, test } from 'vitest';
import type { ResultState, WindowResult } from '../events/results.ts';
import { createWindowRows, type WindowRow } from './window-rows.ts';

const minuteMs = 60_000;
const limits = { keepMs: 60 * minuteMs, rowsMax: 1_000 };

function row(minute: number, revision: number, state: ResultState = 'final', key = 'DE/EUR'): WindowRow {
  const result: WindowResult = {
    kind: 'window',
    pipeline: 'revenue',
    version: 1,
    output: 'country_1m',
    key,
    windowStartMs: minute * minuteMs,
    windowEndMs: (minute + 1) * minuteMs,
    state,
    complete: 1,
    watermarkMs: 0,
    clockMs: 0,
    revision: String(revision),
    producer: { pipeline: 'revenue', version: 1, shard: 0, epoch: 0, orderOffset: '0', index: 0, entryId: 'a' },
    values: { count: revision, sumMinor: revision },
  };
  return { id: `${key}@${minute}`, revision: result.revision, row: result };
}

const summary = (rows: readonly WindowRow[]) =>
  rows.map((one) => `${one.row.windowStartMs / minuteMs}@${one.revision}`).toSorted();

describe('the rows that the page holds', () => {
  test('a row is replaced by a higher revision only, and a repeated one changes nothing', () => {
    const rows = createWindowRows(limits);
    expect(rows.apply(row(1, 10, 'provisional'))).toBe(true);
    expect(rows.apply(row(1, 10, 'provisional'))).toBe(false);
    expect(rows.apply(row(1, 9, 'provisional'))).toBe(false);
    expect(rows.apply(row(1, 11))).toBe(true);
    expect(summary(rows.live())).toEqual(['1@11']);
  });

  test('revisions compare as numbers beyond 2^53, not as text', () => {
    const rows = createWindowRows(limits);
    const [low, high] = [(1n << 48n) + 9n, (1n << 60n) + 1n];
    rows.apply({ ...row(1, 0), revision: String(high) });
    expect(rows.apply({ ...row(1, 0), revision: String(low) })).toBe(false);
    expect(rows.apply({ ...row(1, 0), revision: String(high + 1n) })).toBe(true);
  });

  test('a tombstone hides its row, and an older row does not bring it back', () => {
    const rows = createWindowRows(limits);
    rows.apply(row(1, 10));
    rows.apply(row(1, 12, 'tombstone'));
    rows.apply(row(1, 11));
    expect(rows.live()).toEqual([]);
  });

  test('[J2] a snapshot that reaches back to what is known leaves no gap and repeats nothing', () => {
    const rows = createWindowRows(limits);
    for (const minute of [1, 2, 3]) rows.apply(row(minute, minute));
    rows.takeSnapshot([row(3, 3), row(4, 4), row(5, 5, 'provisional')]);
    expect(summary(rows.live())).toEqual(['1@1', '2@2', '3@3', '4@4', '5@5']);
    expect(rows.missing()).toEqual([]);
  });

  test('[J2] a snapshot that begins later leaves the span between marked as missing, until rows for it come', () => {
    const rows = createWindowRows(limits);
    for (const minute of [1, 2]) rows.apply(row(minute, minute));
    rows.apply(row(3, 3, 'provisional'));
    rows.takeSnapshot([row(7, 7), row(8, 8, 'provisional')]);
    expect(summary(rows.live())).toEqual(['1@1', '2@2', '7@7', '8@8']);
    expect(rows.missing()).toEqual([{ output: 'country_1m', fromMs: 3 * minuteMs, toMs: 7 * minuteMs }]);
    rows.takeSnapshot([1, 2, 3, 4, 5, 6, 7, 8].map((minute) => row(minute, minute)));
    expect(rows.missing()).toEqual([]);
  });

  test('a snapshot takes away rows that the server no longer has', () => {
    const rows = createWindowRows(limits);
    rows.apply(row(1, 1, 'final', 'XX/EUR'));
    rows.takeSnapshot([row(1, 1)]);
    expect(rows.live().map((one) => one.row.key)).toEqual(['DE/EUR']);
  });

  test('over its limit the oldest windows leave first', () => {
    const rows = createWindowRows({ ...limits, rowsMax: 10 });
    for (let minute = 0; minute < 11; minute++) rows.apply(row(minute, minute));
    const starts = rows.live().map((one) => one.row.windowStartMs / minuteMs);
    expect(starts).not.toContain(0);
    expect(starts).toContain(10);
    expect(starts.length).toBeLessThanOrEqual(10);
  });

  test('windows that are older than what is kept leave, and so does a gap', () => {
    const rows = createWindowRows(limits);
    rows.apply(row(1, 1));
    rows.takeSnapshot([row(30, 30)]);
    expect(rows.missing()).toHaveLength(1);
    rows.apply(row(100, 100));
    expect(summary(rows.live())).toEqual(['100@100']);
    expect(rows.missing()).toEqual([]);
  });
});
