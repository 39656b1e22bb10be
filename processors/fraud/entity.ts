// What is remembered of one card, device or terminal: its payments as trailing sums by currency, with whom it was seen, when last.
// Guarantees: as of a payment, exactly the payments folded up to it whose time is not after its own are counted; those ahead of the
// watermark are held one by one until it has passed them.
// Redelivery: knows no ids; duplicates were dropped before.
import { Edges, Ladder, type Totals, featureWindows } from './ladder.ts';
import { Others, othersMax } from './others.ts';

/** One payment as an entity sees it. */
export interface Seen {
  /** The payment's event time, or the watermark where that is later: a late payment counts as if it happened at the watermark. */
  readonly asOfMs: number;
  readonly amountMinor: number;
  readonly currency: string;
  /** The other side: the terminal of a card, the card of a device or terminal; null where there is none. */
  readonly other: string | null;
}

/** Up to here, comparing each payment ahead of the watermark with each is cheaper than a Map. */
const fewPending = 24;
/** Written anew whenever tiles are let go. */
const expiryEdges = new Edges();

export class Entity {
  /** A ladder for each currency, at the same place. */
  private readonly currencies: string[] = [];
  private readonly ladders: Ladder[] = [];
  private readonly others = new Others();
  /** Ahead of the watermark when they were folded, in fold order. */
  private readonly pending: Seen[] = [];
  /** The earliest of them. */
  private pendingFromMs = Infinity;
  /** The watermark at which it settled last. */
  private settledMs = -Infinity;
  /** Of the payment folded last. */
  lastMs = -Infinity;
  /** The highest of all. */
  newestMs = -Infinity;

  /** Folds a payment; then `read` and `distinct` are as of it. */
  add(seen: Seen, watermarkMs: number): void {
    if (this.pendingFromMs <= watermarkMs) this.settle(watermarkMs);
    this.pending.push(seen);
    this.pendingFromMs = Math.min(this.pendingFromMs, seen.asOfMs);
    this.lastMs = seen.asOfMs;
    this.newestMs = Math.max(this.newestMs, seen.asOfMs);
  }

  /** Whether the other was seen before; to be asked before `add`. */
  knows(other: string): boolean {
    const { pending } = this;
    for (let i = 0; i < pending.length; i++) if (pending[i]?.other === other) return true;
    return this.others.lastMs(other) > -Infinity;
  }

  /** What all windows hold: counts of all currencies, sums and maxima of one. */
  read(edges: Edges, currency: string, into: Totals): void {
    const { currencies, ladders, pending } = this;
    into.clear();
    for (let i = 0; i < ladders.length; i++) {
      const ladder = ladders[i] as Ladder;
      if (currencies[i] === currency) ladder.read(edges, into);
      else ladder.readCounts(edges, into);
    }
    for (let i = 0; i < pending.length; i++) {
      const seen = pending[i] as Seen;
      if (seen.asOfMs > edges.asOfMs) continue;
      for (let level = edges.shortestOf(seen.asOfMs); level < featureWindows.length; level++) {
        into.addAll(level, 1);
        if (seen.currency === currency) into.add(level, 1, seen.amountMinor, seen.amountMinor);
      }
    }
  }

  /** How many payments one window holds. */
  count(level: number, edges: Edges): number {
    const { ladders, pending } = this;
    const startMs = edges.startMs[level] as number;
    let count = 0;
    for (let i = 0; i < ladders.length; i++) count += (ladders[i] as Ladder).count(level, edges);
    for (let i = 0; i < pending.length; i++) {
      const { asOfMs } = pending[i] as Seen;
      if (asOfMs <= edges.asOfMs && asOfMs >= startMs) count += 1;
    }
    return count;
  }

