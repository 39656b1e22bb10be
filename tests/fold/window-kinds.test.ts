import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { resultTopics } from '../../events/topics.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { numberedPayment } from '../crash/numbered-processor.ts';
import { T0, foldAll, record, resultsOf } from './cases.ts';
import { CLOCK, SECOND, at, brief, idle, numberedPipeline as pipeline, windowsOf } from './numbered-cases.ts';

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

  test('[C8] [C9] a late payment corrects the windows that still take it and is late for the others, one late record each', () => {
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
  test('[C8] a late payment that closes a gap corrects the first, and the second gets a tombstone, in one entry', () => {
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

  test('[C9] lateness is judged on the session that would come out', () => {
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

describe('a snapshot between the last event and the close', () => {
  test('[D2] holds open windows, watermark and timers: after a restart each kind closes, without new input', () => {
    const log = new EntryLog();
    const before = pipeline({ provisionalEveryMs: 1_000 });
    before.fold(log.append({ clockMs: CLOCK, records: at(0, 1, 12, 14) }));
    const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });
    const saved = packr.pack(before.snapshot());
    const silence = [12_000, 60_000].map((ms) => log.append({ clockMs: CLOCK + ms, idle }));
    const closed = (['tumbling', 'hopping', 'session'] as const).map((kind) => {
      const after = pipeline({ provisionalEveryMs: 1_000 });
      after.restore(packr.unpack(saved));
      expect(after.watermarkMs()).toBe(T0 + 9 * SECOND);
      return silence.map((entry) => brief(after.fold(entry), kind));
    });
    expect(closed).toEqual([
      [['final card-1 0–10 2=10', 'final card-1 10–20 2=260'], []],
      [
        ['final card-1 -20–10 2=10', 'final card-1 -10–20 4=270'],
        ['final card-1 0–30 4=270', 'final card-1 10–40 2=260'],
      ],
      [['final card-1 12–18 2=260'], []],
    ]);
  });
});
