/**
 * The forecaster and the detector of one series, as docs/predictions.md says them, in plain arithmetic: no code of the engine. The order of
 * operations is part of what is said, so that numbers come out equal to the last bit.
 */
export type OracleMetric = 'revenue' | 'volume' | 'decline_rate';

export interface OracleForecast {
  readonly forecast: number;
  readonly low: number;
  readonly high: number;
}

export interface OracleMinute extends OracleForecast {
  readonly actual: number;
  readonly score: number;
  readonly isAnomaly: boolean;
}

const minute = 60_000;
const hour = 60 * minute;
export const horizons = [1, 15, 60];
const speeds = [0.01, 0.05, 0.2, 0.6];

export const rounded = (value: number): number => Math.round(value * 10_000) / 10_000;

export class OracleSeries {
  private readonly profile = { day: Array<number>(24).fill(0), week: Array<number>(168).fill(0), knows: 0 };
  private readonly hourMeans: { readonly hour: number; readonly mean: number }[] = [];
  private filling = { hour: -1, values: [] as number[] };
  private levels: { at: number; trend: number; error: number }[] | null = null;
  private speaker = 0;
  private readonly errors = { all: 0, count: 0, hours: Array<number>(24).fill(0), counts: Array<number>(24).fill(0) };
  private readonly widths = [2.0617, 2.0617, 2.0617];
  private readonly promised = horizons.map(() => new Map<number, OracleForecast>());
  private readonly detector = { seen: 0, run: 0, tails: [2.807, 2.807] as [number, number], row: 0 };
  private readonly judgedMinutes: { readonly at: number; error: number; naive: number; isInside: boolean }[] = [];
  private readonly judged = new Map<
    number,
    {
      readonly said: OracleForecast;
      readonly deviation: number;
      readonly run: number;
      readonly tails: readonly [number, number];
      readonly isWarm: boolean;
    }
  >();
  private before: number | null = null;
  alarms: number[] = [];
  isMuted = false;

  private readonly metric: OracleMetric;

  constructor(metric: OracleMetric) {
    this.metric = metric;
  }

  /** A minute of `count` payments that sum up to `sum` (of decline_rate: of which `sum` were declined). */
  close(at: number, sum: number, count: number): OracleMinute | null {
    if (this.metric === 'decline_rate' && count === 0) return null;
    const actual = { revenue: sum, volume: count, decline_rate: rounded(sum / count) }[this.metric];
    const said = this.promised[0]?.get(at);
    if (!said) {
      this.learn(at, actual, actual);
      return { actual, forecast: actual, low: actual, high: actual, score: 0, isAnomaly: false };
    }
    const deviation = Math.max(1.2533 * this.usualError(at), this.chance(said.forecast, count));
    const { run, tails, seen } = this.detector;
    this.judged.set(at, { said, deviation, run, tails, isWarm: seen >= 60 });
    const { score, isAnomaly } = this.detect(at, actual, said.forecast, deviation);
    const { row } = this.detector;
    const most = 3 * deviation;
    const isDoubted = row >= 1 && row <= 10;
    const believed = isDoubted ? Math.min(said.forecast + most, Math.max(said.forecast - most, actual)) : actual;
    this.judgedMinutes.push({
      ...{ at, error: Math.abs(actual - said.forecast), naive: Math.abs(actual - (this.before ?? actual)) },
      isInside: actual >= said.low && actual <= said.high,
    });
    this.learn(at, actual, believed);
    return { ...said, actual, score: rounded(score), isAnomaly };
  }

  /** The closed minute as it is with what came late: held against the forecast, and by the detector, of then. */
  correct(at: number, sum: number, count: number): OracleMinute | null {
    if (this.metric === 'decline_rate' && count === 0) return null;
    const actual = { revenue: sum, volume: count, decline_rate: rounded(sum / count) }[this.metric];
    const judged = this.judged.get(at);
    if (!judged) return { actual, forecast: actual, low: actual, high: actual, score: 0, isAnomaly: false };
    const { said, deviation, run, tails, isWarm } = judged;
    const apart = (actual - said.forecast) / deviation;
    const lasting = Math.abs(run + 0.2 * (Math.min(4, Math.max(-4, apart)) - run)) / (1 / 3);
    const alone = Math.abs(actual - said.forecast) / deviation;
    const score = 2.807 * Math.max(alone / tails[0], lasting / tails[1]);
    return { ...said, actual, score: rounded(score), isAnomaly: isWarm && score >= 6 };
  }

