// The series that close their minutes together, by one watermark.
// Guarantees: minutes close in order, each once, for every series; a record of a closed minute corrects it while it is within the
// allowed lateness; series are bounded; a long silence is skipped, not counted minute by minute.
// Redelivery: duplicates were dropped before; the same records give the same minutes.
import type { DetectorOptions } from './detector.ts';
import type { Metric } from './metrics.ts';
import { type ClosedMinute, Series } from './series.ts';

export interface GroupOptions extends DetectorOptions {
  /** How long after its end a minute takes corrections. */
  readonly allowedLatenessMs: number;
  /** Series of the group; a new one beyond is refused. */
  readonly seriesMax: number;
}

/** Told of each series' minute as it closes; null: it holds nothing that a value could be made of. */
export type OnClosed = (series: Series, targetMs: number, minute: ClosedMinute | null) => void;

const minuteMs = 60_000;
/** After so many minutes without a record closing stops until there is one: 6 hours. */
const emptyMinutesMax = 360;

export class SeriesGroup {
  private readonly options: GroupOptions;
  private readonly series = new Map<string, Series>();
  /** Start of the next minute to close; −1: there was no record. */
  private nextMs = -1;
  private hasClosed = false;
  private emptyMinutes = 0;
  private skipped = 0;
  /** Minutes with records that are not closed, and closed ones that may still be corrected. */
  private readonly open = new Set<number>();
  private readonly held = new Set<number>();
  private changed = new Map<Series, Set<number>>();

  constructor(options: GroupOptions) {
    this.options = options;
  }

  /** The series of this name, a new one if there is room. */
  find(metric: Metric, key: string): Series | null {
    const name = `${metric.name} ${key}`;
    const known = this.series.get(name);
    if (known) return known;
    if (this.series.size >= this.options.seriesMax) return null;
    const made = new Series(metric, key, this.options);
    this.series.set(name, made);
    return made;
  }

  /** Whether a minute takes no more records. */
  isLate(startMs: number, watermarkMs: number): boolean {
    return startMs + minuteMs + this.options.allowedLatenessMs <= watermarkMs;
  }

  /** A record of the minute that starts at `startMs` comes: to be called before it is added to series. */
  expect(startMs: number): void {
    if (this.nextMs < 0 || (!this.hasClosed && startMs < this.nextMs)) this.nextMs = startMs;
    if (startMs >= this.nextMs) this.open.add(startMs);
    else this.held.add(startMs);
  }

  /** To be called after a record has been added to a series. */
  touched(series: Series, startMs: number): void {
    if (startMs >= this.nextMs) return;
    const minutes = this.changed.get(series);
    if (minutes) minutes.add(startMs);
    else this.changed.set(series, new Set([startMs]));
  }

  /** Closes what ends at or before `upToMs`. */
  advance(upToMs: number, onClosed: OnClosed): void {
    while (this.nextMs >= 0 && this.nextMs + minuteMs <= upToMs) {
      const at = this.nextMs;
      if (this.open.delete(at)) this.emptyMinutes = 0;
      else if (++this.emptyMinutes > emptyMinutesMax) {
        this.skipTo(upToMs);
        continue;
      }
      this.hasClosed = true;
      this.held.add(at);
      this.nextMs = at + minuteMs;
      for (const series of this.series.values()) onClosed(series, at, series.close(at));
    }
  }

  /** The next minute that has records, or the newest that may close. */
  private skipTo(upToMs: number): void {
    let next = Math.floor(upToMs / minuteMs) * minuteMs;
    for (const startMs of this.open) next = Math.min(next, startMs);
    this.skipped += (next - this.nextMs) / minuteMs;
    this.nextMs = next;
  }

  /** To be called last with each entry: tells what late records have changed, and forgets what takes no more. */
  end(watermarkMs: number, onCorrected: (series: Series, minute: ClosedMinute) => void): void {
    for (const [series, minutes] of this.changed)
      for (const startMs of minutes) {
        const minute = series.corrected(startMs);
        if (minute) onCorrected(series, minute);
      }
    this.changed = new Map();
    for (const startMs of this.held) {
      if (!this.isLate(startMs, watermarkMs)) continue;
      this.held.delete(startMs);
      for (const series of this.series.values()) series.drop(startMs);
    }
  }

  all(): IterableIterator<Series> {
    return this.series.values();
  }

  /** Start of the newest closed minute; −1 before there is one. */
  get newestMs(): number {
    return this.hasClosed ? this.nextMs - minuteMs : -1;
  }

  counters(): { readonly series: number; readonly minutesSkipped: number } {
    return { series: this.series.size, minutesSkipped: this.skipped };
  }

  snapshot(): unknown {
    const { nextMs, hasClosed, emptyMinutes, skipped, open, held } = this;
    return {
      ...{ nextMs, hasClosed, emptyMinutes, skipped, open: [...open], held: [...held] },
      series: [...this.series.values()].map((one) => [one.name, one.snapshot()] as const),
    };
  }

  restore(state: unknown, metricOf: (name: string) => Metric): void {
    const { open, held, series, ...rest } = state as SavedGroup;
    Object.assign(this, rest);
    for (const startMs of open) this.open.add(startMs);
    for (const startMs of held) this.held.add(startMs);
    for (const [{ metric, key }, saved] of series) this.find(metricOf(metric), key)?.restore(saved);
  }
}

interface SavedGroup {
  readonly nextMs: number;
  readonly hasClosed: boolean;
  readonly emptyMinutes: number;
  readonly skipped: number;
  readonly open: readonly number[];
  readonly held: readonly number[];
  readonly series: readonly (readonly [{ readonly metric: string; readonly key: string }, unknown])[];
}
