// State by key that is forgotten some time after it was last touched. Guarantees: a key counts as gone by its own times alone, so
// that when it is swept changes nothing; a new one beyond the limit is refused, and none is put out for it.
// Redelivery: the same calls leave the same state.

export interface Touched {
  /** The newest event time that it was touched at. */
  lastMs: number;
}

export interface KeptOptions<T> {
  readonly keysMax: number;
  /** How long a key is remembered after it was last touched, in event time. */
  readonly keepMs: number;
  readonly create: (key: string) => T;
}

export class Kept<T extends Touched> {
  private readonly options: KeptOptions<T>;
  /** The longest untouched first. */
  private readonly byKey = new Map<string, T>();

  constructor(options: KeptOptions<T>) {
    this.options = options;
  }

  get size(): number {
    return this.byKey.size;
  }

  hasRoomFor(key: string): boolean {
    return this.byKey.size < this.options.keysMax || this.byKey.has(key);
  }

  /** As of the newest event time. */
  get(key: string, newestMs: number): T | undefined {
    const kept = this.byKey.get(key);
    return kept && !this.isOver(kept, newestMs) ? kept : undefined;
  }

  /** The key's state, made where it has none, touched by an event of `timeMs`. */
  touch(key: string, timeMs: number, newestMs: number): T {
    const kept = this.get(key, newestMs) ?? this.options.create(key);
    kept.lastMs = Math.max(kept.lastMs, timeMs);
    this.byKey.delete(key);
    this.byKey.set(key, kept);
    return kept;
  }

  /** Frees the memory of what is over. */
  sweep(newestMs: number): void {
    for (const [key, kept] of this.byKey) {
      if (!this.isOver(kept, newestMs)) break;
      this.byKey.delete(key);
    }
  }

  entries(): IterableIterator<[string, T]> {
    return this.byKey.entries();
  }

  private isOver({ lastMs }: T, newestMs: number): boolean {
    return newestMs - lastMs > this.options.keepMs;
  }

  /** The order is part of the state. */
  snapshot<S>(save: (kept: T) => S): (readonly [key: string, state: S])[] {
    return [...this.byKey].map(([key, kept]) => [key, save(kept)] as const);
  }

  restore<S>(saved: readonly (readonly [key: string, state: S])[], restored: (state: S, key: string) => T): void {
    this.byKey.clear();
    for (const [key, state] of saved) this.byKey.set(key, restored(state, key));
  }
}
