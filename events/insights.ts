import type { ProducerPosition } from './results.ts';

/** What the recommendations and predictions pipelines put on their topics: JSON objects in UTF-8, like every result. */

interface InsightBase {
  readonly pipeline: string;
  readonly version: number;
  readonly clockMs: number;
  readonly revision: string;
  readonly producer: ProducerPosition;
}

export interface RankedItem {
  readonly itemId: string;
  readonly score: number;
  /** For a person, e.g. "14 sessions in 2 h viewed both". */
  readonly reason: string;
  /** In a personal list: what it was found by. One item seen: its co-visited ones; several: all of theirs together; then what trends. */
  readonly from?: 'trending' | 'co_visited' | 'personal';
}

/**
 * A list on `millrace.recommendations`. Identity: (pipeline, version, list, key). trending: key = category, or `all`;
 * co_visited: key = item; personal: key = user. An empty list replaces the one before it.
 */
export interface RecommendationList extends InsightBase {
  readonly kind: 'recommendation-list';
  readonly list: 'trending' | 'co_visited' | 'personal';
  readonly key: string;
  readonly items: readonly RankedItem[];
  readonly eventTimeMs: number;
}

/**
 * One minute of one series on `millrace.predictions`: what was forecast for it and, once it is over, what it was. Identity:
 * (pipeline, version, metric, key, targetMs, horizonMinutes). Told when the minute closes: itself (horizon 0), and what is then
 * said of the minutes 1, 15 and 60 ahead.
 */
export interface Prediction extends InsightBase {
  readonly kind: 'prediction';
  /** `revenue`, `volume`, `decline_rate`. */
  readonly metric: string;
  /** `all` (of revenue `all/EUR`: sums stay within a currency), or a country with its currency, e.g. `FR/EUR`. */
  readonly key: string;
  /** Start of the minute that it is about. */
  readonly targetMs: number;
  /** How far ahead it was said: 0 is the actual itself. */
  readonly horizonMinutes: number;
  readonly forecast: number;
  readonly low: number;
  readonly high: number;
  /** Null until the minute is over. */
  readonly actual: number | null;
  /** 0 … : how unlikely the actual was; null until it is known. */
  readonly anomalyScore: number | null;
  readonly isAnomaly: boolean;
}

/**
 * Every one of the next 60 minutes of one series, from the newest closed one on; a newer row replaces it. Identity: (pipeline, version,
 * metric, key).
 */
export interface ForecastBand extends InsightBase {
  readonly kind: 'forecast-band';
  readonly metric: string;
  readonly key: string;
  /** Start of the first minute; the others follow, one value each. */
  readonly fromMs: number;
  readonly forecast: readonly number[];
  readonly low: readonly number[];
  readonly high: readonly number[];
}

/**
 * The live score of a series' forecaster and detector, of the newest minute that an entry closes and of the last one of each hour.
 * Identity: (pipeline, version, metric, key, targetMs).
 */
export interface ForecastScore extends InsightBase {
  readonly kind: 'forecast-score';
  readonly metric: string;
  readonly key: string;
  readonly targetMs: number;
  /** Mean absolute error one minute ahead, over the last day, and of "the same as the minute before". */
  readonly meanAbsoluteError: number;
  readonly naiveMeanAbsoluteError: number;
  /** Part of the last day's actuals that lay inside their interval. */
  readonly coverage: number;
  readonly samples: number;
  /** Alarms in the last day, and whether they were so many that the detector has muted itself. */
  readonly alarms: number;
  readonly isMuted: boolean;
}
