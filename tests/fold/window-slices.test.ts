import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Processor } from '../../processors/processor.ts';
import { count } from '../../streams/aggregates/count.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { mean } from '../../streams/aggregates/mean.ts';
import { quantile } from '../../streams/aggregates/quantile.ts';
import { topK } from '../../streams/aggregates/top-k.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { viewsShape } from '../../streams/view.ts';
import { windowed } from '../../streams/windowed.ts';
import { T0, foldAll, payment, pipelineOf, record, resultsOf } from './cases.ts';
import { expectSliced } from './sliced.ts';

const amount = ({ amountMinor }: Payment): number => amountMinor;
const views = [
  {
    name: 'card',
    keyOf: ({ cardId }: Payment) => cardId,
    // Also such as are changed in place.
    fields: [
      ['count', field(count, () => null)],
      ['mean', field(mean, amount)],
      ['median', field(quantile(0.5, 8), amount)],
      ['often', field(topK(3), ({ merchantId }: Payment) => merchantId ?? '')],
    ],
    outputs: [
      { name: 'tumbling', window: { kind: 'tumbling', sizeMs: 10_000 } },
      { name: 'hopping', window: { kind: 'hopping', sizeMs: 9_000, advanceMs: 3_000 } },
      { name: 'session', window: { kind: 'session', gapMs: 2_000, reachMs: 30_000 } },
    ],
  },
] as const satisfies Parameters<typeof windowed<Payment>>[0]['views'];

const processor: Processor<Payment> = {
  ...{ name: 'sliced', version: 1, inputs: ['payments'], eventTypes: ['payment'], stateShape: viewsShape(views) },
  acceptsBehindMs: 60_000,
  create: () =>
    windowed({
      ...{ views, topics: resultTopics, allowedLatenessMs: 12_000, provisionalEveryMs: 2_000 },
      ...{ keysMax: 100, cellsMax: 10_000 },
    }),
};

const step = fc.record({
  ...{ card: fc.nat(9), shop: fc.nat(5), backMs: fc.oneof(fc.nat(1_000), fc.nat(16_000)), ms: fc.nat(900) },
  pieces: fc.constantFrom(0, 0, 0, 1, 2),
});

test('[D1] windows in slices are those of the moment when the snapshot was begun, and are folded on from', () => {
  let most = 0;
  const steps = fc.array(step, { minLength: 110, maxLength: 130 });
  fc.assert(
    fc.property(steps, fc.integer({ min: 20, max: 90 }), (all, at) => {
      const log = new EntryLog(['payments-0']);
      let nowMs = 0;
      const entries = all.map(({ card, shop, backMs, ms }, i) => {
        nowMs += ms;
        const one = payment({
          atMs: Math.max(0, nowMs - backMs),
          cardId: `c${card}`,
          merchantId: `s${shop}`,
          amountMinor: i,
        });
        return log.append({ clockMs: one.eventTimeMs + backMs, records: [record(one)] });
      });
      const pieces = (i: number): number => all[i]?.pieces ?? 0;
      const open = () => pipelineOf(processor, { outOfOrdernessMs: 1_000 });
      most = Math.max(most, expectSliced({ open, entries, at, pieceBytes: 200, pieces }));
    }),
    { numRuns: 60 },
  );
  expect(most).toBeGreaterThan(20);
});

test('[D1] a session in slices is that of the moment before another took it in, though what it replaces is told since', () => {
  const log = new EntryLog(['payments-0']);
  const entry = (atMs: number, clockMs: number) =>
    log.append({ clockMs: T0 + clockMs, records: [record(payment({ atMs, cardId: 'c1' }))] });
  const entries = [
    // Two sessions, published from 10.0 s and from 7.5 s on; the first then begins at 9.6 s, and its row at 10.0 s is to go.
    ...[entry(10_000, 10_000), entry(7_500, 14_100), entry(9_600, 14_200)],
    // One session of both: the next provisional rows say that nothing begins at 10.0 s any more.
    ...[entry(9_000, 14_300), entry(20_000, 16_100), entry(21_000, 60_000)],
  ];
  const open = () => pipelineOf(processor, { outOfOrdernessMs: 30_000 });
  const gone = resultsOf(foldAll(open(), entries)).filter((row) => row.kind === 'window' && row.state === 'tombstone');
  expect(gone).toMatchObject([{ output: 'session', windowStartMs: T0 + 10_000 }]);
  for (const packed of [3, 4, 5, 6])
    expectSliced({ open, entries, at: 3, pieceBytes: 200, pieces: (i) => (i < packed ? 0 : Infinity) });
});
