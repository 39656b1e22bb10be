// Is a minute as it should be? Its distance from the forecast, in usual errors: alone, and as a running mean that finds what is small
// and lasts.
// Guarantees: silent until warm; knows the time of the day, for usual errors do; mutes itself when it gets noisy, and speaks again
// when a day was calm.
// Redelivery: each minute is told once, in order; a correction asks again and teaches nothing.

export interface DetectorOptions {
  /** Score from which a minute is an anomaly: standard deviations. */
  readonly limit: number;
  /** Minutes seen before anything is called an anomaly. */
  readonly warmUpMinutes: number;
  /** Alarms in a day from which it is muted. */
  readonly alarmsPerDayMax: number;
}

/** A closed minute as it was judged, kept to judge it again when it is corrected. */
export interface Judged {
  readonly forecast: number;
  readonly deviation: number;
  /** Of the running mean, before the minute. */
  readonly runBefore: number;
  /** What one value in 200 exceeds: of minutes alone, and of the running mean. */
  readonly tails: readonly [alone: number, lasting: number];
  readonly isWarm: boolean;
}

export interface Verdict {
  readonly score: number;
  readonly isAnomaly: boolean;
}

const dayMs = 86_400_000;
const runGain = 0.2;
/** Standard deviation of a running mean of independent values: √(gain ÷ (2 − gain)). */
const runDeviation = 1 / 3;
/** So many anomalies in a row are believed only within `believedDeviations` of their forecast; what lasts longer is the new normal. */
const doubtedMinutes = 10;
const believedDeviations = 3;
/** Of a normal distribution one value in 200 is further away than this; of others more: their scores are divided by how much. */
const normalTail = 2.807;
const tailShare = 0.005;
const tailGain = 0.01;
/** At first it learns faster: 200 ÷ (minutes seen + 1,000), a fifth in the beginning. */
const firstTailGain = (seen: number): number => Math.max(tailGain, 200 / (seen + 1_000));
/** One minute moves the running mean by at most so many deviations. */
const runStepMax = 4;

export class Detector {
  private readonly options: DetectorOptions;
  private seen = 0;
  private run = 0;
  private tails: readonly [number, number] = [normalTail, normalTail];
  private anomaliesInARow = 0;
  /** When the alarms of the last day began, in event time; as many as it takes to be muted. */
  private alarms: number[] = [];
  isMuted = false;

  constructor(options: DetectorOptions) {
    this.options = options;
  }

  /** Alarms in the day up to the newest minute. */
  get alarmsOfDay(): number {
    return this.alarms.length;
  }

  /** Judges the next minute and learns from it. */
  add(
    startMs: number,
    actual: number,
    forecast: number,
    deviation: number,
  ): { readonly judged: Judged; readonly verdict: Verdict; readonly believed: number } {
    const { warmUpMinutes } = this.options;
    const isWarm = this.seen >= warmUpMinutes;
    const judged: Judged = { forecast, deviation, runBefore: this.run, tails: this.tails, isWarm };
    const verdict = this.judge(judged, actual);
    this.run = runAfter(judged, actual);
    this.seen += 1;
    this.anomaliesInARow = verdict.isAnomaly ? this.anomaliesInARow + 1 : 0;
    // An anomaly that lasts is one event: it says once how far the tail reaches.
    if (this.anomaliesInARow <= 1 || this.anomaliesInARow > doubtedMinutes) this.learnTails(apartOf(judged, actual));
    this.count(startMs, this.anomaliesInARow === 1);
    return { judged, verdict, believed: this.believed(actual, forecast, deviation) };
  }

  /** What a minute is with this value. */
  judge(judged: Judged, actual: number): Verdict {
    const [alone, lasting] = apartOf(judged, actual);
    const [aloneTail, lastingTail] = judged.tails;
    const score = normalTail * Math.max(alone / aloneTail, lasting / lastingTail);
    return { score, isAnomaly: judged.isWarm && score >= this.options.limit };
  }

  private learnTails([alone, lasting]: readonly [number, number]): void {
    const gain = firstTailGain(this.seen);
    this.tails = [tailAfter(this.tails[0], alone, gain), tailAfter(this.tails[1], lasting, gain)];
  }

  private believed(actual: number, forecast: number, deviation: number): number {
    if (this.anomaliesInARow === 0 || this.anomaliesInARow > doubtedMinutes) return actual;
    const most = believedDeviations * deviation;
    return Math.min(forecast + most, Math.max(forecast - most, actual));
  }

  private count(startMs: number, isAlarm: boolean): void {
    const { alarmsPerDayMax } = this.options;
    if (isAlarm) this.alarms.push(startMs);
    if (this.alarms.length > alarmsPerDayMax + 1) this.alarms.shift();
    while (this.alarms.length > 0 && (this.alarms[0] as number) <= startMs - dayMs) this.alarms.shift();
    if (this.alarms.length > alarmsPerDayMax) this.isMuted = true;
    else if (this.alarms.length <= alarmsPerDayMax / 2) this.isMuted = false;
  }

  snapshot(): unknown {
    const { seen, run, tails, anomaliesInARow, alarms, isMuted } = this;
    return { seen, run, tails: [...tails], anomaliesInARow, alarms: [...alarms], isMuted };
  }

  restore(state: unknown): void {
    Object.assign(this, state);
  }
}

/** Distance from the forecast in standard deviations, of the minute alone and of the running mean with it. */
function apartOf(judged: Judged, actual: number): readonly [alone: number, lasting: number] {
  const alone = Math.abs(actual - judged.forecast) / judged.deviation;
  return [alone, Math.abs(runAfter(judged, actual)) / runDeviation];
}

/** Follows what one value in 200 exceeds; never less than that of a normal distribution. */
function tailAfter(tail: number, value: number, gain: number): number {
  const change = value > tail ? 1 - tailShare : -tailShare;
  return Math.max(normalTail, tail * (1 + gain * change));
}

function runAfter({ forecast, deviation, runBefore }: Judged, actual: number): number {
  const apart = (actual - forecast) / deviation;
  return runBefore + runGain * (Math.min(runStepMax, Math.max(-runStepMax, apart)) - runBefore);
}
