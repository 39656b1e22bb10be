import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import type { Payment } from '../../events/payment.ts';
import type { WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import { EntryLog, type LoggedEntry } from '../../streams/entry-log.ts';
import type { Fold, FoldOutput } from '../../tasks/contract.ts';
import { numberedRows } from '../crash/numbered-oracle.ts';
import { type NumberedOptions, numbered, numberedPayment } from '../crash/numbered-processor.ts';
import { T0, accountedFor, foldAll, pipelineOf, record, resultsOf } from './cases.ts';

const CLOCK = T0 + 7_200_000;
const SECOND = 1_000;
const idle = ['payments-0'];

function pipeline(options: Partial<NumberedOptions> = {}, outOfOrdernessMs = 5 * SECOND): Fold {
  const defaults = { allowedLatenessMs: 0, provisionalEveryMs: 1e15, keysMax: 1_000 };
  return pipelineOf(numbered({ ...defaults, ...options }), { outOfOrdernessMs });
}

const windowsOf = (outputs: readonly FoldOutput[]): (WindowResult & { topic: string })[] =>
  resultsOf(outputs).filter((result): result is WindowResult & { topic: string } => result.kind === 'window');

/** `state [start, end) count = sum`, in seconds after T0, of one output; provisional rows, marked (p), if asked. */
const brief = (outputs: readonly FoldOutput[], name: string, withProvisional = false): string[] =>
  windowsOf(outputs)
    .filter(({ output, topic }) => output === name && (withProvisional || topic === resultTopics.windows))
    .map(({ topic, state, windowStartMs, windowEndMs, values, key }) => {
      const span = `${(windowStartMs - T0) / SECOND}–${(windowEndMs - T0) / SECOND}`;
      const what = state === 'tombstone' ? '' : ` ${String(values['count'])}=${String(values['numbersSum'])}`;
      return `${topic === resultTopics.provisional ? '(p) ' : ''}${state} ${key} ${span}${what}`;
    });

/** Numbered payments of card 1 at these seconds, in this order; the number is the second times 10. */
const at = (...seconds: number[]) =>
  seconds.map((s) => record(numberedPayment(Math.round(s * 10), 1, T0 + Math.round(s * SECOND))));

/** What a reader of both topics, or of the final rows only, holds in the end, as the oracle writes it. */
function held(outputs: readonly FoldOutput[], isFinalOnly: boolean) {
  const rows = new Map<string, WindowResult>();
  for (const row of windowsOf(outputs)) {
    if (isFinalOnly && row.topic === resultTopics.provisional) continue;
    const id = `${row.output} ${row.windowStartMs} ${row.key}`;
    if (row.state === 'tombstone') rows.delete(id);
    else rows.set(id, row);
  }
  return new Map([...rows].map(([id, { windowEndMs, values }]) => [id, { endMs: windowEndMs, ...values }]));
}

const sorted = (rows: ReadonlyMap<string, unknown>): [string, unknown][] =>
  [...rows].sort(([a], [b]) => (a < b ? -1 : 1));

describe('hopping windows', () => {
  test('[C3] hopping: a payment counts in every window that holds its time, each closing at its own end', () => {
    const fold = pipeline();
    const log = new EntryLog();
    const rows = fold.fold(log.append({ clockMs: CLOCK, records: at(0, 12, 25, 45) }));
    expect(brief(rows, 'hopping')).toEqual([
      'final card-1 -20–10 1=0',
      'final card-1 -10–20 2=120',
      'final card-1 0–30 3=370',
      'final card-1 10–40 2=370',
    ]);
  });

  test('a late payment corrects the windows that still take it and is late for the others, one late record each', () => {
    const fold = pipeline({ allowedLatenessMs: 5 * SECOND });
    const log = new EntryLog();
    fold.fold(log.append({ clockMs: CLOCK, records: at(0, 31) }));
    const outputs = fold.fold(log.append({ clockMs: CLOCK, records: at(5) }));
    // The watermark is 26: the window that ended at 20 takes none after 25.
    expect(brief(outputs, 'hopping')).toEqual([]);
    expect(resultsOf(outputs).filter(({ kind, ...row }) => kind === 'late' && 'output' in row)).toMatchObject([
      { output: 'tumbling', windowStartMs: T0 },
      { output: 'hopping', windowStartMs: T0 - 20 * SECOND, lateByMs: 11 * SECOND },
      { output: 'hopping', windowStartMs: T0 - 10 * SECOND, lateByMs: 1 * SECOND },
      { output: 'session', windowStartMs: T0 + 5 * SECOND, windowEndMs: T0 + 9 * SECOND },
    ]);
    expect(fold.counters()).toMatchObject({ folded: 3, late: 0, late_hopping: 2, late_tumbling: 1, late_session: 1 });
    expect(brief(fold.fold(log.append({ clockMs: CLOCK, records: at(36) })), 'hopping')).toEqual([
      'final card-1 0–30 2=50',
    ]);
  });
});

describe('sessions', () => {
  test('[C3] session: payments of a key less than the gap apart; one at the gap begins the next', () => {
    const fold = pipeline();
    const rows = fold.fold(new EntryLog().append({ clockMs: CLOCK, records: at(0, 3, 6.999, 10.999, 20) }));
    expect(brief(rows, 'session')).toEqual(['final card-1 0–10.999 3=100', 'final card-1 10.999–14.999 1=110']);
  });

  test('before anything is published, two that meet leave no trace', () => {
    const fold = pipeline();
    const log = new EntryLog();
    fold.fold(log.append({ clockMs: CLOCK, records: at(1, 7, 5, 4) }));
    expect(fold.counters()).toMatchObject({ cells: 5 });
    const rows = fold.fold(log.append({ clockMs: CLOCK, records: at(40) }));
    expect(brief(rows, 'session')).toEqual(['final card-1 1–11 4=170']);
  });

  //   0───4        published          6───10   published
  //   0──────(3)──────────────────────────10   a late payment at 3 closes the gap
  test('a late payment that closes a gap corrects the first, and the second gets a tombstone, in one entry', () => {
    const fold = pipeline({ allowedLatenessMs: 20 * SECOND });
    const log = new EntryLog();
    const first = fold.fold(log.append({ clockMs: CLOCK, records: at(0, 6, 20) }));
    expect(brief(first, 'session')).toEqual(['final card-1 0–4 1=0', 'final card-1 6–10 1=60']);
    const rows = fold.fold(log.append({ clockMs: CLOCK, records: at(3) }));
    expect(brief(rows, 'session')).toEqual(['tombstone card-1 6–10', 'corrected card-1 0–10 3=90']);
  });

  test('a late payment before a published session moves its start: tombstone for the old, final for the new', () => {
    const fold = pipeline({ allowedLatenessMs: 20 * SECOND });
    const log = new EntryLog();
    fold.fold(log.append({ clockMs: CLOCK, records: at(6, 20) }));
    const rows = fold.fold(log.append({ clockMs: CLOCK, records: at(4) }));
    expect(brief(rows, 'session')).toEqual(['tombstone card-1 6–10', 'final card-1 4–10 2=100']);
  });

  test('one that grows past the watermark is open again; its row and the tombstones wait for the end', () => {
    const fold = pipeline({ allowedLatenessMs: 20 * SECOND }, 0);
    const log = new EntryLog();
    const entry = (...seconds: number[]) =>
      brief(fold.fold(log.append({ clockMs: CLOCK, records: at(...seconds) })), 'session');
    expect(entry(0, 5, 10)).toEqual(['final card-1 0–4 1=0', 'final card-1 5–9 1=50']);
    expect(entry(8)).toEqual([]); // 5–14 now, with the one at 10; the watermark is 10
    expect(entry(3)).toEqual([]); // 0–14
    expect(entry(14)).toEqual(['tombstone card-1 5–9', 'corrected card-1 0–14 5=260']);
  });

  test('open again and shown meanwhile, each topic is told once what is no start any more', () => {
    const fold = pipeline({ allowedLatenessMs: 20 * SECOND, provisionalEveryMs: 1_000 }, 0);
    const log = new EntryLog();
    const entry = (clockMs: number, ...seconds: number[]) =>
      brief(fold.fold(log.append({ clockMs, records: at(...seconds) })), 'session', true);
    expect(entry(CLOCK, 0, 5, 10).at(-1)).toBe('(p) provisional card-1 10–14 1=100');
    expect(entry(CLOCK + 1, 8, 3)).toEqual([]);
    expect(entry(CLOCK + 1_000)).toEqual([
      '(p) tombstone card-1 10–14',
      '(p) tombstone card-1 5–9',
      '(p) provisional card-1 0–14 5=260',
    ]);
    expect(entry(CLOCK + 2_000, 9)).toEqual(['(p) provisional card-1 0–14 6=350']);
    expect(entry(CLOCK + 2_001, 14)).toEqual(['tombstone card-1 5–9', 'corrected card-1 0–14 6=350']);
  });

  test('lateness is judged on the session that would come out', () => {
    const fold = pipeline({}, 0);
    const log = new EntryLog();
    fold.fold(log.append({ clockMs: CLOCK, records: at(0, 3, 6) }));
    // The watermark is 6: alone, a payment at 1 would have ended at 5; its session ends at 10.
    fold.fold(log.append({ clockMs: CLOCK, records: at(1) }));
    expect(fold.counters()).toMatchObject({ late_session: 0 });
    const other = record(numberedPayment(7, 2, T0 + 1 * SECOND));
    fold.fold(log.append({ clockMs: CLOCK, records: [other] }));
    expect(fold.counters()).toMatchObject({ late_session: 1 });
  });

  test('but a session that never ends takes nothing from further back than its reach', () => {
    const fold = pipeline({}, 0);
    const log = new EntryLog();
    const seconds = Array.from({ length: 1_401 }, (_, i) => i * 3);
    fold.fold(log.append({ clockMs: CLOCK, records: at(...seconds) }));
    fold.fold(log.append({ clockMs: CLOCK, records: at(600.1, 600.2) }));
    expect(fold.counters()).toMatchObject({ late_session: 0 });
    fold.fold(log.append({ clockMs: CLOCK, records: at(599.9) }));
    expect(fold.counters()).toMatchObject({ late_session: 1, dead: 0 });
  });

  test('provisional rows of a start that is none any more get their tombstone among the provisional rows', () => {
    const fold = pipeline({ provisionalEveryMs: 1_000, allowedLatenessMs: 60 * SECOND });
    const log = new EntryLog();
    const entry = (clockMs: number, ...seconds: number[]) =>
      brief(fold.fold(log.append({ clockMs, records: at(...seconds) })), 'session', true);
    expect(entry(CLOCK, 6)).toEqual(['(p) provisional card-1 6–10 1=60']);
    expect(entry(CLOCK + 10, 4)).toEqual([]);
    expect(entry(CLOCK + 1_000)).toEqual(['(p) tombstone card-1 6–10', '(p) provisional card-1 4–10 2=100']);
    expect(entry(CLOCK + 1_010, 2)).toEqual([]);
    expect(entry(CLOCK + 1_020, 15)).toEqual(['(p) tombstone card-1 4–10', 'final card-1 2–10 3=120']);
  });

  test('a session that a gap may have cut, before its start too, says so', () => {
    const fold = pipeline();
    const log = new EntryLog();
    const outputs = foldAll(fold, [
      log.append({ clockMs: CLOCK, records: at(1) }),
      log.append({ clockMs: CLOCK, hasSkip: true }),
      log.append({ clockMs: CLOCK, records: at(10) }),
      log.append({ clockMs: CLOCK, records: at(13.9, 20, 60) }),
    ]);
    const rows = windowsOf(outputs).filter(
      ({ output, topic }) => output === 'session' && topic === resultTopics.windows,
    );
    expect(rows.map(({ windowStartMs, complete }) => [(windowStartMs - T0) / SECOND, complete])).toEqual([
      [1, 0],
      [10, 0],
      [20, 1],
    ]);
  });
});

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });

