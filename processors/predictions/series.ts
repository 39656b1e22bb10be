// One series: its minutes as they fill, close and are corrected, its forecaster and its detector.
// Guarantees: a minute is closed once, in order, and teaches what it then was; a late record republishes the minute with its new value
// against the forecast of then. Minutes beyond the allowed lateness are forgotten.
// Redelivery: duplicates were dropped before; the same records give the same rows.
import { Detector, type DetectorOptions, type Judged } from './detector.ts';
import { type Forecast, Forecaster, isInside } from './forecaster.ts';
import { LiveScore } from './live-score.ts';
import { type Metric, tidy } from './metrics.ts';

export interface SeriesName {
  readonly metric: Metric['name'];
  /** See `Prediction.key`. */
  readonly key: string;
}

/** A minute that is over. */
export interface ClosedMinute extends Forecast {
  readonly targetMs: number;
  readonly actual: number;
  readonly score: number;
  readonly isAnomaly: boolean;
}

/** What of one minute is kept while records may still change it. */
interface Cell {
  sum: number;
  count: number;
  /** Set once it is closed with a value and there was a forecast. */
  closed: (Forecast & { readonly judged: Judged; isAnomaly: boolean }) | null;
}

export class Series {
  readonly name: SeriesName;
  readonly detector: Detector;
  private readonly metric: Metric;
  private readonly forecaster: Forecaster;
  private readonly live = new LiveScore();
  private readonly cells = new Map<number, Cell>();
  private lastActual: number | null = null;

  constructor(metric: Metric, key: string, options: DetectorOptions) {
    this.name = { metric: metric.name, key };
    this.metric = metric;
    this.forecaster = new Forecaster(metric);
    this.detector = new Detector(options);
  }

  /** A record of the minute; `count` is how many more it holds. */
  add(startMs: number, amount: number, count: number): void {
    let cell = this.cells.get(startMs);
    if (!cell) this.cells.set(startMs, (cell = { sum: 0, count: 0, closed: null }));
    cell.sum += amount;
    cell.count += count;
  }

  /** The next minute is over. Null when it holds nothing that a value could be made of. */
  close(targetMs: number): ClosedMinute | null {
    const cell = this.cells.get(targetMs);
    const actual = this.valueOf(cell);
    if (actual === null) return null;
    const said = this.forecaster.remembered(targetMs, 0);
    if (!said) {
      this.learn(targetMs, actual, actual);
      return { targetMs, actual, forecast: actual, low: actual, high: actual, score: 0, isAnomaly: false };
    }
    const deviation = this.forecaster.deviation(targetMs, said.forecast, cell?.count ?? 0);
    const { judged, verdict, believed } = this.detector.add(targetMs, actual, said.forecast, deviation);
    this.noteScore(targetMs, actual, said);
    this.learn(targetMs, actual, believed);
    const kept = cell ?? this.emptyCell(targetMs);
    const { forecast, low, high } = said;
    const { isAnomaly } = verdict;
    kept.closed = { forecast, low, high, judged, isAnomaly };
    return { targetMs, actual, forecast, low, high, score: tidy(verdict.score), isAnomaly };
  }

  /** A closed minute as it is now that late records have changed it. */
  corrected(targetMs: number): ClosedMinute | null {
    const cell = this.cells.get(targetMs);
    const actual = this.valueOf(cell);
    if (actual === null) return null;
    if (!cell?.closed)
      return { targetMs, actual, forecast: actual, low: actual, high: actual, score: 0, isAnomaly: false };
    const { forecast, low, high, judged } = cell.closed;
    const { score, isAnomaly } = this.detector.judge(judged, actual);
    cell.closed.isAnomaly = isAnomaly;
    return { targetMs, actual, forecast, low, high, score: tidy(score), isAnomaly };
  }

  /** After `close`: the forecasts of `judgedHorizons` from that minute on. */
  forecasts(newestMs: number): readonly Forecast[] {
    return this.forecaster.remember(newestMs);
  }

  ahead(targetMs: number, horizon: number): Forecast {
    return this.forecaster.ahead(targetMs, horizon);
  }

  liveScore() {
    return this.live.values();
  }

  /** Forgets a minute that takes no more records. */
  drop(startMs: number): void {
    this.cells.delete(startMs);
  }

  private learn(targetMs: number, actual: number, learnt: number): void {
    this.forecaster.learn(targetMs, actual, learnt);
    this.lastActual = actual;
  }

  private noteScore(targetMs: number, actual: number, said: Forecast): void {
    const naive = Math.abs(actual - (this.lastActual ?? actual));
    this.live.add(targetMs, Math.abs(actual - said.forecast), naive, isInside(actual, said));
  }

  private emptyCell(targetMs: number): Cell {
    const cell: Cell = { sum: 0, count: 0, closed: null };
    this.cells.set(targetMs, cell);
    return cell;
  }

  private valueOf(cell: Cell | undefined): number | null {
    switch (this.metric.name) {
      case 'revenue':
        return cell?.sum ?? 0;
      case 'volume':
        return cell?.count ?? 0;
      case 'decline_rate':
        return cell && cell.count > 0 ? tidy(cell.sum / cell.count) : null;
    }
  }

  snapshot(): unknown {
    const { forecaster, detector, live, cells, lastActual } = this;
    const saved = { forecaster: forecaster.snapshot(), detector: detector.snapshot(), live: live.snapshot() };
    return { ...saved, cells: [...cells].map(([at, cell]) => [at, { ...cell }]), lastActual };
  }

  restore(state: unknown): void {
    const saved = state as SavedSeries;
    this.forecaster.restore(saved.forecaster);
    this.detector.restore(saved.detector);
    this.live.restore(saved.live);
    for (const [at, cell] of saved.cells) this.cells.set(at, cell);
    this.lastActual = saved.lastActual;
  }
}

interface SavedSeries {
  readonly forecaster: unknown;
  readonly detector: unknown;
  readonly live: unknown;
  readonly cells: readonly (readonly [number, Cell])[];
  readonly lastActual: number | null;
}
