import { expect, test } from 'vitest';
import type { Payment } from '../../events/payment.ts';
import type { Output } from '../../streams/batch.ts';
import { playMarbles } from '../../streams/marbles.ts';
import { revenue } from './revenue.ts';

const MINUTE = 60_000;
const T0 = 1_767_225_600_000;

const pay = (atMs: number, amountMinor: number, country = 'FR'): { value: Payment } => ({
  value: {
    id: `${country}-${atMs}`,
    type: 'payment',
    version: 2,
    source: 'till',
    eventTimeMs: T0 + atMs,
    key: 'card-1',
    amountMinor,
    currency: 'EUR',
    cardId: 'card-1',
    merchantId: 'bakery',
    country,
  },
});

/** `state key minute: count × … = sum` of the country's minutes; other outputs by name alone. */
function show({ body }: Output): string {
  const row = body as {
    kind: string;
    output: string;
    key: string;
    state: string;
    windowStartMs: number;
    values: object;
  };
  if (row.output !== 'country_1m') return row.output;
  const minute = (row.windowStartMs - T0) / MINUTE;
  const what = row.kind === 'late' ? 'late' : `${row.state} ${Object.values(row.values).join(' ')}`;
  return `${row.key} ${minute}: ${what}`;
}

const play = (
  options: { readonly allowedLatenessMs: number; readonly provisionalEveryMs: number },
  ...diagram: Parameters<typeof playMarbles> extends [unknown, ...infer Rest] ? Rest : never
): void => {
  const { operator } = revenue({ ...options, keysMax: 100 }).create();
  const assertEqual = (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected);
  playMarbles<Payment>({ operator, outOfOrdernessMs: 5_000, startMs: T0 + 10 * MINUTE, show, assertEqual }, ...diagram);
};

test('[C17] a minute of revenue as marbles: final when the watermark passes its end, corrected by what comes late', () => {
  play(
    { allowedLatenessMs: MINUTE, provisionalEveryMs: 1e15 },
    'a-b-c-d-(e|)',
    {
      a: { records: [pay(0, 300), pay(1_000, 500)] },
      b: { records: [pay(64_999, 1)] }, // watermark 0:59.999: still open
      c: { records: [pay(65_000, 1)] }, // watermark 1:00
      d: { records: [pay(2_000, 100)] }, // late, allowed
      e: { records: [pay(125_000, 1), pay(3_000, 7)] }, // watermark 2:00: minute 0 is gone for good
    },
    'f---c-d-(e|)',
    {
      f: ['FR/EUR 0: provisional 2 800 400 500', 'country_1h', 'merchant_1m', 'merchant_1h'],
      c: ['FR/EUR 0: final 2 800 400 500', 'merchant_1m'],
      d: ['FR/EUR 0: corrected 3 900 300 500', 'merchant_1m'],
      e: ['FR/EUR 0: late', 'merchant_1m', 'FR/EUR 1: final 2 2 1 1', 'merchant_1m'],
    },
  );
});

test('[C17] open minutes show themselves when the clock passes a step, only if they have changed', () => {
  play(
    { allowedLatenessMs: MINUTE, provisionalEveryMs: 1_000 },
    'a 899ms b 99ms c 999ms d|',
    { a: { records: [pay(0, 100)] }, b: { records: [pay(1, 200)] }, c: {}, d: {} },
    'a 999ms c 1000ms |',
    {
      a: ['FR/EUR 0: provisional 1 100 100 100', 'country_1h', 'merchant_1m', 'merchant_1h'],
      c: ['FR/EUR 0: provisional 2 300 150 200', 'country_1h', 'merchant_1m', 'merchant_1h'],
    },
  );
});

test('[C17] silence closes the last minute', () => {
  play(
    { allowedLatenessMs: MINUTE, provisionalEveryMs: 1e15 },
    'a 64998ms b c|',
    { a: { records: [pay(0, 100)] }, b: { idle: ['payments-0'] }, c: { idle: ['payments-0'] } },
    'a 64998ms - c|',
    {
      a: ['FR/EUR 0: provisional 1 100 100 100', 'country_1h', 'merchant_1m', 'merchant_1h'],
      c: ['FR/EUR 0: final 1 100 100 100', 'merchant_1m'],
    },
  );
});
