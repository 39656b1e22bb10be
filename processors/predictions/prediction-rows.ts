import type { ForecastBand, ForecastScore, Prediction } from '../../events/insights.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Output } from '../../streams/batch.ts';
import type { Forecast } from './forecaster.ts';
import { tidy } from './metrics.ts';
import type { ClosedMinute, Series, SeriesName } from './series.ts';
import { judgedHorizons } from './spread.ts';

/** What the pipeline says about minutes, before it has its position. Messages of a series keep their order: they share a key. */
type Body<T> = Omit<T, 'pipeline' | 'version' | 'revision' | 'producer'>;

const minuteMs = 60_000;
/** How many minutes a band reaches. */
export const bandMinutes = 60;

/** The minute itself: horizon 0. */
export function actualOutput(name: SeriesName, minute: ClosedMinute, clockMs: number): Output {
  const { targetMs, forecast, low, high, actual, score, isAnomaly } = minute;
  // Written out: spread objects cost several times as much, and there are four of them a minute and series.
  const body: Body<Prediction> = {
    kind: 'prediction',
    metric: name.metric,
    key: name.key,
    targetMs,
    horizonMinutes: 0,
    forecast,
    low,
    high,
    actual,
    anomalyScore: score,
    isAnomaly,
    clockMs,
  };
  return output(name, `0 ${targetMs}`, body);
}

/** What is said now of minutes to come, one for each of `judgedHorizons`. */
export function forecastOutput(
  name: SeriesName,
  newestMs: number,
  place: number,
  made: Forecast,
  clockMs: number,
): Output {
  const horizonMinutes = judgedHorizons[place] as number;
  const targetMs = newestMs + horizonMinutes * minuteMs;
  const body: Body<Prediction> = {
    kind: 'prediction',
    metric: name.metric,
    key: name.key,
    targetMs,
    horizonMinutes,
    forecast: made.forecast,
    low: made.low,
    high: made.high,
    actual: null,
    anomalyScore: null,
    isAnomaly: false,
    clockMs,
  };
  return output(name, `${horizonMinutes} ${targetMs}`, body);
}

/** Every one of the next minutes, as one row that replaces the one before. */
export function bandOutput(series: Series, newestMs: number, clockMs: number): Output {
  const { name } = series;
  const fromMs = newestMs + minuteMs;
  const points = Array.from({ length: bandMinutes }, (_, i) => series.ahead(fromMs + i * minuteMs, i + 1));
  const body: Body<ForecastBand> = {
    ...{ kind: 'forecast-band', metric: name.metric, key: name.key, fromMs },
    forecast: points.map(({ forecast }) => forecast),
    low: points.map(({ low }) => low),
    high: points.map(({ high }) => high),
    clockMs,
  };
  return output(name, 'band', body);
}

/** How good the series' forecasts have been; null before any has come true. */
export function scoreOutput(series: Series, targetMs: number, clockMs: number): Output | null {
  const { name, detector } = series;
  const live = series.liveScore();
  if (!live) return null;
  const body: Body<ForecastScore> = {
    ...{ kind: 'forecast-score', metric: name.metric, key: name.key, targetMs },
    meanAbsoluteError: tidy(live.meanAbsoluteError),
    naiveMeanAbsoluteError: tidy(live.naiveMeanAbsoluteError),
    coverage: tidy(live.coverage),
    ...{ samples: live.samples, alarms: detector.alarmsOfDay, isMuted: detector.isMuted, clockMs },
  };
  return output(name, `score ${targetMs}`, body);
}

const output = ({ metric, key }: SeriesName, what: string, body: object): Output => ({
  topic: resultTopics.predictions,
  key: `${metric} ${key}`,
  identity: `${metric} ${what} ${key}`,
  body,
});
