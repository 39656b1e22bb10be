import { expect, test } from 'vitest';
import type { ResultState } from '../events/results.ts';
import { minuteNow } from './revenue-now.ts';
import { currenciesOf, revenueRows, type RevenueRow } from './revenue-row.ts';
import { otherCountries, stackRevenue } from './revenue-stack.ts';
import type { WindowRow } from './window-rows.ts';
import { rowsToShow } from './rows-to-show.ts';

function row(
  country: string,
  minute: number,
  sumMinor: number,
  state: ResultState = 'final',
  currency = 'EUR',
): RevenueRow {
  return {
    identity: `${country}/${currency}@${minute}`,
    country,
    currency,
    windowStartMs: minute * 60_000,
    windowEndMs: (minute + 1) * 60_000,
    count: sumMinor / 10,
    sumMinor,
    meanMinor: 10,
    maxMinor: 10,
    state,
    revision: '1',
    watermarkMs: 0,
    isComplete: true,
  };
}

test('the smaller countries are added up and nothing is lost from the total', () => {
  const rows = [
    row('A', 1, 500),
    row('B', 1, 300),
    row('C', 1, 20),
    row('D', 1, 10),
    row('US', 1, 999, 'final', 'USD'),
  ];
  const stack = stackRevenue({ rows, currency: 'EUR', namedMax: 2, order: [] });
  expect(stack.countries).toEqual(['A', 'B', otherCountries]);
  expect(stack.windows[0]?.parts.map((part) => part.sumMinor)).toEqual([500, 300, 30]);
  expect(stack.windows[0]?.totalMinor).toBe(830);
});

test('a country keeps its place, and so its colour, while it stays among the largest', () => {
  const rows = [row('A', 1, 100), row('B', 1, 900), row('D', 1, 500), row('C', 1, 1)];
  const stack = stackRevenue({ rows, currency: 'EUR', namedMax: 3, order: ['A', 'B', 'C', otherCountries] });
  expect(stack.countries).toEqual(['A', 'B', 'D', otherCountries]);
});

test('a window is provisional while any part is, else corrected when any part is', () => {
  const rows = [
    ...[row('A', 1, 1), row('B', 1, 1, 'corrected')],
    ...[row('A', 2, 1, 'provisional'), row('B', 2, 1, 'corrected')],
    row('A', 3, 1),
  ];
  const stack = stackRevenue({ rows, currency: 'EUR', namedMax: 6, order: [] });
  expect(stack.windows.map((window) => window.state)).toEqual(['corrected', 'provisional', 'final']);
});

test('the open minute and the last closed one are told apart, by currency', () => {
  const rows = [row('A', 1, 10), row('A', 2, 70), row('A', 3, 30, 'provisional'), row('US', 2, 50, 'final', 'USD')];
  const now = minuteNow(rows, currenciesOf(rows));
  expect(now).toMatchObject({ openCount: 3, closedCount: 12, openStartMs: 180_000, closedStartMs: 120_000 });
  expect(now.currencies).toEqual([
    { currency: 'EUR', openSumMinor: 30, closedSumMinor: 70 },
    { currency: 'USD', openSumMinor: 0, closedSumMinor: 50 },
  ]);
  expect(now.closed).toEqual([
    { atMs: 60_000, value: 1 },
    { atMs: 120_000, value: 12 },
  ]);
});

test('the table shows open and closed windows side by side, the newest first', () => {
  const rows = [1, 2, 3].flatMap((minute) =>
    [10, 20, 30, 40, 50, 60].map((sum) => row(`C${sum}`, minute, sum, minute === 3 ? 'provisional' : 'final')),
  );
  const shown = rowsToShow(rows, 'all');
  expect(shown.map((one) => one.windowStartMs / 60_000)).toEqual([3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1]);
  expect(shown[0]?.country).toBe('C60');
  expect(rowsToShow(rows, 'provisional')).toHaveLength(6);
});

test('the key is read as country and currency; of two versions the newer counts', () => {
  const result = (version: number, key: string): WindowRow => ({
    id: key,
    revision: '1',
    row: {
      ...{ kind: 'window', pipeline: 'revenue', version, output: 'country_1m', key, windowStartMs: 0 },
      ...{ windowEndMs: 60_000, state: 'final', complete: 1, watermarkMs: 0, clockMs: 0, revision: '1' },
      producer: { pipeline: 'revenue', version, shard: 0, epoch: 0, orderOffset: '0', index: 0, entryId: '' },
      values: { sumMinor: '12', count: 2 },
    },
  });
  const rows = revenueRows([result(1, 'DE/EUR'), result(2, 'a/b/USD')]);
  expect(rows).toMatchObject([{ country: 'a/b', currency: 'USD', sumMinor: 12, count: 2, isComplete: true }]);
});
