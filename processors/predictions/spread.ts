// How far a minute usually lies from its forecast: by hour of the day, and how many times that an interval must be wide.
// Guarantees: an interval is widened by what falls outside and narrowed by what falls inside until nine in ten are inside (adaptive
// conformal inference, Gibbs and Candès 2021), whatever the shape of the errors.
// Redelivery: each minute is told once, in order; the same minutes give the same widths.

/** The part of the minutes that an interval promises to hold. */
export const statedCoverage = 0.9;
/** How far ahead forecasts are judged, in minutes; widths in between are interpolated. */
export const judgedHorizons = [1, 15, 60] as const;

/** Nine tenths of a normal distribution, in mean absolute errors: 1.645 × √(π/2). */
const firstFactor = 2.0617;
const factorGain = 0.02;
const factorMin = 0.2;
const factorMax = 50;
const overallGain = 0.01;
const hourGain = 0.005;
/** An hour of the day speaks for itself once so many minutes of it were seen. */
const hourCountMin = 30;

export class Spread {
  private overall = 0;
  private count = 0;
  private readonly hours = new Float64Array(24);
  private readonly hourCounts = new Float64Array(24);
  private readonly factors = new Float64Array(judgedHorizons.length).fill(firstFactor);

  /** The mean absolute error at this time of the day. */
  usualError(startMs: number): number {
    const hour = hourOf(startMs);
    return (this.hourCounts[hour] as number) >= hourCountMin ? (this.hours[hour] as number) : this.overall;
  }

  /** Half of the width of the interval so many minutes ahead. */
  halfWidth(targetMs: number, horizon: number): number {
    return this.factorAt(horizon) * this.usualError(targetMs);
  }

  addError(startMs: number, error: number): void {
    this.count += 1;
    this.overall += Math.max(1 / this.count, overallGain) * (error - this.overall);
    const hour = hourOf(startMs);
    const count = (this.hourCounts[hour] as number) + 1;
    this.hourCounts[hour] = count;
    const known = this.hours[hour] as number;
    this.hours[hour] = known + Math.max(1 / count, hourGain) * (error - known);
  }

  /** A forecast of one of `judgedHorizons`, by its place there, has come true, inside its interval or not. */
  judge(place: number, isInside: boolean): void {
    const change = isInside ? statedCoverage - 1 : statedCoverage;
    const factor = (this.factors[place] as number) * (1 + factorGain * change);
    this.factors[place] = Math.min(factorMax, Math.max(factorMin, factor));
  }

  private factorAt(horizon: number): number {
    const { factors } = this;
    for (let i = 1; i < judgedHorizons.length; i++) {
      const [from, to] = [judgedHorizons[i - 1] as number, judgedHorizons[i] as number];
      if (horizon > to) continue;
      const [low, high] = [factors[i - 1] as number, factors[i] as number];
      return low + ((horizon - from) / (to - from)) * (high - low);
    }
    return factors[factors.length - 1] as number;
  }

  snapshot(): unknown {
    const { overall, count, hours, hourCounts, factors } = this;
    return { overall, count, hours, hourCounts, factors };
  }

  restore(state: unknown): void {
    const saved = state as Readonly<Record<'hours' | 'hourCounts' | 'factors', Float64Array>> &
      Readonly<Record<'overall' | 'count', number>>;
    this.overall = saved.overall;
    this.count = saved.count;
    this.hours.set(saved.hours);
    this.hourCounts.set(saved.hourCounts);
    this.factors.set(saved.factors);
  }
}

const hourOf = (startMs: number): number => Math.floor(startMs / 3_600_000) % 24;
