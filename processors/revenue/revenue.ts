// Revenue: how many payments and how much, by country and by merchant, per minute and per hour of event time.
// Guarantees: sums are exact, in minor units, never across currencies; every payment is in one country and one merchant
// window of each size, or is a late record or a dead letter.
// Redelivery: duplicates never come here; the same batches give the same rows.
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { max } from '../../streams/aggregates/extremes.ts';
import { mean } from '../../streams/aggregates/mean.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import { type View, viewsReachMs, viewsShape } from '../../streams/view.ts';
import { windowed } from '../../streams/windowed.ts';
import type { Processor } from '../processor.ts';

export interface RevenueOptions {
  /** How long after its end a window takes corrections. */
  readonly allowedLatenessMs: number;
  /** Open windows are published at multiples of this of the logged clock. */
  readonly provisionalEveryMs: number;
  /** Keys with state; a new one beyond is a dead letter. */
  readonly keysMax: number;
  /** (key, window) pairs with state; a new one beyond is a dead letter. Default 8 for each key. */
  readonly cellsMax?: number;
}

const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;

/** Payments by country and by merchant (the terminal where there is no merchant); keys are `<value>/<currency>`. */
export function revenue({ cellsMax, ...options }: RevenueOptions): Processor<Payment> {
  return {
    name: 'revenue',
    version: 1,
    inputs: ['payments'],
    eventTypes: ['payment'],
    fieldsRead: { payment: ['amountMinor', 'currency', 'country', 'merchantId', 'terminalId'] },
    stateShape: viewsShape(views),
    acceptsBehindMs: viewsReachMs(views) + options.allowedLatenessMs,
    shardedBy: (payment) => views.map(({ keyOf }) => keyOf(payment)),
    create: (owns) =>
      windowed({ ...options, views, cellsMax: cellsMax ?? options.keysMax * 8, owns, topics: resultTopics }),
  };
}

const amountMinor = (payment: Payment): number => payment.amountMinor;

const fields: View<Payment>['fields'] = [
  ['count', field(count, () => null)],
  ['sumMinor', field(sum, amountMinor)],
  ['meanMinor', field(mean, amountMinor)],
  ['maxMinor', field(max, amountMinor)],
];

const views: readonly View<Payment>[] = [
  view('country', (payment) => `${payment.country ?? 'unknown'}/${payment.currency}`),
  view('merchant', (payment) => `${payment.merchantId ?? payment.terminalId ?? 'unknown'}/${payment.currency}`),
];

function view(name: string, keyOf: (payment: Payment) => string): View<Payment> {
  const outputs = [
    { name: `${name}_1m`, window: { kind: 'tumbling', sizeMs: MINUTE_MS } },
    { name: `${name}_1h`, window: { kind: 'tumbling', sizeMs: HOUR_MS } },
  ] as const;
  return { name, keyOf, fields, outputs };
}
