// The next minutes of one series: season and level, with an interval as wide as the errors so far ask for.
// Guarantees: every number is a function of the minutes that were learnt, in their order; forecast, low and high are within what
// the metric can be, and rounded as they are published.
// Redelivery: each minute is told once, in order.
import { Level } from './level.ts';
import { type Metric, tidy } from './metrics.ts';
import { Season } from './season.ts';
import { judgedHorizons, Spread } from './spread.ts';

export interface Forecast {
  readonly forecast: number;
  readonly low: number;
  readonly high: number;
}

const minuteMs = 60_000;
/** Of a normal distribution: standard deviation ÷ mean absolute error, √(π/2). */
const deviationPerError = 1.2533;

export class Forecaster {
  private readonly metric: Metric;
  private readonly season = new Season();
  private readonly level = new Level();
  private readonly spread = new Spread();
  /** For each judged horizon the forecasts that have not come true yet: target, forecast, low, high; as many as the horizon is long. */
  private readonly pending = judgedHorizons.map((horizon) => new Float64Array(horizon * 4).fill(-1));

  constructor(metric: Metric) {
    this.metric = metric;
  }

  /** Of the minute that starts at `targetMs`, so many after the newest one. */
  ahead(targetMs: number, horizon: number): Forecast {
    const plain = this.level.ahead(horizon) + this.season.at(targetMs + minuteMs / 2);
    const forecast = this.bounded(plain);
    const half = this.spread.halfWidth(targetMs, horizon);
    return { forecast, low: this.bounded(forecast - half), high: this.bounded(forecast + half) };
  }

  /** The same for `judgedHorizons`, remembered until they come true. `newestMs`: start of the newest minute. */
  remember(newestMs: number): readonly Forecast[] {
    return judgedHorizons.map((horizon, place) => {
      const targetMs = newestMs + horizon * minuteMs;
      const made = this.ahead(targetMs, horizon);
      const pending = this.pending[place] as Float64Array;
      const at = slotOf(targetMs, horizon);
      pending[at] = targetMs;
      pending[at + 1] = made.forecast;
      pending[at + 2] = made.low;
      pending[at + 3] = made.high;
      return made;
    });
  }

  /** What was remembered of a minute for one of `judgedHorizons`, by its place there. */
  remembered(targetMs: number, place: number): Forecast | null {
    const pending = this.pending[place] as Float64Array;
    const at = slotOf(targetMs, judgedHorizons[place] as number);
    if (pending[at] !== targetMs) return null;
    return {
      forecast: pending[at + 1] as number,
      low: pending[at + 2] as number,
      high: pending[at + 3] as number,
    };
  }

  /** A minute whose value is known: judges what was said of it, then learns `believed`, which differs where a value is an outlier. */
  learn(startMs: number, actual: number, believed: number): void {
    for (let place = 0; place < judgedHorizons.length; place++) {
      const said = this.remembered(startMs, place);
      if (!said) continue;
      this.spread.judge(place, isInside(actual, said));
      if (place === 0) this.spread.addError(startMs, Math.abs(believed - said.forecast));
    }
    const middleMs = startMs + minuteMs / 2;
    const before = this.season.at(middleMs);
    if (this.season.add(startMs + minuteMs, believed)) this.level.shift(before - this.season.at(middleMs));
    this.level.add(believed - this.season.at(middleMs));
  }

  /** Standard deviation of a minute from its forecast. */
  deviation(startMs: number, forecast: number, count: number): number {
    const usual = deviationPerError * this.spread.usualError(startMs);
    return Math.max(usual, this.metric.chance(forecast, count));
  }

  private bounded(value: number): number {
    return tidy(Math.min(this.metric.highest, Math.max(this.metric.lowest, value)));
  }

  snapshot(): unknown {
    const { season, level, spread, pending } = this;
    return { season: season.snapshot(), level: level.snapshot(), spread: spread.snapshot(), pending };
  }

  restore(state: unknown): void {
    const saved = state as Readonly<Record<'season' | 'level' | 'spread', unknown>> & {
      readonly pending: readonly Float64Array[];
    };
    this.season.restore(saved.season);
    this.level.restore(saved.level);
    this.spread.restore(saved.spread);
    saved.pending.forEach((values, place) => this.pending[place]?.set(values));
  }
}

export const isInside = (actual: number, { low, high }: Forecast): boolean => actual >= low && actual <= high;

const slotOf = (targetMs: number, horizon: number): number => ((targetMs / minuteMs) % horizon) * 4;