  /** What is then said of the minutes 1, 15 and 60 ahead. */
  promise(newest: number): readonly OracleForecast[] {
    return horizons.map((horizon, i) => {
      const made = this.ahead(newest + horizon * minute, horizon);
      this.promised[i]?.set(newest + horizon * minute, made);
      return made;
    });
  }

  ahead(target: number, horizon: number): OracleForecast {
    const { at, trend } = this.levels?.[this.speaker] ?? { at: 0, trend: 0 };
    const level = at + trend * ((0.97 * (1 - 0.97 ** horizon)) / (1 - 0.97));
    const within = (value: number) =>
      rounded(Math.min(this.metric === 'decline_rate' ? 1 : Infinity, Math.max(0, value)));
    const forecast = within(level + this.seasonAt(target + minute / 2));
    const half = this.widthAt(horizon) * this.usualError(target);
    return { forecast, low: within(forecast - half), high: within(forecast + half) };
  }

  /** Of the last 24 hours by the clock, those of the newest minute included. */
  liveScore(): readonly [error: number, naive: number, coverage: number, samples: number] | null {
    const newest = this.judgedMinutes.at(-1);
    if (!newest) return null;
    const lastHour = Math.floor(newest.at / hour);
    const bins = Array.from({ length: 24 }, () => [0, 0, 0, 0] as [number, number, number, number]);
    for (const { at, error, naive, isInside } of this.judgedMinutes) {
      const hourOf = Math.floor(at / hour);
      if (hourOf <= lastHour - 24) continue;
      const bin = bins[hourOf % 24] as [number, number, number, number];
      bin[0] += error;
      bin[1] += naive;
      bin[2] += isInside ? 1 : 0;
      bin[3] += 1;
    }
    const [error, naive, inside, samples] = [0, 1, 2, 3].map((i) => bins.reduce((sum, bin) => sum + (bin[i] ?? 0), 0));
    if (error === undefined || naive === undefined || inside === undefined || !samples) return null;
    while ((this.judgedMinutes[0]?.at ?? Infinity) < (lastHour - 24) * hour) this.judgedMinutes.shift();
    return [rounded(error / samples), rounded(naive / samples), rounded(inside / samples), samples];
  }

  private learn(at: number, actual: number, believed: number): void {
    this.promised.forEach((promises, i) => {
      const said = promises.get(at);
      promises.delete(at);
      if (!said) return;
      const change = actual >= said.low && actual <= said.high ? 0.9 - 1 : 0.9;
      this.widths[i] = Math.min(50, Math.max(0.2, (this.widths[i] ?? 0) * (1 + 0.02 * change)));
      if (i === 0) this.addError(at, Math.abs(believed - said.forecast));
    });
    const middle = at + minute / 2;
    const was = this.seasonAt(middle);
    if (this.addToSeason(at, believed)) this.rebase(was - this.seasonAt(middle));
    this.addToLevel(believed - this.seasonAt(middle));
    this.before = actual;
  }

  private usualError(at: number): number {
    const of = Math.floor(at / hour) % 24;
    return (this.errors.counts[of] ?? 0) >= 30 ? (this.errors.hours[of] ?? 0) : this.errors.all;
  }

  private addError(at: number, error: number): void {
    const { errors } = this;
    errors.count += 1;
    errors.all += Math.max(1 / errors.count, 0.01) * (error - errors.all);
    const of = Math.floor(at / hour) % 24;
    const count = (errors.counts[of] = (errors.counts[of] ?? 0) + 1);
    const known = errors.hours[of] ?? 0;
    errors.hours[of] = known + Math.max(1 / count, 0.005) * (error - known);
  }

  private widthAt(horizon: number): number {
    const [one = 0, quarter = 0, full = 0] = this.widths;
    if (horizon <= 15) return one + ((horizon - 1) / 14) * (quarter - one);
    return quarter + ((horizon - 15) / 45) * (full - quarter);
  }

  private chance(forecast: number, count: number): number {
    if (this.metric === 'revenue') return 1;
    if (this.metric === 'volume') return Math.sqrt(Math.max(1, forecast));
    return Math.sqrt((forecast * (1 - forecast) + 0.25 / count) / count);
  }

