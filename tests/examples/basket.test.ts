// An example to copy (docs/testing-a-pipeline.md): a small pipeline of its own, tested by marble diagrams. No broker, no clock, no
// waiting: ten minutes of silence take no time.
import { expect, test } from 'vitest';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { dated, last } from '../../streams/aggregates/first-last.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import type { Output, TimedEvent } from '../../streams/batch.ts';
import { playMarbles } from '../../streams/marbles.ts';
import { windowed } from '../../streams/windowed.ts';

/** What flows: a shopper puts something into the basket. */
interface Put extends TimedEvent {
  readonly price: number;
  readonly item: string;
}

/** What is tested: the basket of a visit, which ends when the shopper has done nothing for ten seconds. */
const baskets = () =>
  windowed<Put>({
    allowedLatenessMs: 60_000,
    provisionalEveryMs: 1e15,
    keysMax: 1_000,
    cellsMax: 10_000,
    topics: { windows: 'windows', provisional: 'provisional', late: 'late' },
    views: [
      {
        name: 'shopper',
        keyOf: ({ key }) => key,
        fields: [
          ['items', field(count, () => null)],
          ['total', field(sum, ({ price }: Put) => price)],
          ['lastItem', field(last, (put: Put) => dated(put, put.item))],
        ],
        outputs: [{ name: 'basket', window: { kind: 'session', gapMs: 10_000, reachMs: 3_600_000 } }],
      },
    ],
  });

/** One event, `atS` seconds into the day. */
const put = (atS: number, item: string, price: number): { value: Put } => ({
  value: { id: `${item}@${atS}`, type: 'put', source: 'shop', eventTimeMs: atS * 1_000, key: 'ann', item, price },
});

/** How a result is written in a diagram. */
function show({ topic, body }: Output): string {
  const row = body as { state: string; windowStartMs: number; windowEndMs: number; values: object };
  const span = `${row.windowStartMs / 1_000}–${row.windowEndMs / 1_000}`;
  return topic === 'late' ? `late for ${span}` : [row.state, span, ...Object.values(row.values)].join(' ');
}

/** Events may come two seconds out of order; the first letter stands at noon. */
const options = () => ({
  operator: baskets().operator,
  outOfOrdernessMs: 2_000,
  startMs: 43_200_000,
  show,
  assertEqual: (actual: unknown, expected: unknown): void => expect(actual).toEqual(expected),
});

test('[C17] a basket is final when the watermark has passed its end', () => {
  playMarbles<Put>(
    options(),
    // One letter is one entry of the order log, one character one millisecond of its clock.
    'a-b-c|',
    {
      a: { records: [put(100, 'bread', 2.1), put(103, 'milk', 1.2)] },
      b: { records: [put(114.9, 'tea', 4)] }, // watermark 112.9: the basket ends at 113
      c: { records: [put(115, 'tea', 4)] }, // watermark 113
    },
    'p---c|',
    { p: ['provisional 100–113 2 3.3 milk'], c: ['final 100–113 2 3.3 milk'] },
  );
});

test('[C17] a late event joins two baskets: one row is corrected, the other is gone', () => {
  playMarbles<Put>(
    options(),
    'a-b|',
    {
      a: { records: [put(100, 'bread', 2.1), put(115, 'milk', 1.2), put(140, 'tea', 4)] },
      b: { records: [put(107, 'eggs', 3)] },
    },
    'a-b|',
    {
      a: ['final 100–110 1 2.1 bread', 'final 115–125 1 1.2 milk', 'provisional 140–150 1 4 tea'],
      b: ['tombstone 115–125', 'corrected 100–125 3 6.3 milk'],
    },
  );
});

test('[C17] silence ends the last basket', () => {
  const partition = 'payments-0';
  playMarbles<Put>(
    options(),
    'a 10s b 1999ms c|',
    {
      a: { records: [put(100, 'bread', 2.1)] },
      b: { idle: [partition] }, // 10.001 s of silence: time has come to 110.001, the watermark would be at 108.001
      c: { idle: [partition] }, // 12.001 s: at 110.001
    },
    'p 10s - 1999ms c|',
    { p: ['provisional 100–110 1 2.1 bread'], c: ['final 100–110 1 2.1 bread'] },
  );
});

test('[C17] what comes after the allowed lateness is told, not lost', () => {
  playMarbles<Put>(
    options(),
    'a-b|',
    { a: { records: [put(100, 'bread', 2.1), put(172, 'tea', 4)] }, b: { records: [put(100, 'eggs', 3)] } },
    'a-b|',
    { a: ['final 100–110 1 2.1 bread', 'provisional 172–182 1 4 tea'], b: ['late for 100–110'] },
  );
});
