// What is remembered of one card, device or terminal: its payments as trailing sums by currency, with whom it was seen, when last.
// Guarantees: as of a payment, exactly the payments folded up to it whose time is not after its own are counted; those ahead of the
// watermark are held one by one until it has passed them.
// Redelivery: knows no ids; duplicates were dropped before.
import { Ladder, type Totals, startMs } from './ladder.ts';

/** One payment as an entity sees it. */
export interface Seen {
  /** The payment's event time, or the watermark where that is later: a late payment counts as if it happened at the watermark. */
  readonly asOfMs: number;
  readonly amountMinor: number;
  readonly currency: string;
  /** The other side: the terminal of a card, the card of a device or terminal; null where there is none. */
  readonly other: string | null;
}

/** Others that are told apart: distinct counts are exact up to here, and stay here beyond. */
export const othersMax = 200;

export class Entity {
  private readonly ladders = new Map<string, Ladder>();
  /** When each other was last seen, the longest unseen first. */
  private readonly others = new Map<string, number>();
  /** Ahead of the watermark when they were folded, in fold order. */
  private pending: Seen[] = [];
  /** Of the payment folded last. */
  lastMs = -Infinity;
  /** The highest of all. */
  newestMs = -Infinity;

  /** Folds a payment; then `read` and `distinct` are as of it. */
  add(seen: Seen, watermarkMs: number): void {
    this.settle(watermarkMs);
    this.pending.push(seen);
    this.lastMs = seen.asOfMs;
    this.newestMs = Math.max(this.newestMs, seen.asOfMs);
  }

  /** Whether the other was seen before; to be asked before `add`. */
  knows(other: string): boolean {
    return this.others.has(other) || this.pending.some((seen) => seen.other === other);
  }

  /** Counts of all currencies, sums and maxima of one, in each window. */
  read(level: number, asOfMs: number, currency: string, into: Totals): { readonly countAll: number } {
    let countAll = 0;
    for (const [of, ladder] of this.ladders) {
      const before = into.count;
      if (of === currency) {
        ladder.read(level, asOfMs, into);
        countAll += into.count - before;
      } else countAll += countOf(ladder, level, asOfMs);
    }
    const fromMs = startMs(level, asOfMs);
    for (const seen of this.pending) {
      if (seen.asOfMs > asOfMs || seen.asOfMs < fromMs) continue;
      countAll += 1;
      if (seen.currency !== currency) continue;
      into.count += 1;
      into.sumMinor += seen.amountMinor;
      into.maxMinor = Math.max(into.maxMinor, seen.amountMinor);
    }
    return { countAll };
  }

  /** Distinct others in each window as of `asOfMs`, shortest first, into `into`. */
  distinct(asOfMs: number, into: Float64Array): void {
    into.fill(0);
    const ahead = this.lastAhead(asOfMs);
    for (const [other, lastMs] of this.others) if (!ahead?.has(other)) countIn(into, lastMs, asOfMs);
    if (ahead)
      for (const [other, lastMs] of ahead) countIn(into, Math.max(lastMs, this.others.get(other) ?? -Infinity), asOfMs);
    // Each was counted in the shortest window that holds it: the longer ones hold it too.
    for (let level = 1; level < into.length; level++)
      into[level] = (into[level] as number) + (into[level - 1] as number);
    for (let level = 0; level < into.length; level++) into[level] = Math.min(into[level] as number, othersMax);
  }

  /** When each other was last seen among what is ahead of the watermark; null where there is nobody. */
  private lastAhead(asOfMs: number): ReadonlyMap<string, number> | null {
    let lastOf: Map<string, number> | null = null;
    for (const { other, asOfMs: atMs } of this.pending) {
      if (other === null || atMs > asOfMs) continue;
      lastOf ??= new Map();
      lastOf.set(other, Math.max(lastOf.get(other) ?? -Infinity, atMs));
    }
    return lastOf;
  }

  /** Takes what the watermark has passed into the sums. */
  private settle(watermarkMs: number): void {
    if (this.pending.length === 0) return;
    const ahead = this.pending.filter((seen) => seen.asOfMs > watermarkMs);
    if (ahead.length === this.pending.length) return;
    for (const seen of this.pending) if (seen.asOfMs <= watermarkMs) this.sum(seen);
    this.pending = ahead;
    for (const ladder of this.ladders.values()) ladder.expire(watermarkMs);
  }

  private sum({ asOfMs, amountMinor, currency, other }: Seen): void {
    let ladder = this.ladders.get(currency);
    if (!ladder) this.ladders.set(currency, (ladder = new Ladder()));
    ladder.add(asOfMs, amountMinor);
    if (other === null) return;
    const lastMs = this.others.get(other) ?? -Infinity;
    this.others.delete(other);
    this.others.set(other, Math.max(lastMs, asOfMs));
    if (this.others.size <= othersMax) return;
    for (const longest of this.others.keys()) {
      this.others.delete(longest);
      return;
    }
  }

  snapshot(): SavedEntity {
    const { lastMs, newestMs, pending } = this;
    const ladders = [...this.ladders].map(([currency, ladder]) => [currency, ladder.snapshot()] as const);
    return { lastMs, newestMs, pending, ladders, others: [...this.others] };
  }

  static restore({ lastMs, newestMs, pending, ladders, others }: SavedEntity): Entity {
    const entity = new Entity();
    Object.assign(entity, { lastMs, newestMs });
    entity.pending = [...pending];
    for (const [currency, levels] of ladders)
      entity.ladders.set(currency, new Ladder(levels.map((tiles) => [...tiles])));
    for (const [other, atMs] of others) entity.others.set(other, atMs);
    return entity;
  }
}

export interface SavedEntity {
  readonly lastMs: number;
  readonly newestMs: number;
  readonly pending: readonly Seen[];
  readonly ladders: readonly (readonly [currency: string, levels: readonly (readonly number[])[]])[];
  readonly others: readonly (readonly [other: string, lastMs: number])[];
}

/** Adds one to the shortest window that holds a time; to none when all are too short. */
function countIn(into: Float64Array, lastMs: number, asOfMs: number): void {
  for (let level = 0; level < into.length; level++) {
    if (lastMs < startMs(level, asOfMs)) continue;
    into[level] = (into[level] as number) + 1;
    return;
  }
}

const scratch: Totals = { count: 0, sumMinor: 0, maxMinor: 0 };

function countOf(ladder: Ladder, level: number, asOfMs: number): number {
  scratch.count = 0;
  ladder.read(level, asOfMs, scratch);
  return scratch.count;
}