describe('laws of mixed kinds', () => {
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

  test('[C2] whatever came late within the allowed lateness, final rows and all rows end as the batch answer', () => {
    fc.assert(
      fc.property(sentArb, sizesArb, fc.constantFrom(100, 700, 5_000), (sent, sizes, stepMs) => {
        const payments = paymentsOf(sent);
        const options = { allowedLatenessMs: 60 * SECOND, provisionalEveryMs: 1_000 };
        const fold = pipeline(options, stepMs === 100 ? 0 : 5_000);
        const outputs = foldAll(fold, logged(entriesOf(payments, sizes, stepMs)));
        expect(fold.counters()).toMatchObject({ folded: payments.length, late_session: 0, late_hopping: 0 });
        expect(sorted(held(outputs, true))).toEqual(sorted(numberedRows(payments)));
        expect(sorted(held(outputs, false))).toEqual(sorted(numberedRows(payments)));
      }),
      { numRuns: 1_000 },
    );
  });

  test('[C16] how an order is cut into entries changes no last value and no count, late records included', () => {
    fc.assert(
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
      { numRuns: 1_000 },
    );
  });

  test('at the end of every entry a published fact is in one row, and a tombstone follows a row of its identity', () => {
    fc.assert(
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
      { numRuns: 500 },
    );
  });

  test('a snapshot taken anywhere and restored elsewhere changes no byte of what follows', () => {
    fc.assert(
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
      { numRuns: 500 },
    );
  });
});
