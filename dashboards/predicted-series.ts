import type { ForecastBand, ForecastScore, Prediction } from '../events/insights.ts';
import type { PredictionRow } from '../live/messages.ts';

/** One series as the page draws it: minutes that are over, oldest first, the next hour, and how good the forecasts were. */
export interface PredictedSeries {
  readonly key: string;
  readonly minutes: readonly Prediction[];
  readonly band: ForecastBand | null;
  readonly score: ForecastScore | null;
}

export const minuteMs = 60_000;

interface Parts {
  minutes: Prediction[];
  band: ForecastBand | null;
  score: ForecastScore | null;
}

/** Rows of one metric, by series: totals first, then by the size of the newest minutes. Of two versions of the pipeline the newer is shown. */
export function seriesOf(rows: readonly PredictionRow[]): readonly PredictedSeries[] {
  const version = Math.max(0, ...rows.map((row) => row.version));
  const byKey = new Map<string, Parts>();
  for (const row of rows) {
    if (row.version !== version) continue;
    const parts: Parts = byKey.get(row.key) ?? { minutes: [], band: null, score: null };
    byKey.set(row.key, parts);
    if (row.kind === 'prediction') parts.minutes.push(row);
    else if (row.kind === 'forecast-band') parts.band = row;
    else parts.score = row;
  }
  const all = [...byKey].map(([key, parts]) => ({
    ...{ key, band: parts.band, score: parts.score },
    minutes: parts.minutes.toSorted((a, b) => a.targetMs - b.targetMs),
  }));
  const size = ({ minutes }: PredictedSeries) => minutes.slice(-30).reduce((sum, { actual }) => sum + (actual ?? 0), 0);
  return all.toSorted(
    (a, b) => Number(isTotal(b)) - Number(isTotal(a)) || size(b) - size(a) || (a.key < b.key ? -1 : 1),
  );
}

/** `all` and, of revenue, `all/EUR`. */
const isTotal = ({ key }: PredictedSeries): boolean => key === 'all' || key.startsWith('all/');

/** One minute of a chart, over or to come. */
export interface ChartMinute {
  readonly targetMs: number;
  readonly forecast: number;
  readonly low: number;
  readonly high: number;
  readonly actual: number | null;
  readonly score: number | null;
  readonly isAnomaly: boolean;
}

/** The minutes of a series one after the other: those that are over, then those to come. */
export function chartMinutes({ minutes, band }: PredictedSeries): readonly ChartMinute[] {
  const over = minutes.map(({ targetMs, forecast, low, high, actual, anomalyScore, isAnomaly }) => ({
    ...{ targetMs, forecast, low, high, actual, score: anomalyScore, isAnomaly },
  }));
  const newestMs = over.at(-1)?.targetMs ?? -1;
  const ahead = (band?.forecast ?? []).map((forecast, i) => ({
    targetMs: (band?.fromMs ?? 0) + i * minuteMs,
    ...{ forecast, low: band?.low[i] ?? forecast, high: band?.high[i] ?? forecast },
    ...{ actual: null, score: null, isAnomaly: false },
  }));
  return [...over, ...ahead.filter(({ targetMs }) => targetMs > newestMs)];
}
