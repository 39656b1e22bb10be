// What is left of a series without its season: a level and a damped trend, smoothed at several speeds side by side.
// Guarantees: the slowest speed that has been nearly as good as the best lately speaks; the others go on learning.
// Redelivery: each step is told once, in order; the same steps give the same numbers.

/** Shares of a step's surprise that the level takes; the trend takes `trendShare` of that again. */
const speeds = [0.01, 0.05, 0.2, 0.6] as const;
const trendShare = 0.02;
/** A trend loses this much of itself with every step. */
const damping = 0.97;
/** How fast old errors are forgotten when speeds are compared. */
const errorGain = 0.005;
/** A faster speed must be better than a slower one by this part: chance alone must not make a level run after its noise. */
const advantage = 0.03;

export class Level {
  private readonly level = new Float64Array(speeds.length);
  private readonly trend = new Float64Array(speeds.length);
  /** Mean absolute error of each speed, one step ahead. */
  private readonly error = new Float64Array(speeds.length);
  private best = 0;
  private isBegun = false;

  /** So many steps ahead, from 1. */
  ahead(steps: number): number {
    return (this.level[this.best] as number) + (this.trend[this.best] as number) * dampedSteps(steps);
  }

  add(value: number): void {
    if (!this.isBegun) {
      this.level.fill(value);
      this.isBegun = true;
      return;
    }
    let least = Infinity;
    for (let i = 0; i < speeds.length; i++) {
      const speed = speeds[i] as number;
      const trend = (this.trend[i] as number) * damping;
      const expected = (this.level[i] as number) + trend;
      const surprise = value - expected;
      this.level[i] = expected + speed * surprise;
      this.trend[i] = trend + speed * trendShare * surprise;
      const error = this.error[i] as number;
      this.error[i] = error + errorGain * (Math.abs(surprise) - error);
      least = Math.min(least, this.error[i] as number);
    }
    this.best = this.error.findIndex((error) => error * (1 - advantage) <= least);
  }

  /** The season has become another by this much: the level takes what it lost. */
  shift(by: number): void {
    for (let i = 0; i < speeds.length; i++) {
      this.level[i] = (this.level[i] as number) + by;
      this.trend[i] = 0;
    }
  }

  snapshot(): unknown {
    const { level, trend, error, best, isBegun } = this;
    return { level, trend, error, best, isBegun };
  }

  restore(state: unknown): void {
    const { level, trend, error, ...rest } = state as {
      readonly level: Float64Array;
      readonly trend: Float64Array;
      readonly error: Float64Array;
    };
    this.level.set(level);
    this.trend.set(trend);
    this.error.set(error);
    Object.assign(this, rest);
  }
}

/** damping + damping² + … of so many steps. */
const dampedSteps = (steps: number): number => (damping * (1 - damping ** steps)) / (1 - damping);
