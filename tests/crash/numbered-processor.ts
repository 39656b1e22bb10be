// A pipeline for tests that break things: numbered payments in tumbling, hopping and session windows at once, so that a lost or
// doubled event shows in three kinds of state.
// How to use it: give `numbered(...)` wherever a processor is taken (`createPipeline`, a task, a process of its own); feed it the
// payments of `numberedPayment(n, …)`; in the end the rows that are no tombstones must equal `numberedRows(payments)` of
// `numbered-oracle.ts`, which shares no code with it. `numbersSum` tells which number is missing when exactly one is.
// Redelivery: duplicates are dropped before, by (source, id).
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Processor } from '../../processors/processor.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { max, min } from '../../streams/aggregates/extremes.ts';
import { dated, first, last } from '../../streams/aggregates/first-last.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import { type View, viewsReachMs, viewsShape } from '../../streams/view.ts';
import { windowed } from '../../streams/windowed.ts';

export interface NumberedOptions {
  readonly allowedLatenessMs: number;
  readonly provisionalEveryMs: number;
  readonly keysMax: number;
}

export const tumblingSizeMs = 10_000;
export const hoppingSizeMs = 30_000;
export const hoppingAdvanceMs = 10_000;
export const sessionGapMs = 4_000;
const sessionReachMs = 3_600_000;

export const numberOf = ({ id }: Payment): number => Number(id.slice('n-'.length));

const views: readonly View<Payment>[] = [
  {
    name: 'card',
    keyOf: ({ cardId }) => cardId,
    fields: [
      ['count', field(count, () => null)],
      ['numbersSum', field(sum, numberOf)],
      ['lowest', field(min, numberOf)],
      ['highest', field(max, numberOf)],
      ['first', field(first, (payment: Payment) => dated(payment, numberOf(payment)))],
      ['last', field(last, (payment: Payment) => dated(payment, numberOf(payment)))],
    ],
    outputs: [
      { name: 'tumbling', window: { kind: 'tumbling', sizeMs: tumblingSizeMs } },
      { name: 'hopping', window: { kind: 'hopping', sizeMs: hoppingSizeMs, advanceMs: hoppingAdvanceMs } },
      { name: 'session', window: { kind: 'session', gapMs: sessionGapMs, reachMs: sessionReachMs } },
    ],
  },
];

/** Three outputs: `tumbling`, `hopping`, `session`, by card. */
export function numbered(options: NumberedOptions): Processor<Payment> {
  return {
    name: 'numbered',
    version: 1,
    inputs: ['payments'],
    eventTypes: ['payment'],
    stateShape: viewsShape(views),
    acceptsBehindMs: viewsReachMs(views) + options.allowedLatenessMs,
    shardedBy: 'message-key',
    create: (owns) => windowed({ ...options, views, cellsMax: options.keysMax * 1_000, owns, topics: resultTopics }),
  };
}

/** Payment number `n`, by card `card`, at `eventTimeMs`. */
export const numberedPayment = (n: number, card: number, eventTimeMs: number): Payment => ({
  ...{ id: `n-${n}`, type: 'payment', version: 2, source: 'numbered', eventTimeMs },
  ...{ key: `card-${card}`, cardId: `card-${card}`, amountMinor: n % 1_000, currency: 'EUR' },
});
