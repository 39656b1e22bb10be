import { expect, test, vi } from 'vitest';
import { formatCount, formatCountry, formatDuration, formatMoney, formatRate } from './format.ts';

// The page speaks the language of its browser. Here that is English, whatever the machine speaks.
vi.hoisted(() => {
  const english = <T extends new (locale: string, options: never) => object>(kind: T): T =>
    new Proxy(kind, { construct: (target, [, options]: [unknown, never]) => new target('en-GB', options) });
  const { NumberFormat, DateTimeFormat, DisplayNames } = Intl;
  Object.assign(Intl, {
    NumberFormat: english(NumberFormat as never),
    DateTimeFormat: english(DateTimeFormat as never),
    DisplayNames: english(DisplayNames as never),
  });
});

test('money is formatted from minor units by the digits of its currency', () => {
  expect(formatMoney(123_450, 'EUR')).toMatch(/1,234\.50/);
  expect(formatMoney(5_600, 'JPY')).toMatch(/5,600$/);
  expect(formatMoney(1_234_500, 'KWD')).toMatch(/1,234\.500/);
});

test('a currency that is none is shown as text, whatever it holds', () => {
  expect(formatMoney(100, '<b>')).toBe('1 <b>');
  expect(formatMoney(100, '')).toBe('1');
});

test('counts are exact beyond 2^53, and what is no number is a dash', () => {
  expect(formatCount('9007199254740993')).toBe('9,007,199,254,740,993');
  expect(formatCount(undefined)).toBe('–');
  expect(formatCount('x')).toBe('–');
});

test('durations and rates read as people say them', () => {
  expect([0, 400, 6_200, 200_000, 18_120_000, 259_200_000].map(formatDuration)).toEqual([
    '0 s',
    '< 1 s',
    '6 s',
    '3 min 20 s',
    '5 h 2 min',
    '3 d',
  ]);
  expect([0, 0.42, 203.4].map(formatRate)).toEqual(['0', '0.4', '203']);
});

test('a country code reads as its name, any other text as it is', () => {
  expect(formatCountry('DE')).toBe('Germany');
  expect(formatCountry('unknown')).toBe('unknown');
  expect(formatCountry('<img src=x>')).toBe('<img src=x>');
});
