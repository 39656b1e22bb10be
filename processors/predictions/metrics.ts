/** One metric of a minute: what its numbers may be, and how much of them is chance. */
export interface Metric {
  readonly name: 'revenue' | 'volume' | 'decline_rate';
  readonly lowest: number;
  readonly highest: number;
  /** Least standard deviation of a minute whose forecast this is; `count`: how many payments it held. */
  chance(forecast: number, count: number): number;
}

/** Minor units of one currency: at least one is chance. */
export const revenueMetric: Metric = { name: 'revenue', lowest: 0, highest: Infinity, chance: () => 1 };

/** Payments: as many as come by themselves vary by their root (Poisson). */
export const volumeMetric: Metric = {
  name: 'volume',
  lowest: 0,
  highest: Infinity,
  chance: (forecast) => Math.sqrt(Math.max(1, forecast)),
};

/** Part of the decided payments that was declined: of few payments any part is chance (binomial; a quarter of a payment more, for none is no proof). */
export const declineRateMetric: Metric = {
  name: 'decline_rate',
  lowest: 0,
  highest: 1,
  chance: (forecast, count) => Math.sqrt((forecast * (1 - forecast) + 0.25 / count) / count),
};

/** Four decimals: what is published, and what is judged, is the same number. */
export const tidy = (value: number): number => Math.round(value * 10_000) / 10_000;
