// The facts of a sequence pattern that may still matter: by key, the As with the first B after each, and the Bs.
// Guarantees: which B belongs to an A is a function of the facts, never of their order; what can match nothing any more is dropped.
// Redelivery: none of it knows ids; duplicates were dropped before.
import FlatQueue from 'flatqueue';

export interface Fact {
  readonly timeMs: number;
  readonly source: string;
  readonly id: string;
}

/** An A; of those of one key and millisecond the one with the lowest source and id. */
export interface Start {
  readonly key: string;
  readonly timeMs: number;
  first: Fact;
  /** The first B within reach. */
  second: Fact | null;
  /** Its deadline has passed. */
  isClosed: boolean;
  /** What was told of it, null: nothing, or taken back. */
  told: string | null;
}

interface Facts {
  /** Both by time. */
  readonly starts: Start[];
  readonly seconds: Fact[];
}

export type SavedSteps = readonly (readonly [key: string, starts: Start[], seconds: Fact[]])[];

export class Steps {
  factCount = 0;
  private readonly withinMs: number;
  private readonly allowedLatenessMs: number;
  private readonly factsOf = new Map<string, Facts>();
  private readonly closing = new FlatQueue<Start>();
  private readonly dropping = new FlatQueue<string>();
  private readonly changed = new Set<Start>();

  constructor(withinMs: number, allowedLatenessMs: number) {
    this.withinMs = withinMs;
    this.allowedLatenessMs = allowedLatenessMs;
  }

  get keyCount(): number {
    return this.factsOf.size;
  }

  /** At no lower watermark has `drop` something to do. */
  get nextDropMs(): number {
    return (this.dropping.peekValue() ?? Infinity) + this.withinMs + this.allowedLatenessMs;
  }

  has(key: string): boolean {
    return this.factsOf.has(key);
  }

  addFirst(key: string, first: Fact): void {
    const { starts, seconds } = this.factsAt(key);
    const at = placeOf(starts, first.timeMs);
    const known = starts[at - 1];
    if (known?.timeMs !== first.timeMs) {
      const start: Start = { key, timeMs: first.timeMs, first, second: null, isClosed: false, told: null };
      starts.splice(at, 0, start);
      this.track(start);
      this.match(start, seconds);
    } else if (isBefore(first, known.first)) {
      known.first = first;
      this.match(known, seconds);
    }
  }

  addSecond(key: string, second: Fact): void {
    const { starts, seconds } = this.factsAt(key);
    let at = seconds.length;
    while (at > 0 && isBefore(second, seconds[at - 1] as Fact)) at--;
    seconds.splice(at, 0, second);
    this.factCount++;
    this.dropping.push(key, second.timeMs);
    for (let i = placeOf(starts, second.timeMs) - 1; i >= 0; i--) {
      const start = starts[i] as Start;
      if (start.timeMs + this.withinMs <= second.timeMs) break;
      this.match(start, seconds);
    }
  }

  /** The As that another B belongs to than before, or that are new: by time, then key. Forgets that they have changed. */
  takeChanged(): Start[] {
    const changed = [...this.changed].sort(byTimeThenKey);
    this.changed.clear();
    return changed;
  }

  /** Closes the As whose deadline is at or before `upToMs`: by time, then key. */
  close(upToMs: number): Start[] {
    const closed: Start[] = [];
    while ((this.closing.peekValue() ?? Infinity) <= upToMs) {
      const start = this.closing.pop() as Start;
      if (start.isClosed) continue;
      start.isClosed = true;
      closed.push(start);
    }
    return closed.sort(byTimeThenKey);
  }

  /** Forgets what no fact that is in time can reach any more; what is not told yet still comes out of the two above. */
  drop(watermarkMs: number): void {
    const goneMs = watermarkMs - this.withinMs - this.allowedLatenessMs;
    while ((this.dropping.peekValue() ?? Infinity) <= goneMs) {
      const key = this.dropping.pop() as string;
      const facts = this.factsOf.get(key);
      if (!facts) continue;
      this.shiftUpTo(facts.starts, goneMs);
      this.shiftUpTo(facts.seconds, goneMs);
      if (facts.starts.length === 0 && facts.seconds.length === 0) this.factsOf.delete(key);
    }
  }

  private shiftUpTo(facts: { readonly timeMs: number }[], goneMs: number): void {
    this.factCount -= facts.splice(0, placeOf(facts, goneMs)).length;
  }

  private match(start: Start, seconds: readonly Fact[]): void {
    const { timeMs, first } = start;
    // From the last fact before the A on; an event does not follow itself.
    let at = seconds.length;
    while (at > 0 && (seconds[at - 1] as Fact).timeMs >= timeMs) at--;
    const second = seconds.slice(at, at + 2).find((fact) => !isSame(fact, first));
    start.second = second && second.timeMs < timeMs + this.withinMs ? second : null;
    this.changed.add(start);
  }

  private track(start: Start): void {
    this.factCount++;
    this.dropping.push(start.key, start.timeMs);
    if (!start.isClosed) this.closing.push(start, start.timeMs + this.withinMs);
  }

  private factsAt(key: string): Facts {
    const known = this.factsOf.get(key);
    if (known) return known;
    const facts: Facts = { starts: [], seconds: [] };
    this.factsOf.set(key, facts);
    return facts;
  }

  snapshot(): SavedSteps {
    return [...this.factsOf].map(
      ([key, { starts, seconds }]) => [key, starts.map((start) => ({ ...start })), [...seconds]] as const,
    );
  }

  restore(saved: SavedSteps): void {
    for (const [key, starts, seconds] of saved) {
      this.factsOf.set(key, { starts, seconds });
      for (const start of starts) this.track(start);
      for (const { timeMs } of seconds) this.dropping.push(key, timeMs);
      this.factCount += seconds.length;
    }
  }
}

/** How many of `facts`, which are by time, are not after `timeMs`. */
function placeOf(facts: readonly { readonly timeMs: number }[], timeMs: number): number {
  let at = facts.length;
  while (at > 0 && (facts[at - 1] as { readonly timeMs: number }).timeMs > timeMs) at--;
  return at;
}

const isSame = (one: Fact, other: Fact): boolean => one.id === other.id && one.source === other.source;

function isBefore(one: Fact, other: Fact): boolean {
  if (one.timeMs !== other.timeMs) return one.timeMs < other.timeMs;
  if (one.source !== other.source) return one.source < other.source;
  return one.id < other.id;
}

const byTimeThenKey = (one: Start, other: Start): number =>
  one.timeMs - other.timeMs || (one.key < other.key ? -1 : one.key > other.key ? 1 : 0);
