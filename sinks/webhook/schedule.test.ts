import { expect, test } from 'vitest';
import { pauseAfter, pausesMs, retryAfterMsOf } from './schedule.ts';

const none = (): number => 0;

test('[H8] ten attempts: at once, after 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h', () => {
  expect(pausesMs.map((ms) => ms / 1_000)).toEqual([0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]);
  expect(pauseAfter(1, null, none)).toBe(5_000);
  expect(pauseAfter(9, null, none)).toBe(86_400_000);
  expect(pauseAfter(10, null, none)).toBeNull();
});

test('[H8] chance lengthens a pause by a fifth at most and never shortens it', () => {
  expect(pauseAfter(1, null, () => 0.5)).toBe(5_500);
  expect(pauseAfter(1, null, () => 0.999_999)).toBeLessThanOrEqual(6_000);
});

test('[H8] Retry-After lengthens a pause, in seconds or as a date, by a day at most, and never shortens it', () => {
  const nowMs = Date.UTC(2026, 0, 1);
  expect(retryAfterMsOf('120', nowMs)).toBe(120_000);
  expect(retryAfterMsOf('Thu, 01 Jan 2026 00:01:00 GMT', nowMs)).toBe(60_000);
  expect(retryAfterMsOf('Wed, 31 Dec 2025 00:00:00 GMT', nowMs)).toBe(0);
  expect(retryAfterMsOf('999999999', nowMs)).toBe(86_400_000);
  expect([undefined, 'soon', '-5', '1.5 h'].map((header) => retryAfterMsOf(header, nowMs))).toEqual([
    null,
    null,
    null,
    null,
  ]);
  expect(pauseAfter(1, 120_000, none)).toBe(120_000);
  expect(pauseAfter(2, 1_000, none)).toBe(300_000);
  expect(pauseAfter(10, 1_000, none)).toBeNull();
});
