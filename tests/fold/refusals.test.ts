import { describe, expect, test } from 'vitest';
import type { DeadLetter, WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import {
  T0,
  accountedFor,
  foldAll,
  lastValues,
  oracle,
  payment,
  record,
  resultsOf,
  revenuePipeline,
  windowRows,
} from './cases.ts';

const CLOCK = T0 + 7_200_000;
const MINUTE = 60_000;

/** `state output key start+count` of window rows, starts in minutes after T0. */
const brief = (rows: readonly WindowResult[], output = 'country_1m'): string[] =>
  rows
    .filter((row) => row.output === output)
    .map((row) => `${row.state} ${row.key} ${(row.windowStartMs - T0) / MINUTE} n=${String(row.values['count'])}`);

const deadOf = (outputs: ReturnType<typeof resultsOf>) =>
  outputs.filter((result): result is DeadLetter & { topic: string } => result.topic === resultTopics.deadLetters);

describe('what must not count', () => {
  test('[A5] the same file sent twice gives the windows of one', () => {
    const payments = Array.from({ length: 500 }, (_, i) => payment({ atMs: i * 1_000, id: `p${i}`, amountMinor: i }));
    const log = new EntryLog();
    const fold = revenuePipeline({ allowedLatenessMs: 3_600_000 });
    const records = payments.map((p) => record(p));
    const outputs = foldAll(fold, [
      log.append({ clockMs: CLOCK, records }),
      log.append({ clockMs: CLOCK, records }),
      log.append({ clockMs: CLOCK + 1e9, idle: ['payments-0'] }),
    ]);
    expect(lastValues(outputs)).toEqual(oracle(payments));
    expect(fold.counters()).toMatchObject({ in: 1_000, folded: 500, duplicate: 500 });
  });

  test('the same id from another source is another payment', () => {
    const log = new EntryLog();
    const fold = revenuePipeline();
    const records = [record(payment({ atMs: 0, id: 'x' })), record(payment({ atMs: 0, id: 'x', source: 'other' }))];
    fold.fold(log.append({ clockMs: CLOCK, records }));
    expect(fold.counters()).toMatchObject({ folded: 2, duplicate: 0 });
  });

  test('[C10] a payment a day ahead is a dead letter, moves no watermark, and costs no honest row', () => {
    const log = new EntryLog();
    const fold = revenuePipeline();
    const honest = Array.from({ length: 100 }, (_, i) => payment({ atMs: i * 1_000 }));
    const liar = payment({ atMs: 9_000_000 + 86_400_000, source: 'broken-till' });
    const records = [...honest.slice(0, 50), liar, ...honest.slice(50)].map((p) => record(p));
    const outputs = foldAll(fold, [
      log.append({ clockMs: CLOCK, records }),
      log.append({ clockMs: CLOCK + 1e9, idle: ['payments-0'] }),
    ]);
    expect(deadOf(resultsOf(outputs))).toMatchObject([
      { reason: 'future', source: 'broken-till', fieldPath: '/eventTimeMs' },
    ]);
    expect(fold.counters()).toMatchObject({ folded: 100, late: 0, dead: 1, dead_future: 1 });
    expect(lastValues(outputs)).toEqual(oracle(honest));
  });

  test('[C10] the guard goes by the append time where that is before the clock, and by a create time only where it is trusted', () => {
    const early = { ...record(payment({ atMs: 7_000_000 })), timestampMs: T0 };
    const deadWith = (timestampType: 'append' | 'create') => {
      const fold = revenuePipeline();
      fold.fold(new EntryLog(['payments-0'], timestampType).append({ clockMs: CLOCK, records: [early] }));
      return fold.counters()['dead'];
    };
    expect(deadWith('append')).toBe(1);
    expect(deadWith('create')).toBe(0);
  });

  test('broken, unknown, newer and foreign records leave by their own doors, and the rest goes on', () => {
    const log = new EntryLog();
    const fold = revenuePipeline();
    const good = payment({ atMs: 0 });
    const records = [
      record(good),
      { value: '{"id":' },
      { value: null },
      { value: { ...good, type: 'weather' } },
      { value: { ...good, amountMinor: 'much' } },
      { value: { ...good, version: 99 } },
      record(payment({ atMs: 1 })),
    ];
    const outputs = resultsOf(fold.fold(log.append({ clockMs: CLOCK, records })));
    expect(deadOf(outputs).map(({ reason, fieldPath }) => [reason, fieldPath])).toEqual([
      ['undecodable', null],
      ['undecodable', null],
      ['unknown_type', '/type'],
      ['invalid', '/amountMinor'],
    ]);
    expect(outputs.filter(({ kind }) => kind === 'quarantined')).toMatchObject([
      { eventType: 'payment', eventVersion: 99, newestKnownVersion: 2, input: { inputOffset: '5' } },
    ]);
    expect(deadOf(outputs)[0]?.valueBase64).toBe(Buffer.from('{"id":').toString('base64'));
    const counters = fold.counters();
    expect(counters).toMatchObject({ in: 7, folded: 2, dead: 4, quarantined: 1 });
    expect(accountedFor(counters)).toBe(7);
  });

  test('a record that the code fails on is a dead letter, adds nothing, and may be driven again', () => {
    const log = new EntryLog();
    let isBroken = true;
    const decode = (bytes: Uint8Array, start: number, end: number) => {
      const event = JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as ReturnType<typeof payment>;
      if (event.id === 'decoder') throw new Error('secret 4711');
      // The country is read first and fine; the amount then fails: neither may be counted.
      return {
        kind: 'event',
        event: event.id === 'amount' && isBroken ? { ...event, amountMinor: NaN } : event,
      } as const;
    };
    const fold = revenuePipeline({ decode });
    const records = ['decoder', 'amount', 'fine'].map((id) => record(payment({ atMs: 0, id })));
    const outputs = resultsOf(fold.fold(log.append({ clockMs: CLOCK, records })));
    expect(deadOf(outputs).map(({ reason, message }) => [reason, message])).toEqual([
      ['failed', 'the decoder failed: Error'],
      ['failed', 'the processor failed: RangeError'],
    ]);
    isBroken = false;
    const again = [record(payment({ atMs: 0, id: 'amount' })), record(payment({ atMs: 66_000, id: 'next' }))];
    const rows = windowRows(fold.fold(log.append({ clockMs: CLOCK, records: again })));
    expect(brief(rows)).toEqual(['final FR/EUR 0 n=2']);
    expect(fold.counters()).toMatchObject({ folded: 3, duplicate: 0, dead_failed: 2 });
  });

  test('a new key beyond the limit is refused whole, known keys go on, and room comes back when windows go', () => {
    const log = new EntryLog();
    const fold = revenuePipeline({ keysMax: 2 });
    const shop = (merchantId: string, atMs: number) =>
      record(payment({ atMs, merchantId, id: `${merchantId}@${atMs}` }));
    const outputs = resultsOf(
      fold.fold(log.append({ clockMs: CLOCK, records: [shop('a', 0), shop('b', 1), shop('a', 61_000)] })),
    );
    expect(deadOf(outputs)).toMatchObject([{ reason: 'state_full', source: 'test' }]);
    expect(fold.counters()).toMatchObject({ folded: 2, dead_state_full: 1, keys: 2, dedupe_ids: 2 });
    // FR/EUR and a/EUR go with their last window, at 1:00:05; b then finds room, although its id has been here.
    const records = [shop('a', 3_605_000), shop('b', 7_210_000), shop('b', 7_210_000)];
    fold.fold(log.append({ clockMs: CLOCK + 7_210_000, records }));
    expect(fold.counters()).toMatchObject({ folded: 3, dead_state_full: 2, duplicate: 1 });
  });

  test('a full table of ids refuses new ids and forgets none', () => {
    const log = new EntryLog();
    const fold = revenuePipeline({ dedupeIdsMax: 2 });
    const ids = ['a', 'b', 'c', 'a'];
    const records = ids.map((id) => record(payment({ atMs: 0, id })));
    fold.fold(log.append({ clockMs: CLOCK, records }));
    expect(fold.counters()).toMatchObject({ folded: 2, dead_state_full: 1, duplicate: 1 });
  });

  test('a pipeline whose ids would be forgotten before its windows close is refused', () => {
    expect(() => revenuePipeline({ dedupeHorizonMs: 3_599_999 })).toThrow(RangeError);
  });

  test('other events on its topic move the watermark and are counted as ignored', () => {
    const log = new EntryLog();
    const decode = (bytes: Uint8Array, start: number, end: number) =>
      ({ kind: 'event', event: JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) }) as const;
    const fold = revenuePipeline({ decode });
    const records = [record(payment({ atMs: 0 })), { value: { ...payment({ atMs: 65_000 }), type: 'refund' } }];
    expect(brief(windowRows(fold.fold(log.append({ clockMs: CLOCK, records }))))).toEqual(['final FR/EUR 0 n=1']);
    expect(fold.counters()).toMatchObject({ folded: 1, ignored: 1 });
  });

  test('an error in the machinery parks the fold: it is thrown, and thrown again', () => {
    const log = new EntryLog();
    const fold = revenuePipeline();
    const broken = { ...log.append({ clockMs: CLOCK }), epoch: 1 << 20 };
    expect(() => fold.fold(broken)).toThrow('revision out of range');
    expect(() => fold.fold(log.append({ clockMs: CLOCK }))).toThrow('revision out of range');
  });
});
