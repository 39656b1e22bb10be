import { expect, test } from 'vitest';
import type { Alert } from '../../events/decisions.ts';
import type { ForecastBand, ForecastScore, Prediction } from '../../events/insights.ts';
import { resultTopics } from '../../events/topics.ts';
import type { LoggedRecord } from '../../streams/entry-log.ts';
import {
  countAround,
  decided,
  minuteMs,
  pay,
  predictionsRig,
  type Said,
  seeded,
  shown,
  T0,
} from './predictions-suite.ts';

const rowsOf = (said: readonly Said[], metric: string, key: string, horizon = 0): Prediction[] =>
  said.filter(
    (one): one is Prediction =>
      one.kind === 'prediction' && one.metric === metric && one.key === key && one.horizonMinutes === horizon,
  );
const of = (lines: readonly string[], start: string): string[] => lines.filter((line) => line.startsWith(start));

test('a minute is told when the watermark passes its end, with what is then said of minutes to come', () => {
  const rig = predictionsRig();
  expect(shown(rig.fold([pay(0, 300), pay(0.5, 500), pay(1.08, 1)]))).toEqual([]);
  const said = rig.fold([pay(1.09, 1)]);
  expect(of(shown(said), 'revenue FR/EUR')).toEqual([
    'revenue FR/EUR 0+0: 800',
    'revenue FR/EUR 0+1: ~800',
    'revenue FR/EUR 0+15: ~800',
    'revenue FR/EUR 0+60: ~800',
  ]);
  expect(of(shown(said), 'volume all 0+0')).toEqual(['volume all 0+0: 2']);
  const band = said.find((one): one is ForecastBand => one.kind === 'forecast-band' && one.metric === 'volume');
  expect(band).toMatchObject({ fromMs: T0 + minuteMs, key: 'all' });
  expect([band?.forecast.length, band?.low.length, band?.high.length]).toEqual([60, 60, 60]);
});

test('money stays within its currency: there is a total of each, and one of the counts', () => {
  const rig = predictionsRig();
  const said = rig.fold([pay(0, 300), pay(0, 900, { currency: 'USD', country: 'US' }), pay(2, 1)]);
  expect(shown(said).filter((line) => line.includes('0+0') && line.includes('all'))).toEqual([
    'revenue all/EUR 0+0: 300',
    'volume all 0+0: 2',
    'revenue all/USD 0+0: 900',
  ]);
});

test('a minute without payments is zero, and one without decisions has no rate', () => {
  const rig = predictionsRig();
  const said = rig.fold([pay(0, 300), decided(0, 'a'), pay(3, 1), decided(3.1, 'b')]);
  expect(rowsOf(said, 'revenue', 'FR/EUR').map(({ actual }) => actual)).toEqual([300, 0]);
  expect(rowsOf(said, 'decline_rate', 'all').map(({ targetMs, actual }) => [targetMs, actual])).toEqual([[T0, 0]]);
});

test('what comes late tells the minute again, against the forecast of then; beyond the allowed lateness it is a late record', () => {
  const rig = predictionsRig({ allowedLatenessMs: 2 * minuteMs });
  rig.fold([pay(0, 300), pay(1, 100), pay(3, 1)]);
  const [row] = rowsOf(rig.fold([pay(1.5, 50)]), 'revenue', 'FR/EUR');
  expect(row).toMatchObject({ targetMs: T0 + minuteMs, actual: 150, forecast: 300 });
  rig.fold([pay(5, 1)]);
  expect(shown(rig.fold([pay(1.6, 7)]))).toEqual(['late payments_1m FR/EUR']);
  expect(rig.counters()).toMatchObject({ folded: 5, late: 1 });
});

