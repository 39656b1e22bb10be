import { describe, expect, test } from 'vitest';
import type { LateRecord, WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { T0, foldAll, lastValues, payment, record, resultsOf, revenuePipeline, windowRows } from './cases.ts';

const CLOCK = T0 + 7_200_000;
const MINUTE = 60_000;

/** `state output key start+count` of window rows, starts in minutes after T0. */
const brief = (rows: readonly WindowResult[], output = 'country_1m'): string[] =>
  rows
    .filter((row) => row.output === output)
    .map((row) => `${row.state} ${row.key} ${(row.windowStartMs - T0) / MINUTE} n=${String(row.values['count'])}`);

const lateOf = (outputs: ReturnType<typeof resultsOf>) =>
  outputs.filter((result): result is LateRecord & { topic: string } => result.topic === resultTopics.late);
describe('tumbling windows', () => {
  // minute      0                 1                 2
  //   ──────────┬─────────────────┬─────────────────┬────▶ event time
  //   FR        │ ●       ●       │●                │
  //   DE        │    ●            │                 │●     ← watermark 5 s behind: 2:00 passed at 2:05
  test('[C3] tumbling: a payment counts in the window that holds its event time, the start with it, the end not', () => {
    const log = new EntryLog();
    const fold = revenuePipeline();
    const records = [
      payment({ atMs: 0, amountMinor: 100 }),
      payment({ atMs: 20_000, amountMinor: 250, country: 'DE' }),
      payment({ atMs: 59_999, amountMinor: 300 }),
      payment({ atMs: 60_000, amountMinor: 1 }),
      payment({ atMs: 125_000, country: 'DE' }),
    ].map((p) => record(p));
    const rows = windowRows(fold.fold(log.append({ clockMs: CLOCK, records })));
    expect(brief(rows)).toEqual(['final FR/EUR 0 n=2', 'final DE/EUR 0 n=1', 'final FR/EUR 1 n=1']);
    expect(rows[0]?.values).toEqual({ count: 2, sumMinor: 400, meanMinor: 200, maxMinor: 300 });
  });

  test('[C12] every row says its window and the watermark after its entry', () => {
    const log = new EntryLog();
    const fold = revenuePipeline({ provisionalEveryMs: 1 });
    const records = [record(payment({ atMs: 1 })), record(payment({ atMs: 70_000 }))];
    const outputs = resultsOf(fold.fold(log.append({ clockMs: CLOCK, records })));
    expect(outputs).toHaveLength(6);
    for (const row of outputs as WindowResult[]) {
      const sizeMs = row.output.endsWith('1m') ? MINUTE : 60 * MINUTE;
      expect(row.windowEndMs - row.windowStartMs).toBe(sizeMs);
      expect([T0, T0 + MINUTE]).toContain(row.windowStartMs);
      expect(row).toMatchObject({ watermarkMs: T0 + 65_000, clockMs: CLOCK, complete: 1, version: 1 });
      expect(row.producer).toMatchObject({
        pipeline: 'revenue',
        shard: 0,
        epoch: 1,
        orderOffset: '0',
        entryId: 'entry-0',
      });
    }
    expect(outputs.map(({ producer }) => producer.index)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  test('keys hold the currency, `unknown` where there is no country, and the terminal where there is no merchant', () => {
    const fold = revenuePipeline();
    const { country: _, merchantId: __, ...bare } = payment({ atMs: 0, currency: 'USD' });
    const log = new EntryLog();
    const records = [record({ ...bare, terminalId: 't-9' }), record(payment({ atMs: 7_200_000 - 1 }))];
    const keys = windowRows(fold.fold(log.append({ clockMs: CLOCK, records }))).map(
      ({ output, key }) => `${output} ${key}`,
    );
    expect(keys).toEqual([
      'country_1m unknown/USD',
      'country_1h unknown/USD',
      'merchant_1m t-9/USD',
      'merchant_1h t-9/USD',
    ]);
  });

  test('[C1] last year’s payments give the same windows at any speed of replay', () => {
    const payments = Array.from({ length: 300 }, (_, i) => payment({ atMs: i * 997, id: `p${i}` }));
    const at = (entryRecords: number, clockStepMs: number) => {
      const log = new EntryLog();
      const fold = revenuePipeline();
      const outputs = [];
      for (let from = 0; from < payments.length; from += entryRecords) {
        const records = payments.slice(from, from + entryRecords).map((p) => record(p));
        outputs.push(...fold.fold(log.append({ clockMs: CLOCK + from * clockStepMs, records })));
      }
      return lastValues(outputs);
    };
    const slow = at(1, 60_000);
    expect(slow.size).toBe(8);
    expect(at(50, 1)).toEqual(slow);
    expect(at(300, 0)).toEqual(slow);
  });
});

describe('partitions and silence', () => {
  test('[C4] one fast partition does not make the others late', () => {
    const log = new EntryLog(['payments-0', 'payments-1']);
    const fold = revenuePipeline();
    const slow = payment({ atMs: 0, country: 'SE' });
    const outputs = foldAll(fold, [
      log.append({ clockMs: CLOCK, records: [record(payment({ atMs: 3_600_000 }))] }),
      log.append({ clockMs: CLOCK, records: [record(slow, 'payments-1')] }),
    ]);
    expect(windowRows(outputs)).toEqual([]);
    expect(fold.counters()).toMatchObject({ folded: 2, late: 0 });
    const later = record(payment({ atMs: 65_000 }), 'payments-1');
    expect(brief(windowRows(fold.fold(log.append({ clockMs: CLOCK, records: [later] }))))).toEqual([
      'final SE/EUR 0 n=1',
    ]);
    expect(fold.partitionTimeMs('payments-0')).toBe(T0 + 3_600_000);
    expect(fold.partitionTimeMs('payments-1')).toBe(T0 + 65_000);
  });

  test('[C5] with five of six partitions idle, windows close', () => {
    const names = [0, 1, 2, 3, 4, 5].map((i) => `payments-${i}`);
    const log = new EntryLog(names);
    const fold = revenuePipeline();
    const records = [record(payment({ atMs: 0 })), record(payment({ atMs: 65_000 }))];
    expect(windowRows(fold.fold(log.append({ clockMs: CLOCK, records })))).toEqual([]);
    const idle = names.slice(1);
    expect(brief(windowRows(fold.fold(log.append({ clockMs: CLOCK + 10_000, idle }))))).toEqual(['final FR/EUR 0 n=1']);
  });

  test('[C6] when all input is silent the last windows close, and what comes after corrects them', () => {
    const log = new EntryLog();
    const fold = revenuePipeline();
    const records = Array.from({ length: 10 }, (_, i) => record(payment({ atMs: i * 1_000 })));
    const idle = ['payments-0'];
    expect(windowRows(fold.fold(log.append({ clockMs: CLOCK, records })))).toEqual([]);
    expect(windowRows(fold.fold(log.append({ clockMs: CLOCK + 55_999, idle })))).toEqual([]);
    expect(brief(windowRows(fold.fold(log.append({ clockMs: CLOCK + 56_000, idle }))))).toEqual([
      'final FR/EUR 0 n=10',
    ]);
    expect(fold.watermarkMs()).toBe(T0 + 4_000);
    const backlog = [record(payment({ atMs: 11_000 })), record(payment({ atMs: 12_000, country: 'DE' }))];
    const rows = windowRows(fold.fold(log.append({ clockMs: CLOCK + 57_000, records: backlog })));
    expect(brief(rows)).toEqual(['corrected FR/EUR 0 n=11', 'final DE/EUR 0 n=1']);
    expect(fold.counters()).toMatchObject({ folded: 12, late: 0 });
  });

  test('a window that a gap may have cut says so', () => {
    const log = new EntryLog();
    const fold = revenuePipeline();
    const rows = windowRows(
      foldAll(fold, [
        log.append({ clockMs: CLOCK, records: [record(payment({ atMs: 30_000 }))] }),
        log.append({ clockMs: CLOCK, hasSkip: true }),
        log.append({ clockMs: CLOCK, records: [record(payment({ atMs: 70_000 }))] }),
        log.append({
          clockMs: CLOCK,
          records: [record(payment({ atMs: 130_000 })), record(payment({ atMs: 190_000 }))],
        }),
      ]),
    ).filter(({ output }) => output === 'country_1m');
    expect(rows.map(({ complete }) => complete)).toEqual([0, 0, 1]);
  });
});

describe('late records', () => {
  test('[C8] within the allowed lateness a record corrects its window at a higher revision', () => {
    const log = new EntryLog();
    const fold = revenuePipeline({ allowedLatenessMs: MINUTE });
    const before = fold.fold(
      log.append({ clockMs: CLOCK, records: [record(payment({ atMs: 0 })), record(payment({ atMs: 65_000 }))] }),
    );
    const after = fold.fold(log.append({ clockMs: CLOCK, records: [record(payment({ atMs: 1, amountMinor: 900 }))] }));
    expect(brief(windowRows(before))).toEqual(['final FR/EUR 0 n=1']);
    expect(brief(windowRows(after))).toEqual(['corrected FR/EUR 0 n=2']);
    const [old, corrected] = [before, after].map((outputs) => windowRows(outputs)[0]);
    expect(BigInt(corrected?.revision ?? 0)).toBeGreaterThan(BigInt(old?.revision ?? 0));
    expect(corrected?.values).toEqual({ count: 2, sumMinor: 1_000, meanMinor: 500, maxMinor: 900 });
  });

  test('[C11] one window is provisional, then final, then corrected', () => {
    const log = new EntryLog();
    const fold = revenuePipeline({ allowedLatenessMs: MINUTE, provisionalEveryMs: 1_000 });
    const entries = [
      log.append({ clockMs: CLOCK, records: [record(payment({ atMs: 0 }))] }),
      log.append({ clockMs: CLOCK + 999, records: [record(payment({ atMs: 1 }))] }),
      log.append({ clockMs: CLOCK + 1_000 }),
      log.append({ clockMs: CLOCK + 2_000 }),
      log.append({ clockMs: CLOCK + 3_000, records: [record(payment({ atMs: 65_000 }))] }),
      log.append({ clockMs: CLOCK + 4_000, records: [record(payment({ atMs: 2 }))] }),
    ];
    const states = entries.map((entry) =>
      brief((resultsOf(fold.fold(entry)) as WindowResult[]).filter(({ windowStartMs }) => windowStartMs === T0)),
    );
    expect(states).toEqual([
      ['provisional FR/EUR 0 n=1'],
      [],
      ['provisional FR/EUR 0 n=2'],
      [],
      ['final FR/EUR 0 n=2'],
      ['corrected FR/EUR 0 n=3'],
    ]);
  });

  test('[C8] a correction in the very entry that ends the allowed lateness is still published', () => {
    const log = new EntryLog();
    const fold = revenuePipeline({ allowedLatenessMs: 10_000 });
    const entry = (...times: number[]) =>
      log.append({ clockMs: CLOCK, records: times.map((atMs) => record(payment({ atMs }))) });
    expect(brief(windowRows(fold.fold(entry(0, 65_000))))).toEqual(['final FR/EUR 0 n=1']);
    // The second record moves the watermark to 1:20, the window takes nothing more after 1:10: before the third it goes.
    expect(brief(windowRows(fold.fold(entry(1, 85_000, 86_000))))).toEqual(['corrected FR/EUR 0 n=2']);
  });

  //   window 0:00–1:00, allowed lateness 10 s, watermark 5 s behind
  //   ──┬──────────────────┬────────┬─────────▶ watermark
  //     0:00   open       1:00     1:10  gone
  test('[C9] beyond it a record goes to the late topic, with the window missed, its key, its lag and what it would have added', () => {
    const log = new EntryLog();
    const fold = revenuePipeline({ allowedLatenessMs: 10_000 });
    const tooLate = payment({ atMs: 5, amountMinor: 70 });
    const records = [payment({ atMs: 0 }), payment({ atMs: 75_000 }), tooLate].map((p) => record(p));
    const outputs = fold.fold(log.append({ clockMs: CLOCK, records }));
    const late = lateOf(resultsOf(outputs));
    expect(late.map(({ output }) => output)).toEqual(['country_1m', 'merchant_1m']);
    expect(late[0]).toMatchObject({
      kind: 'late',
      key: 'FR/EUR',
      windowStartMs: T0,
      windowEndMs: T0 + MINUTE,
      eventId: tooLate.id,
      source: 'test',
      eventTimeMs: T0 + 5,
      watermarkMs: T0 + 70_000,
      lateByMs: 0,
      wouldAdd: { count: 1, sumMinor: 70, meanMinor: 70, maxMinor: 70 },
      input: { topic: 'payments', partition: 0, inputOffset: '2', timestampMs: CLOCK },
    });
    // The hour still takes it: folded, and late for two windows.
    expect(fold.counters()).toMatchObject({
      folded: 3,
      late: 0,
      late_country_1m: 1,
      late_merchant_1m: 1,
      late_country_1h: 0,
    });
    const hopeless = [record(payment({ atMs: 4_000_000 })), record(payment({ atMs: 6 }))];
    expect(lateOf(resultsOf(fold.fold(log.append({ clockMs: CLOCK, records: hopeless }))))).toHaveLength(4);
    expect(fold.counters()).toMatchObject({ in: 5, folded: 4, late: 1, late_country_1h: 1 });
  });
});
