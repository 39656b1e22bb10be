// How good the forecasts of the last day were: the error beside that of "the same as the minute before", and how many minutes lay
// inside their interval.
// Guarantees: sums over the last 24 hours of the day as they came, each minute once.
// Redelivery: each minute is told once, in order; corrections do not change what a forecast was worth.

export interface LiveScoreValues {
  readonly meanAbsoluteError: number;
  readonly naiveMeanAbsoluteError: number;
  readonly coverage: number;
  readonly samples: number;
}

const hourMs = 3_600_000;
const hoursKept = 24;

export class LiveScore {
  /** By hour of the day; a new hour wipes what stood in its place. */
  private readonly errors = new Float64Array(hoursKept);
  private readonly naive = new Float64Array(hoursKept);
  private readonly inside = new Float64Array(hoursKept);
  private readonly counts = new Float64Array(hoursKept);
  private hour = -1;

  add(startMs: number, error: number, naiveError: number, isInside: boolean): void {
    this.advance(Math.floor(startMs / hourMs));
    const at = this.hour % hoursKept;
    this.errors[at] = (this.errors[at] as number) + error;
    this.naive[at] = (this.naive[at] as number) + naiveError;
    this.inside[at] = (this.inside[at] as number) + (isInside ? 1 : 0);
    this.counts[at] = (this.counts[at] as number) + 1;
  }

  private advance(hour: number): void {
    if (this.hour < 0 || hour - this.hour >= hoursKept) this.wipe(hour - hoursKept, hour);
    else this.wipe(this.hour, hour);
    this.hour = hour;
  }

  /** Hours after `from`, up to `to`. */
  private wipe(from: number, to: number): void {
    for (let hour = from + 1; hour <= to; hour++)
      for (const sums of [this.errors, this.naive, this.inside, this.counts]) sums[hour % hoursKept] = 0;
  }

  /** Null before anything was judged. */
  values(): LiveScoreValues | null {
    let [errors, naive, inside, samples] = [0, 0, 0, 0];
    for (let at = 0; at < hoursKept; at++) {
      errors += this.errors[at] as number;
      naive += this.naive[at] as number;
      inside += this.inside[at] as number;
      samples += this.counts[at] as number;
    }
    if (samples === 0) return null;
    return {
      meanAbsoluteError: errors / samples,
      naiveMeanAbsoluteError: naive / samples,
      coverage: inside / samples,
      samples,
    };
  }

  snapshot(): unknown {
    const { errors, naive, inside, counts, hour } = this;
    return { errors, naive, inside, counts, hour };
  }

  restore(state: unknown): void {
    const saved = state as Readonly<Record<'errors' | 'naive' | 'inside' | 'counts', Float64Array>> & {
      readonly hour: number;
    };
    for (const name of ['errors', 'naive', 'inside', 'counts'] as const) this[name].set(saved[name]);
    this.hour = saved.hour;
  }
}