test('decisions are folded by identity: again changes nothing, a correction replaces', () => {
  const rig = predictionsRig();
  const first = decided(0, 'a', { isDeclined: true });
  const said = rig.fold([first, decided(0.1, 'b'), first, decided(2, 'c')]);
  expect(rowsOf(said, 'decline_rate', 'FR/EUR').map(({ actual }) => actual)).toEqual([0.5]);
  const corrected = rig.fold([decided(0, 'a', { revision: '3000', isDeclined: false })]);
  expect(rowsOf(corrected, 'decline_rate', 'FR/EUR').map(({ actual }) => actual)).toEqual([0]);
  expect(rig.fold([first])).toEqual([]);
});

test('decisions have an event time of their own: they may lag behind the payments without being late', () => {
  const rig = predictionsRig({ allowedLatenessMs: minuteMs });
  rig.fold([pay(0, 1), decided(0, 'a'), pay(600, 1)]);
  const said = rig.fold([decided(0.5, 'b', { isDeclined: true }), decided(2, 'c')]);
  expect(rowsOf(said, 'decline_rate', 'all').map(({ actual }) => actual)).toEqual([0.5]);
  expect(rig.counters()).toMatchObject({ late: 0 });
});

test('after a pause decisions come back partition by partition, and none is late for it', () => {
  const partitions = ['payments-0', `${resultTopics.decisions}-0`, `${resultTopics.decisions}-1`];
  const rig = predictionsRig({ allowedLatenessMs: minuteMs }, partitions);
  const other = (minute: number, id: string) => ({ ...decided(minute, id), partition: `${resultTopics.decisions}-1` });
  rig.fold([pay(0, 1), decided(0, 'a'), other(0, 'b'), pay(600, 1)]);
  rig.fold([decided(60, 'c'), decided(120, 'd')], { idle: [`${resultTopics.decisions}-1`] });
  const said = rig.fold([other(1, 'e'), other(60, 'f'), other(120, 'g')]);
  expect(rig.counters()).toMatchObject({ late: 0 });
  expect(rowsOf(said, 'decline_rate', 'all').map(({ targetMs }) => (targetMs - T0) / minuteMs)).toEqual([0, 1, 60]);
});

test('series are bounded: a country beyond is only in the totals, and counted', () => {
  const rig = predictionsRig({ seriesMax: 4 });
  const said = rig.fold([pay(0, 300), pay(0, 200, { country: 'DE' }), pay(2, 1)]);
  expect(rowsOf(said, 'revenue', 'all/EUR')[0]?.actual).toBe(500);
  expect(rowsOf(said, 'revenue', 'DE/EUR')).toEqual([]);
  expect(rig.counters()).toMatchObject({ series: 4, series_refused: 1 });
});

test('silence closes minutes; after six hours of it they are skipped', () => {
  const idle = ['payments-0', 'millrace.decisions-0'];
  const rig = predictionsRig();
  rig.fold([pay(0, 300)], { clockMs: T0 + 1e9 });
  const said = rig.fold([], { clockMs: T0 + 1e9 + 3 * minuteMs, idle });
  expect(rowsOf(said, 'revenue', 'FR/EUR').map(({ actual }) => actual)).toEqual([300, 0]);
  rig.fold([], { clockMs: T0 + 1e9 + 100 * 3_600_000, idle });
  expect(rig.counters()['minutes_skipped']).toBe(100 * 60 - 1 - 361);
  const back = rig.fold([pay(6_001, 5), pay(6_003, 1)], { clockMs: T0 + 2e9 });
  expect(rowsOf(back, 'revenue', 'FR/EUR').map(({ actual }) => actual)).toEqual([5]);
});

const spikeAt = 200;
/** Four hours of some ten payments a minute; a hundred in one of them, of which two thirds are declined. */
function hours(seed: number): LoggedRecord[] {
  const random = seeded(seed);
  const records: LoggedRecord[] = [];
  for (let minute = 0; minute < 240; minute++) {
    const count = minute === spikeAt ? 100 : countAround(10, random);
    for (let i = 0; i < count; i++) {
      const at = minute + i / count - (random() < 0.05 ? 0.08 : 0);
      const isDeclined = random() < (minute === spikeAt ? 0.66 : 0.02);
      const amountMinor = Math.round(500 + random() * 3_000);
      records.push(pay(at, amountMinor, { country: random() < 0.3 ? 'DE' : 'FR' }));
      records.push(decided(Math.max(0, at), `p-${minute}-${i}`, { isDeclined, index: records.length, revision: '9' }));
    }
  }
  return records;
}

