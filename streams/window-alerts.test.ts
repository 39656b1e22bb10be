import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { of } from 'rxjs';
import { expect, test } from 'vitest';
import { field } from './aggregates/aggregate.ts';
import { count } from './aggregates/count.ts';
import type { Output, StreamBatch, TimedEvent } from './batch.ts';
import { EntryLog, type LoggedEntry } from './entry-log.ts';
import { ingest } from './ingest.ts';
import { watermark } from './watermark.ts';
import { type AlertRow, windowAlerts } from './window-alerts.ts';
import { windowed } from './windowed.ts';

const LATENESS = 100;
const event = (atMs: number, key = 'k', id = `${key}@${atMs}`): { value: TimedEvent } => ({
  value: { id, type: 'x', source: 's', eventTimeMs: atMs, key },
});

/** Sessions of a gap of 10; an alert on one of two events, exactly. */
function rig(alertsMax = 100) {
  const log = new EntryLog();
  const decoded = ingest<TimedEvent>({
    decode: (bytes, start, end) => ({
      kind: 'event',
      event: JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as TimedEvent,
    }),
    clockGuard: { maxFutureMs: 1e9, isCreateTimeTrusted: false },
  });
  const timed = watermark<TimedEvent>({ outOfOrdernessMs: 0 });
  const sessions = windowed<TimedEvent>({
    ...{ allowedLatenessMs: LATENESS, provisionalEveryMs: 1e15, keysMax: 100, cellsMax: 1_000 },
    topics: { windows: 'w', provisional: 'p', late: 'l' },
    views: [
      {
        name: 'v',
        keyOf: ({ key }) => key,
        fields: [['count', field(count, () => null)]],
        outputs: [{ name: 's', window: { kind: 'session', gapMs: 10, reachMs: 1_000 } }],
      },
    ],
  });
  const make = () =>
    windowAlerts<TimedEvent>({
      ...{ topic: 'w', output: 's', allowedLatenessMs: LATENESS, alertsMax },
      isAlert: ({ values }) => values['count'] === 2,
      tell: (row, transition) => ({
        topic: 'alerts',
        key: row.key,
        identity: `${row.windowStartMs} ${row.key} ${transition}`,
        body: { transition, row },
      }),
    });
  let alerts = make();
  const fold = (entry: LoggedEntry): readonly Output[] => {
    let made: StreamBatch<TimedEvent> | undefined;
    of(log.append(entry))
      .pipe(decoded.operator, timed.operator, sessions.operator, alerts.operator)
      .subscribe((batch) => (made = batch));
    return made?.outputs ?? [];
  };
  const reload = (): void => {
    const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });
    const saved: unknown = packr.unpack(packr.pack(alerts.snapshot()));
    alerts = make();
    alerts.restore(saved);
  };
  return { fold, reload, counters: () => alerts.counters() };
}

type Told = { readonly transition: string; readonly row: AlertRow };
const told = (outputs: readonly Output[]): string[] =>
  outputs
    .filter(({ topic }) => topic === 'alerts')
    .map(({ body }) => {
      const { transition, row } = body as Told;
      return `${transition} ${row.key} ${row.windowStartMs}–${row.windowEndMs}`;
    });

test('a late fact retracts an alert, and a merge those of the sessions that are none any more', () => {
  const { fold, counters } = rig();
  const entry = (...times: number[]) => told(fold({ clockMs: 1_000, records: times.map((atMs) => event(atMs)) }));
  expect(entry(0, 5, 40, 45, 60)).toEqual(['raised k 0–15', 'raised k 40–55']);
  expect(entry(6)).toEqual(['retracted k 0–15']);
  expect(entry(35)).toEqual(['retracted k 40–55']);
  expect(entry(80)).toEqual([]);
  expect(entry(88, 120)).toEqual(['raised k 80–98']);
  expect(counters()).toMatchObject({ alerts_raised: 3, alerts_retracted: 2, alerts_open: 1, alerts_refused: 0 });
  expect(entry(198)).toEqual([]);
  expect(counters()).toMatchObject({ alerts_open: 0, alerts_settled: 1 });
});

test('one that is moved by a merge is retracted and raised again under its new start', () => {
  const { fold } = rig();
  const entry = (...times: number[]) => told(fold({ clockMs: 1_000, records: times.map((atMs) => event(atMs)) }));
  expect(entry(20, 21, 60)).toEqual(['raised k 20–31']);
  expect(entry(0)).toEqual([]);
  expect(entry(1)).toEqual(['raised k 0–11']);
  // 0, 1, 10, 20, 21 are one session of five.
  expect(entry(10, 15)).toEqual(['retracted k 20–31', 'retracted k 0–11']);
});

test('beyond the limit alerts are counted, not raised', () => {
  const { fold, counters } = rig(1);
  const records = ['a', 'b'].flatMap((key) => [event(0, key), event(1, key)]);
  expect(told(fold({ clockMs: 1_000, records: [...records, event(50)] }))).toEqual(['raised a 0–11']);
  expect(counters()).toMatchObject({ alerts_open: 1, alerts_refused: 1 });
});

test('what is raised and not retracted is what the published rows ask for, after every entry, through snapshots', () => {
  const entryArb = fc.array(fc.tuple(fc.nat(90), fc.constantFrom('a', 'b')), { maxLength: 5 });
  fc.assert(
    fc.property(fc.array(entryArb, { maxLength: 8 }), (entries) => {
      const { fold, reload } = rig();
      const rows = new Map<string, AlertRow>();
      const open = new Map<string, number>();
      let n = 0;
      for (const entry of entries) {
        const records = entry.map(([atMs, key]) => event(atMs, key, `e${n++}`));
        for (const { topic, body } of fold({ clockMs: 1_000, records })) {
          const { transition, row } = topic === 'alerts' ? (body as Told) : { transition: '', row: body as AlertRow };
          const id = `${row.windowStartMs} ${row.key}`;
          if (topic === 'w') rows.set(id, row);
          if (transition === 'raised') expect(open.has(id)).toBe(false);
          if (transition === 'updated' || transition === 'retracted') expect(open.has(id)).toBe(true);
          if (transition === 'retracted') open.delete(id);
          else if (transition !== '') open.set(id, row.windowEndMs);
        }
        const asked = [...rows].filter(([, row]) => row.state !== 'tombstone' && row.values['count'] === 2);
        expect([...open.keys()].sort()).toEqual(asked.map(([id]) => id).sort());
        reload();
      }
    }),
    { numRuns: 1_000 },
  );
});
