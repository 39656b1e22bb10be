// The other side of an entity's payments: the terminals of a card, the cards of a device or terminal, and when each was last seen.
// Guarantees: the newest 200 by when they were folded; how many were seen since a time is exact for those.
// Redelivery: the same calls leave the same state.

import type { Edges } from './ladder.ts';

/** Others that are told apart: distinct counts are exact up to here, and stay here beyond. */
export const othersMax = 200;
/** Up to here two arrays are smaller than a Map, and as fast. */
const fewMax = 16;

export class Others {
  /** The longest unseen first, with when each was last seen; left empty once there are many. */
  private readonly names: string[] = [];
  private readonly timesMs: number[] = [];
  private many: ManyOthers | null = null;

  /** −Infinity where it was never seen. */
  lastMs(other: string): number {
    if (this.many) return this.many.lastMs(other);
    const place = this.names.indexOf(other);
    return place < 0 ? -Infinity : (this.timesMs[place] as number);
  }

  see(other: string, atMs: number): void {
    if (this.many) return this.many.see(other, atMs);
    const { names, timesMs } = this;
    const place = names.indexOf(other);
    if (place >= 0) {
      const lastMs = Math.max(atMs, timesMs[place] as number);
      const last = names.length - 1;
      for (let i = place; i < last; i++) {
        names[i] = names[i + 1] as string;
        timesMs[i] = timesMs[i + 1] as number;
      }
      names[last] = other;
      timesMs[last] = lastMs;
    } else if (names.length < fewMax) {
      names.push(other);
      timesMs.push(atMs);
    } else {
      this.many = new ManyOthers();
      for (const [i, name] of names.entries()) this.many.see(name, timesMs[i] as number);
      names.length = timesMs.length = 0;
      this.many.see(other, atMs);
    }
  }

  /** How many were last seen within each window, shortest first, into `into`. */
  count(edges: Edges, into: Float64Array): void {
    const { many, timesMs } = this;
    if (many) {
      for (let level = 0; level < into.length; level++) into[level] = many.countSince(edges.startMs[level] as number);
      return;
    }
    into.fill(0);
    for (let i = 0; i < timesMs.length; i++) {
      const level = edges.shortestOf(timesMs[i] as number);
      if (level < into.length) into[level] = (into[level] as number) + 1;
    }
    // The longer windows hold what the shorter ones do.
    for (let level = 1; level < into.length; level++)
      into[level] = (into[level] as number) + (into[level - 1] as number);
  }

  snapshot(): readonly (readonly [other: string, lastMs: number])[] {
    return this.many?.snapshot() ?? this.names.map((name, i) => [name, this.timesMs[i] as number] as const);
  }

  restore(saved: readonly (readonly [other: string, lastMs: number])[]): void {
    for (const [other, lastMs] of saved) this.see(other, lastMs);
  }
}

class ManyOthers {
  /** When each was last seen, the longest unseen first. */
  private readonly lastMsOf = new Map<string, number>();
  /** The same times, rising. */
  private readonly timesMs: number[] = [];

  lastMs(other: string): number {
    return this.lastMsOf.get(other) ?? -Infinity;
  }

  see(other: string, atMs: number): void {
    const knownMs = this.lastMsOf.get(other);
    const lastMs = knownMs === undefined ? atMs : Math.max(knownMs, atMs);
    if (knownMs !== undefined) this.lastMsOf.delete(other);
    this.lastMsOf.set(other, lastMs);
    if (knownMs !== lastMs) {
      if (knownMs !== undefined) this.timesMs.splice(this.firstFrom(knownMs), 1);
      this.keep(lastMs);
    }
    if (this.lastMsOf.size > othersMax) this.forgetOne();
  }

  countSince(startMs: number): number {
    return this.timesMs.length - this.firstFrom(startMs);
  }

  private forgetOne(): void {
    for (const [longest, lastMs] of this.lastMsOf) {
      this.lastMsOf.delete(longest);
      this.timesMs.splice(this.firstFrom(lastMs), 1);
      return;
    }
  }

  private keep(lastMs: number): void {
    const { timesMs } = this;
    if (timesMs.length === 0 || lastMs >= (timesMs[timesMs.length - 1] as number)) timesMs.push(lastMs);
    else timesMs.splice(this.firstFrom(lastMs), 0, lastMs);
  }

  /** The place of the first time that is not before `timeMs`. */
  private firstFrom(timeMs: number): number {
    const { timesMs } = this;
    let low = 0;
    let high = timesMs.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((timesMs[middle] as number) < timeMs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  snapshot(): readonly (readonly [other: string, lastMs: number])[] {
    return [...this.lastMsOf];
  }
}