  /** Distinct others in each window, shortest first, into `into`. */
  distinct(edges: Edges, into: Float64Array): void {
    const { pending, others } = this;
    others.count(edges, into);
    if (pending.length > fewPending) {
      for (const [other, lastMs] of this.lastAhead(edges.asOfMs)) this.countAhead(other, lastMs, edges, into);
    } else {
      for (let i = 0; i < pending.length; i++) {
        const { other, asOfMs } = pending[i] as Seen;
        if (other !== null && this.isLastAhead(i, edges.asOfMs)) this.countAhead(other, asOfMs, edges, into);
      }
    }
    for (let level = 0; level < into.length; level++) into[level] = Math.min(into[level] as number, othersMax);
  }

  /** Adds one to each window that holds an other only by what is ahead of the watermark. */
  private countAhead(other: string, lastMs: number, edges: Edges, into: Float64Array): void {
    const settledFrom = Math.min(edges.shortestOf(this.others.lastMs(other)), into.length);
    for (let level = edges.shortestOf(lastMs); level < settledFrom; level++) into[level] = (into[level] as number) + 1;
  }

  /** Whether a payment ahead of the watermark counts as of then, and none of the same other is later, or as late and after it. */
  private isLastAhead(place: number, asOfMs: number): boolean {
    const { pending } = this;
    const one = pending[place] as Seen;
    if (one.asOfMs > asOfMs) return false;
    for (let i = 0; i < pending.length; i++) {
      const two = pending[i] as Seen;
      const isLater = two.asOfMs > one.asOfMs || (two.asOfMs === one.asOfMs && i > place);
      if (isLater && two.asOfMs <= asOfMs && two.other === one.other) return false;
    }
    return true;
  }

  /** When each other was last seen among what is ahead of the watermark, where there is much. */
  private lastAhead(asOfMs: number): ReadonlyMap<string, number> {
    const lastOf = new Map<string, number>();
    for (const { other, asOfMs: atMs } of this.pending)
      if (other !== null && atMs <= asOfMs) lastOf.set(other, Math.max(lastOf.get(other) ?? -Infinity, atMs));
    return lastOf;
  }

  /** Takes what the watermark has passed into the sums. */
  private settle(watermarkMs: number): void {
    const { pending } = this;
    let ahead = 0;
    this.pendingFromMs = Infinity;
    for (let i = 0; i < pending.length; i++) {
      const seen = pending[i] as Seen;
      if (seen.asOfMs <= watermarkMs) this.sum(seen);
      else {
        pending[ahead++] = seen;
        this.pendingFromMs = Math.min(this.pendingFromMs, seen.asOfMs);
      }
    }
    pending.length = ahead;
    this.settledMs = watermarkMs;
    if (expiryEdges.asOfMs !== watermarkMs) expiryEdges.moveTo(watermarkMs);
    for (let i = 0; i < this.ladders.length; i++) this.ladders[i]?.expire(expiryEdges);
  }

  private sum({ asOfMs, amountMinor, currency, other }: Seen): void {
    let place = this.currencies.indexOf(currency);
    if (place < 0) {
      place = this.currencies.push(currency) - 1;
      this.ladders.push(new Ladder());
    }
    this.ladders[place]?.add(asOfMs, amountMinor);
    if (other !== null) this.others.see(other, asOfMs);
  }

  snapshot(): SavedEntity {
    const { lastMs, newestMs, pending } = this;
    expiryEdges.moveTo(this.settledMs);
    const ladders = this.ladders.map(
      (ladder, i) => [this.currencies[i] as string, ladder.snapshot(expiryEdges)] as const,
    );
    return { lastMs, newestMs, pending: [...pending], ladders, others: this.others.snapshot() };
  }

  static restore({ lastMs, newestMs, pending, ladders, others }: SavedEntity): Entity {
    const entity = new Entity();
    Object.assign(entity, { lastMs, newestMs });
    for (const seen of pending) {
      entity.pending.push(seen);
      entity.pendingFromMs = Math.min(entity.pendingFromMs, seen.asOfMs);
    }
    for (const [currency, levels] of ladders) {
      entity.currencies.push(currency);
      entity.ladders.push(new Ladder(levels.map((tiles) => [...tiles])));
    }
    entity.others.restore(others);
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