  private detect(at: number, actual: number, forecast: number, deviation: number) {
    const { detector } = this;
    const apart = (actual - forecast) / deviation;
    const run = detector.run + 0.2 * (Math.min(4, Math.max(-4, apart)) - detector.run);
    const distances = [Math.abs(actual - forecast) / deviation, Math.abs(run) / (1 / 3)] as const;
    const score = 2.807 * Math.max(distances[0] / detector.tails[0], distances[1] / detector.tails[1]);
    const isAnomaly = detector.seen >= 60 && score >= 6;
    detector.run = run;
    detector.seen += 1;
    detector.row = isAnomaly ? detector.row + 1 : 0;
    if (detector.row <= 1 || detector.row > 10) {
      const gain = Math.max(0.01, 200 / (detector.seen + 1_000));
      const learnt = detector.tails.map((tail, i) =>
        Math.max(2.807, tail * (1 + gain * ((distances[i] ?? 0) > tail ? 1 - 0.005 : -0.005))),
      );
      detector.tails = learnt as [number, number];
    }
    if (detector.row === 1) this.alarms = [...this.alarms, at].slice(-7);
    this.alarms = this.alarms.filter((alarm) => alarm > at - 24 * hour);
    if (this.alarms.length > 6) this.isMuted = true;
    else if (this.alarms.length <= 3) this.isMuted = false;
    return { score, isAnomaly };
  }

  private addToLevel(value: number): void {
    if (!this.levels) {
      this.levels = speeds.map(() => ({ at: value, trend: 0, error: 0 }));
      return;
    }
    this.levels = this.levels.map(({ at, trend, error }, i) => {
      const speed = speeds[i] ?? 0;
      const damped = trend * 0.97;
      const expected = at + damped;
      const surprise = value - expected;
      return {
        at: expected + speed * surprise,
        trend: damped + speed * 0.02 * surprise,
        error: error + 0.005 * (Math.abs(surprise) - error),
      };
    });
    const least = Math.min(...this.levels.map(({ error }) => error));
    this.speaker = this.levels.findIndex(({ error }) => error * (1 - 0.03) <= least);
  }

  private rebase(by: number): void {
    this.levels = (this.levels ?? []).map(({ at, error }) => ({ at: at + by, trend: 0, error }));
    if (this.levels.length === 0) this.levels = null;
  }

  private seasonAt(middle: number): number {
    if (this.profile.knows === 0) return 0;
    const hours = middle / hour - 0.5;
    const before = Math.floor(hours);
    const of = (h: number) => (this.profile.day[h % 24] ?? 0) + (this.profile.week[h % 168] ?? 0);
    return hours === before ? of(before) : of(before) + (hours - before) * (of(before + 1) - of(before));
  }

  /** True when a season became known. */
  private addToSeason(at: number, value: number): boolean {
    const now = Math.floor(at / hour);
    if (now !== this.filling.hour) {
      if (now !== this.filling.hour + 1 || this.filling.values.length > 0) this.hourMeans.length = 0;
      this.filling = { hour: now, values: [] };
    }
    this.filling.values.push(value);
    if ((at + minute) % hour !== 0) return false;
    const mean = this.filling.values.reduce((a, b) => a + b, 0) / this.filling.values.length;
    this.filling.values = [];
    this.hourMeans.push({ hour: now, mean });
    if (this.hourMeans.length > 168) this.hourMeans.shift();
    return this.learnHour(now, mean);
  }

  private learnHour(now: number, mean: number): boolean {
    const { profile, hourMeans } = this;
    const average = (of: readonly { mean: number }[]) => of.reduce((sum, one) => sum + one.mean, 0) / of.length;
    const add = (list: number[], place: number, by: number) => (list[place] = (list[place] ?? 0) + by);
    if (hourMeans.length >= 168) {
      const middle = average(hourMeans);
      if (profile.knows < 2) {
        profile.day.fill(0);
        for (const one of hourMeans) add(profile.day, one.hour % 24, (one.mean - middle) / 7);
        for (const one of hourMeans)
          profile.week[one.hour % 168] = 0.8 * (one.mean - middle - (profile.day[one.hour % 24] ?? 0));
        profile.knows = 2;
        return true;
      }
      const error = mean - middle - ((profile.day[now % 24] ?? 0) + (profile.week[now % 168] ?? 0));
      add(profile.day, now % 24, 0.15 * error);
      add(profile.week, now % 168, 0.3 * error);
    } else if (hourMeans.length >= 24 && profile.knows < 2) {
      const day = hourMeans.slice(-24);
      const middle = average(day);
      if (profile.knows === 0) {
        for (const one of day) profile.day[one.hour % 24] = one.mean - middle;
        profile.knows = 1;
        return true;
      }
      const known = profile.day[now % 24] ?? 0;
      profile.day[now % 24] = known + 0.3 * (mean - middle - known);
    }
    return false;
  }
}
