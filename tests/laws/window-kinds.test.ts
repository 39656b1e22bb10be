import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect } from 'vitest';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import { EntryLog, type LoggedEntry } from '../../streams/entry-log.ts';
import { numberedRows } from '../crash/numbered-oracle.ts';
import { numberedPayment } from '../crash/numbered-processor.ts';
import { T0, accountedFor, foldAll, record, resultsOf } from '../fold/cases.ts';
import { CLOCK, SECOND, held, idle, numberedPipeline as pipeline, sorted, windowsOf } from '../fold/numbered-cases.ts';
import { law } from './law.ts';

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });

describe('tumbling, hopping and session windows at once', () => {
  const sentArb = fc.array(
    fc.record({
      card: fc.nat(2),
      atMs: fc.oneof(
        fc.nat(20).map((s) => s * SECOND),
        fc.nat(90_000),
      ),
      delayMs: fc.oneof(fc.nat(5_000), fc.nat(60_000)),
    }),
    { maxLength: 40, size: 'max' },
  );
  const paymentsOf = (sent: readonly { card: number; atMs: number; delayMs: number }[]): Payment[] =>
    sent
      .map(({ card, atMs }, n) => numberedPayment(n, card, T0 + atMs))
      .map((payment, n) => [payment.eventTimeMs + (sent[n]?.delayMs ?? 0), payment] as const)
      .sort(([a], [b]) => a - b)
      .map(([, payment]) => payment);
  const entriesOf = (payments: readonly Payment[], sizes: readonly number[], stepMs: number): LoggedEntry[] => {
    const entries: LoggedEntry[] = [];
    for (let from = 0, i = 0; from < payments.length; i++) {
      const size = sizes[i % sizes.length] ?? 1;
      const records = payments.slice(from, from + size).map((payment) => record(payment));
      entries.push({ clockMs: CLOCK + i * stepMs, records, idle: i % 3 === 2 ? idle : [] });
      // Now and then all is silent for a while: windows close by the clock, and open again.
      if (i % 5 === 4) entries.push({ clockMs: CLOCK + i * stepMs + 9_000, idle });
      from += size;
    }
    return [...entries, { clockMs: CLOCK + 1e9, idle }];
  };
  const sizesArb = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 });
  const logged = (entries: readonly LoggedEntry[]) => {
    const log = new EntryLog();
    return entries.map((entry) => log.append(entry));
  };

  law(
    1,
    '[C2] whatever came late within the allowed lateness, final rows and all rows end as the batch answer',
    fc.property(sentArb, sizesArb, fc.constantFrom(100, 700, 5_000), (sent, sizes, stepMs) => {
      const payments = paymentsOf(sent);
      const options = { allowedLatenessMs: 60 * SECOND, provisionalEveryMs: 1_000 };
      const fold = pipeline(options, stepMs === 100 ? 0 : 5_000);
      const outputs = foldAll(fold, logged(entriesOf(payments, sizes, stepMs)));
      expect(fold.counters()).toMatchObject({ folded: payments.length, late_session: 0, late_hopping: 0 });
      expect(sorted(held(outputs, true))).toEqual(sorted(numberedRows(payments)));
      expect(sorted(held(outputs, false))).toEqual(sorted(numberedRows(payments)));
    }),
  );

  law(
    8,
    '[C16] how an order is cut into entries changes no last value and no count, late records included',
    fc.property(sentArb, sizesArb, sizesArb, fc.constantFrom(0, 3_000), (sent, one, other, allowedLatenessMs) => {
      const payments = paymentsOf(sent);
      const run = (sizes: readonly number[]) => {
        const fold = pipeline({ allowedLatenessMs });
        const records = payments.map((payment) => record(payment));
        const entries: LoggedEntry[] = [];
        for (let from = 0, i = 0; from < records.length; i++) {
          const size = sizes[i % sizes.length] ?? 1;
          entries.push({ clockMs: CLOCK, records: records.slice(from, from + size) });
          from += size;
        }
        const outputs = foldAll(fold, logged([...entries, { clockMs: CLOCK + 1e9, idle }]));
        const { outputs: _, ...counters } = fold.counters();
        expect(accountedFor(counters)).toBe(payments.length);
        return { rows: sorted(held(outputs, true)), counters };
      };
      expect(run(one)).toEqual(run(other));
    }),
  );

  law(
    2,
    'at the end of every entry a published fact is in one row, and a tombstone follows a row of its identity',
    fc.property(sentArb, sizesArb, fc.constantFrom(0, 5_000), (sent, sizes, outOfOrdernessMs) => {
      const fold = pipeline({ allowedLatenessMs: 60 * SECOND, provisionalEveryMs: 500 }, outOfOrdernessMs);
      const views = [new Map<string, number>(), new Map<string, number>()];
      const before = [0, 0];
      for (const entry of logged(entriesOf(paymentsOf(sent), sizes, 300))) {
        for (const row of windowsOf(fold.fold(entry))) {
          if (row.output !== 'session') continue;
          const id = `${row.windowStartMs} ${row.key}`;
          const isProvisional = row.topic === resultTopics.provisional;
          // Each topic ends what it has begun, once.
          if (row.state === 'tombstone') expect([...(views[Number(isProvisional)]?.keys() ?? [])]).toContain(id);
          for (const [i, view] of views.entries()) {
            if (i === 0 && isProvisional) continue;
            if (row.state === 'tombstone') view.delete(id);
            else view.set(id, Number(row.values['count']));
          }
        }
        for (const [i, view] of views.entries()) {
          const total = [...view.values()].reduce((a, b) => a + b, 0);
          expect(total).toBeLessThanOrEqual(sent.length);
          expect(total).toBeGreaterThanOrEqual(before[i] as number);
          before[i] = total;
        }
      }
    }),
  );

  law(
    3,
    'a snapshot taken anywhere and restored elsewhere changes no byte of what follows',
    fc.property(sentArb, sizesArb, fc.nat(30), fc.constantFrom(0, 9_000, 60_000), (sent, sizes, cut, lateness) => {
      const options = { allowedLatenessMs: lateness, provisionalEveryMs: 700, keysMax: 2 };
      const entries = logged(entriesOf(paymentsOf(sent), sizes, 300));
      const whole = pipeline(options);
      foldAll(whole, entries.slice(0, cut));
      const restored = pipeline(options);
      restored.restore(packr.unpack(packr.pack(whole.snapshot())));
      expect(resultsOf(foldAll(restored, entries.slice(cut)))).toEqual(resultsOf(foldAll(whole, entries.slice(cut))));
      expect(restored.counters()).toEqual(whole.counters());
    }),
  );
});
