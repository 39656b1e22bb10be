// What a series does every day and every week: the mean of each hour, as its distance from the mean of the day or week around it.
// Guarantees: says nothing (0) before a whole day was seen, knows weekdays after a whole week; between two hours it goes smoothly.
// Redelivery: each step is told once, in order; the same steps give the same numbers.

/** Of one series; hours are those of UTC. */
export class Season {
  /** By hour of the day, and what an hour of the week (counted from the first of 1970) differs from it. */
  private readonly day = new Float64Array(dayHours);
  private readonly week = new Float64Array(weekHours);
  /** Means of the last hours, by hour of the week; `known` of them follow one another. */
  private readonly means = new Float64Array(weekHours);
  private known = 0;
  private stage: 'none' | 'day' | 'week' = 'none';
  private hour = -1;
  private sum = 0;
  private count = 0;

  /** False before a whole day was seen. */
  get isKnown(): boolean {
    return this.stage !== 'none';
  }

  /** What the season adds at the middle of a step. */
  at(middleMs: number): number {
    if (this.stage === 'none') return 0;
    const hours = middleMs / hourMs - 0.5;
    const before = Math.floor(hours);
    const part = hours - before;
    const here = this.ofHour(before);
    return part === 0 ? here : here + part * (this.ofHour(before + 1) - here);
  }

  /** Takes the value of the step that ends at `endMs`. True when a season became known with it: what is not season is then another. */
  add(endMs: number, value: number): boolean {
    const hour = Math.ceil(endMs / hourMs) - 1;
    if (hour !== this.hour) this.begin(hour);
    this.sum += value;
    this.count += 1;
    return endMs % hourMs === 0 && this.finish();
  }

  /** Hours that do not follow one another make no day. */
  private begin(hour: number): void {
    if (hour !== this.hour + 1 || this.count > 0) this.known = 0;
    this.hour = hour;
    this.sum = 0;
    this.count = 0;
  }

  private finish(): boolean {
    const mean = this.sum / this.count;
    this.count = 0;
    this.means[this.hour % weekHours] = mean;
    this.known = Math.min(weekHours, this.known + 1);
    return this.learn(this.hour, mean);
  }

  private learn(hour: number, mean: number): boolean {
    if (this.known >= weekHours) {
      const apart = mean - this.meanOf(hour, weekHours);
      if (this.stage !== 'week') return this.beginWeek(hour);
      const error = apart - this.ofHour(hour);
      this.day[hour % dayHours] = (this.day[hour % dayHours] as number) + dayGain * error;
      this.week[hour % weekHours] = (this.week[hour % weekHours] as number) + weekGain * error;
    } else if (this.known >= dayHours && this.stage !== 'week') {
      const average = this.meanOf(hour, dayHours);
      if (this.stage === 'none') return this.beginDay(hour, average);
      const known = this.day[hour % dayHours] as number;
      this.day[hour % dayHours] = known + firstGain * (mean - average - known);
    }
    return false;
  }

  private beginDay(hour: number, average: number): boolean {
    for (let at = hour - dayHours + 1; at <= hour; at++)
      this.day[at % dayHours] = (this.means[at % weekHours] as number) - average;
    this.stage = 'day';
    return true;
  }

  private beginWeek(hour: number): boolean {
    const average = this.meanOf(hour, weekHours);
    this.day.fill(0);
    for (let at = hour - weekHours + 1; at <= hour; at++)
      this.day[at % dayHours] =
        (this.day[at % dayHours] as number) + ((this.means[at % weekHours] as number) - average) / 7;
    for (let at = 0; at < weekHours; at++)
      this.week[at] = weekShrink * ((this.means[at] as number) - average - (this.day[at % dayHours] as number));
    this.stage = 'week';
    return true;
  }

  /** Of the `hours` up to `hour`, oldest first. */
  private meanOf(hour: number, hours: number): number {
    let sum = 0;
    for (let at = hour - hours + 1; at <= hour; at++) sum += this.means[at % weekHours] as number;
    return sum / hours;
  }

  private ofHour(hour: number): number {
    return (this.day[hour % dayHours] as number) + (this.week[hour % weekHours] as number);
  }

  snapshot(): unknown {
    const { day, week, means, known, stage, hour, sum, count } = this;
    return { day, week, means, known, stage, hour, sum, count };
  }

  restore(state: unknown): void {
    const { day, week, means, ...rest } = state as Saved;
    this.day.set(day);
    this.week.set(week);
    this.means.set(means);
    Object.assign(this, rest);
  }
}

interface Saved {
  readonly day: Float64Array;
  readonly week: Float64Array;
  readonly means: Float64Array;
}

const hourMs = 3_600_000;
const dayHours = 24;
const weekHours = 168;
/** Tuned on the first part of M4's hourly series (docs/predictions.md). */
const firstGain = 0.3;
const dayGain = 0.15;
const weekGain = 0.3;
const weekShrink = 0.8;