const lasting = (said: readonly Said[]): Map<string, Prediction | ForecastScore> =>
  new Map(
    said.flatMap((one) =>
      one.kind === 'prediction'
        ? [[`${one.metric} ${one.key} ${one.targetMs} ${one.horizonMinutes}`, one] as const]
        : [],
    ),
  );

test('[A7] any split into entries gives the same minutes and forecasts, and restoring anywhere changes nothing', () => {
  const records = hours(1);
  const whole = predictionsRig().fold(records);
  const random = seeded(2);
  let rig = predictionsRig();
  const said: Said[] = [];
  for (let from = 0; from < records.length;) {
    const to = from + 1 + Math.floor(random() * 400);
    said.push(...rig.fold(records.slice(from, to)));
    from = to;
    const saved = structuredClone(rig.snapshot());
    rig = predictionsRig();
    rig.restore(saved);
  }
  expect(lasting(said)).toEqual(lasting(whole));
  expect(lasting(whole).size).toBeGreaterThan(6_000);
});

test('[G1][G8] a spike is an alarm in the very entry that closes its minute, and resolved after ten calm ones', () => {
  const records = hours(3);
  const rig = predictionsRig();
  const alerts: { readonly alert: Alert; readonly closedMs: number }[] = [];
  for (const record of records) {
    const said = rig.fold([record]);
    const closed = said.filter((one): one is Prediction => one.kind === 'prediction' && one.horizonMinutes === 0);
    for (const alert of said) if (alert.kind === 'alert') alerts.push({ alert, closedMs: closed[0]?.targetMs ?? 0 });
  }
  const raised = alerts.filter(({ alert }) => alert.transition === 'raised');
  expect(raised.map(({ alert }) => alert.entityId).toSorted()).toEqual([
    'decline_rate/FR/EUR',
    'decline_rate/all',
    'revenue/DE/EUR',
    'revenue/FR/EUR',
    'revenue/all/EUR',
    'volume/DE/EUR',
    'volume/FR/EUR',
    'volume/all',
  ]);
  for (const { alert, closedMs } of raised)
    expect([alert.firstEventTimeMs, closedMs]).toEqual([T0 + spikeAt * minuteMs, T0 + spikeAt * minuteMs]);
  expect(raised[0]?.alert.title).toMatch(/ instead of /);
  const resolved = alerts.filter(({ alert }) => alert.transition === 'resolved');
  expect(resolved).toHaveLength(8);
  for (const { closedMs } of resolved) expect(closedMs).toBeGreaterThanOrEqual(T0 + (spikeAt + 10) * minuteMs);
});

test('an alarm whose minute late payments make normal is retracted', () => {
  const rig = predictionsRig();
  const minute = (at: number) => Array.from({ length: 40 }, (_, j) => pay(at + j / 41, 100));
  const calm = Array.from({ length: 100 }, (_, at) => minute(at)).flat();
  const raised = rig.fold([...calm, ...minute(101), ...minute(102)]);
  expect(of(shown(raised), 'raised volume/all')).toEqual(['raised volume/all 1']);
  const said = rig.fold(minute(100));
  expect(of(shown(said), 'retracted').toSorted()).toEqual([
    'retracted revenue/FR/EUR 0',
    'retracted revenue/all/EUR 0',
    'retracted volume/FR/EUR 0',
    'retracted volume/all 0',
  ]);
  expect(rowsOf(said, 'volume', 'all')[0]).toMatchObject({ actual: 40, isAnomaly: false });
});
