import type { ForecastBand, ForecastScore, Prediction, RecommendationList } from '../../events/insights.ts';
import { producerColumns, writeProducer } from './producer-columns.ts';
import { writeNullableF64, type RowWriter } from './row-binary.ts';

/**
 * Recommendation lists, predictions and forecast scores as rows: names and values side by side. Pure. Guarantees that a
 * trending list keeps its history, one list a minute of event time. Redelivery: the same record gives the same bytes.
 */
export const insightTables = {
  recommendation_lists: `pipeline, version, list, key, slot, items, event_time, clock, ${producerColumns}`,
  predictions: `pipeline, version, metric, key, target, horizon_minutes, forecast, low, high, actual, anomaly_score, is_anomaly, clock, ${producerColumns}`,
  forecast_scores: `pipeline, version, metric, key, target, mean_absolute_error, naive_mean_absolute_error, coverage, samples, alarms, is_muted, clock, ${producerColumns}`,
  forecast_bands: `pipeline, version, metric, key, starts, forecast, low, high, clock, ${producerColumns}`,
} as const;

/** A chart of what trended needs no finer steps, and a table of every change would be a hundred times larger. */
const trendingSlotMs = 60_000;

export function writeRecommendationList(to: RowWriter, list: RecommendationList): void {
  to.text(list.pipeline);
  to.u32(list.version);
  to.text(list.list);
  to.text(list.key);
  to.timeMs(list.list === 'trending' ? Math.floor(list.eventTimeMs / trendingSlotMs) * trendingSlotMs : 0);
  to.text(JSON.stringify(list.items));
  to.timeMs(list.eventTimeMs);
  to.timeMs(list.clockMs);
  writeProducer(to, list.revision, list.producer);
}

export function writePrediction(to: RowWriter, prediction: Prediction): void {
  writeSeries(to, prediction);
  to.u32(prediction.horizonMinutes);
  to.f64(prediction.forecast);
  to.f64(prediction.low);
  to.f64(prediction.high);
  writeNullableF64(to, prediction.actual);
  writeNullableF64(to, prediction.anomalyScore);
  to.u8(prediction.isAnomaly ? 1 : 0);
  to.timeMs(prediction.clockMs);
  writeProducer(to, prediction.revision, prediction.producer);
}

export function writeForecastScore(to: RowWriter, score: ForecastScore): void {
  writeSeries(to, score);
  to.f64(score.meanAbsoluteError);
  to.f64(score.naiveMeanAbsoluteError);
  to.f64(score.coverage);
  to.u32(score.samples);
  to.u32(score.alarms);
  to.u8(score.isMuted ? 1 : 0);
  to.timeMs(score.clockMs);
  writeProducer(to, score.revision, score.producer);
}

export function writeForecastBand(to: RowWriter, band: ForecastBand): void {
  writeSeries(to, { ...band, targetMs: band.fromMs });
  for (const values of [band.forecast, band.low, band.high]) {
    to.length(values.length);
    for (const value of values) to.f64(value);
  }
  to.timeMs(band.clockMs);
  writeProducer(to, band.revision, band.producer);
}

type SeriesRow = Pick<Prediction, 'pipeline' | 'version' | 'metric' | 'key' | 'targetMs'>;

function writeSeries(to: RowWriter, { pipeline, version, metric, key, targetMs }: SeriesRow): void {
  to.text(pipeline);
  to.u32(version);
  to.text(metric);
  to.text(key);
  to.timeMs(targetMs);
}
