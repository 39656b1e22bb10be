// Keys whose list has changed and is to be published: first come, first served. Guarantees: bounded; beyond the limit the longest waiting
// is left out and counted, and comes back with its next change. Redelivery: a key that waits already keeps its place.

export class Waiting {
  private readonly keysMax: number;
  private readonly keys = new Set<string>();
  private skipped = 0;

  constructor(keysMax: number) {
    this.keysMax = keysMax;
  }

  get size(): number {
    return this.keys.size;
  }

  get skippedTotal(): number {
    return this.skipped;
  }

  add(key: string): void {
    this.keys.add(key);
    if (this.keys.size <= this.keysMax) return;
    for (const oldest of this.keys) {
      this.keys.delete(oldest);
      break;
    }
    this.skipped += 1;
  }

  /** Takes at most so many. */
  take(max: number): readonly string[] {
    const taken: string[] = [];
    for (const key of this.keys) {
      if (taken.length === max) break;
      taken.push(key);
      this.keys.delete(key);
    }
    return taken;
  }

  snapshot(): unknown {
    return { keys: [...this.keys], skipped: this.skipped };
  }

  restore(state: unknown): void {
    const { keys, skipped } = state as { readonly keys: readonly string[]; readonly skipped: number };
    this.keys.clear();
    for (const key of keys) this.keys.add(key);
    this.skipped = skipped;
  }
}
