import { expect, test } from 'vitest';
import { declineRateMetric, revenueMetric, volumeMetric, type Metric } from './metrics.ts';
import { countAround, minuteMs, seeded } from './predictions-suite.ts';
import { Series } from './series.ts';
import { statedCoverage } from './spread.ts';

const T0 = Date.UTC(2026, 0, 5);
const dayMinutes = 1_440;
const options = { limit: 6, warmUpMinutes: 60, alarmsPerDayMax: 6 };

/** Payments a minute: four times as many at noon as in the night, a third less on Saturday and Sunday. */
function usualCount(minute: number): number {
  const part = (minute % dayMinutes) / dayMinutes;
  const day = Math.floor(minute / dayMinutes) % 7;
  return (20 - 12 * Math.cos(2 * Math.PI * (part - 0.04))) * (day >= 5 ? 0.67 : 1);
}

/** Each payment of 5 to 35, sometimes ten times that. */
const amount = (random: () => number): number => Math.round((500 + random() * 3_000) * (random() < 0.02 ? 10 : 1));

function fill(series: Series, metric: Metric, minute: number, count: number, random: () => number): void {
  const startMs = T0 + minute * minuteMs;
  for (let i = 0; i < count; i++)
    series.add(startMs, metric === declineRateMetric ? Number(random() < 0.03) : amount(random), 1);
}

/** Folds minutes [from, to) of a series; `countOf` says how many payments. */
function live(
  { series, metric, random }: { readonly series: Series; readonly metric: Metric; readonly random: () => number },
  [from, to]: readonly [number, number],
  countOf: (minute: number) => number,
  see: (minute: number, closed: NonNullable<ReturnType<Series['close']>>) => void = () => {},
): void {
  for (let minute = from; minute < to; minute++) {
    fill(series, metric, minute, countAround(countOf(minute), random), random);
    const closed = series.close(T0 + minute * minuteMs);
    series.forecasts(T0 + minute * minuteMs);
    series.drop(T0 + (minute - 60) * minuteMs);
    if (closed) see(minute, closed);
  }
}

const begun = (metric: Metric, seed: number) => ({
  series: new Series(metric, 'all', options),
  metric,
  random: seeded(seed),
});

test('[G1] injected spikes and drops are found, at less than one false alarm in two days and series', () => {
  const found: number[] = [];
  let falseAlarms = 0;
  const days = 30;
  const injected = (minute: number): number => {
    const place = minute - 10 * dayMinutes;
    if (place < 0 || place % 2_100 >= 8) return 1;
    return Math.floor(place / 2_100) % 2 === 0 ? 3.5 : 0;
  };
  for (const metric of [revenueMetric, volumeMetric]) {
    let wasAnomaly = false;
    const hit = new Set<number>();
    live(
      begun(metric, 11),
      [0, days * dayMinutes],
      (minute) => usualCount(minute) * injected(minute),
      (minute, { isAnomaly }) => {
        const near = (minute - 10 * dayMinutes) % 2_100;
        const isNear = minute >= 10 * dayMinutes && near < 20;
        if (isAnomaly && isNear) hit.add(Math.floor((minute - 10 * dayMinutes) / 2_100));
        if (isAnomaly && !wasAnomaly && !isNear) falseAlarms += 1;
        wasAnomaly = isAnomaly;
      },
    );
    found.push(hit.size);
  }
  const episodes = Math.ceil((20 * dayMinutes) / 2_100);
  const [revenue = 0, volume = 0] = found.map((count) => count / episodes);
  // Single payments of ten times the usual make the revenue of a minute a poor witness.
  expect(volume).toBeGreaterThan(0.8);
  expect(revenue).toBeGreaterThan(0.5);
  expect(falseAlarms / (2 * days)).toBeLessThan(0.5);
});

test('[G2] the nightly dip and the weekend are no alarm once a week was seen, and a night in the day is', () => {
  const one = begun(volumeMetric, 5);
  const anomalies: number[] = [];
  live(one, [0, 28 * dayMinutes], usualCount, (minute, { isAnomaly }) => void (isAnomaly && anomalies.push(minute)));
  expect(anomalies).toEqual([]);
  const night = usualCount(0);
  live(one, [28 * dayMinutes, 28 * dayMinutes + 720], usualCount);
  live(
    one,
    [28 * dayMinutes + 720, 28 * dayMinutes + 740],
    () => night,
    (minute, { isAnomaly }) => void (isAnomaly && anomalies.push(minute)),
  );
  expect(anomalies.length).toBeGreaterThan(0);
});

test('[G3] on a month that was held out nine in ten minutes lie inside their interval, an hour ahead too, and beat the naive forecast', () => {
  for (const metric of [revenueMetric, volumeMetric, declineRateMetric]) {
    const one = begun(metric, 7);
    live(one, [0, 14 * dayMinutes], usualCount);
    const horizons = [1, 60];
    const inside = [0, 0];
    let [count, error, naive, before] = [0, 0, 0, 0];
    const said = new Map<number, { readonly low: number; readonly high: number }>();
    live(one, [14 * dayMinutes, 44 * dayMinutes], usualCount, (minute, { actual, forecast }) => {
      horizons.forEach((horizon, i) => {
        const was = said.get(minute * 100 + horizon);
        said.delete(minute * 100 + horizon);
        if (was && actual >= was.low && actual <= was.high) inside[i] = (inside[i] ?? 0) + 1;
        said.set((minute + horizon) * 100 + horizon, one.series.ahead(T0 + (minute + horizon) * minuteMs, horizon));
      });
      count += 1;
      error += Math.abs(actual - forecast);
      naive += Math.abs(actual - before);
      before = actual;
    });
    for (const hits of inside) expect(Math.abs(hits / count - statedCoverage), metric.name).toBeLessThan(0.02);
    expect(error / naive, metric.name).toBeLessThan(metric === declineRateMetric ? 0.9 : 0.8);
  }
});

test('[G4] the live score is that of the last day; a detector that gets noisy mutes itself and speaks again after calm', () => {
  const one = begun(volumeMetric, 9);
  let [error, naive, before] = [0, 0, 0];
  live(one, [0, 10 * dayMinutes], usualCount, (minute, { actual, forecast }) => {
    if (minute >= 9 * dayMinutes) {
      error += Math.abs(actual - forecast);
      naive += Math.abs(actual - before);
    }
    before = actual;
  });
  const score = one.series.liveScore();
  expect(score?.samples).toBe(dayMinutes);
  expect(score?.meanAbsoluteError).toBeCloseTo(error / dayMinutes, 9);
  expect(score?.naiveMeanAbsoluteError).toBeCloseTo(naive / dayMinutes, 9);
  expect(score?.coverage).toBeGreaterThan(0.85);
  expect(one.series.detector).toMatchObject({ isMuted: false, alarmsOfDay: 0 });
  // Drift: every 40 minutes the shop triples for 5.
  const noisy = (minute: number): number => usualCount(minute) * (minute % 40 < 5 ? 3.5 : 1);
  live(one, [10 * dayMinutes, 11 * dayMinutes], noisy);
  expect(one.series.detector.isMuted).toBe(true);
  live(one, [11 * dayMinutes, 13 * dayMinutes], usualCount);
  expect(one.series.detector.isMuted).toBe(false);
});
