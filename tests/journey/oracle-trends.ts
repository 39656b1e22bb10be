import type { ExpectedList, OracleClick } from './oracle-lists.ts';

/**
 * Trending lists of clicks without categories, by the text of docs/recommendations.md: a click counts 2, half for each 30 minutes
 * of whole minutes, nothing after four hours. Every list is counted anew from the clicks by minute.
 */
const clickWeight = 2;
const minuteMs = 60_000;
const halfLifeMinutes = 30;
const minutesMax = 8 * halfLifeMinutes;
const everyMs = 2_000;
const listMax = 12;

export class OracleTrends {
  /** By `minute all`. */
  readonly lists = new Map<string, ExpectedList>();
  /** Clicks by item and minute. */
  private readonly clicks = new Map<string, Map<number, number>>();
  private readonly parts = Array.from({ length: minutesMax }, (_, age) =>
    Math.round(65_536 / 2 ** (age / halfLifeMinutes)),
  );
  private isChanged = false;
  private lastStep = -1;
  private lastAgedStep = -1;
  private listMinute = -1;

  /** A click that begins a new minute publishes the one before. */
  before(atMs: number, newestMs: number, clockMs: number): void {
    if (newestMs > 0 && minuteOf(atMs) > minuteOf(newestMs)) this.publish(newestMs, clockMs);
  }

  add({ itemId, atMs }: OracleClick, newestMs: number): void {
    const minute = minuteOf(atMs);
    if (minute <= minuteOf(newestMs) - minutesMax) return;
    const minutes = this.clicks.get(itemId) ?? new Map<number, number>();
    this.clicks.set(itemId, minutes);
    minutes.set(minute, (minutes.get(minute) ?? 0) + 1);
    this.isChanged = true;
  }

  endEntry(newestMs: number, clockMs: number): void {
    const step = Math.floor(clockMs / everyMs);
    if (step <= this.lastStep || newestMs < 0) return;
    this.lastStep = step;
    const agedStep = Math.floor(clockMs / minuteMs);
    if (agedStep > this.lastAgedStep) {
      this.lastAgedStep = agedStep;
      if (this.listMinute >= 0 && this.listMinute < minuteOf(newestMs)) this.isChanged = true;
    }
    this.publish(newestMs, clockMs);
  }

  private publish(newestMs: number, clockMs: number): void {
    if (!this.isChanged) return;
    this.isChanged = false;
    this.listMinute = minuteOf(newestMs);
    const scored: {
      readonly itemId: string;
      readonly total: number;
      readonly clicks: number;
      readonly oldest: number;
    }[] = [];
    for (const [itemId, minutes] of this.clicks) {
      let [total, clicks, oldest] = [0, 0, Infinity];
      for (const [minute, count] of minutes) {
        const part = this.parts[this.listMinute - minute];
        if (part === undefined) {
          minutes.delete(minute);
          continue;
        }
        total += part * count * clickWeight;
        clicks += count;
        oldest = Math.min(oldest, minute);
      }
      if (minutes.size === 0) this.clicks.delete(itemId);
      else scored.push({ itemId, total, clicks, oldest });
    }
    const items = scored
      .sort((a, b) => b.total - a.total || (a.itemId < b.itemId ? -1 : 1))
      .slice(0, listMax)
      .map(({ itemId, total, clicks, oldest }) => ({
        itemId,
        score: Math.round((total * 1_000) / 65_536) / 1_000,
        reason: `${clicks} ${clicks === 1 ? 'click' : 'clicks'} in ${oracleSpan(newestMs - oldest * minuteMs)}`,
      }));
    const list = { items: JSON.stringify(items), eventTimeMs: newestMs, clockMs };
    this.lists.set(`${this.listMinute * minuteMs} all`, list);
  }
}

const minuteOf = (ms: number): number => Math.floor(ms / minuteMs);

/** Minutes up to 90, then hours, begun ones whole. */
export function oracleSpan(ms: number): string {
  const minutes = Math.max(1, Math.ceil(ms / minuteMs));
  return minutes > 90 ? `${Math.ceil(ms / 3_600_000)} h` : `${minutes} min`;
}
