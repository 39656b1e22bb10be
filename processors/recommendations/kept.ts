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

interface Node<T> {
  readonly key: string;
  kept: T;
  before: Node<T> | null;
  after: Node<T> | null;
}

export class Kept<T extends Touched> {
  private readonly options: KeptOptions<T>;
  private readonly byKey = new Map<string, Node<T>>();
  /**
   * The longest untouched, and the one touched last. Not the order of the map: keys deleted and set anew leave holes there, and whoever
   * looks for its first key goes over all of them.
   */
  private first: Node<T> | null = null;
  private last: Node<T> | null = null;

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
    const kept = this.byKey.get(key)?.kept;
    return kept && !this.isOver(kept, newestMs) ? kept : undefined;
  }

  /** The key's state, made where it has none, touched by an event of `timeMs`. */
  touch(key: string, timeMs: number, newestMs: number): T {
    const node = this.byKey.get(key);
    if (!node) {
      const made = this.options.create(key);
      made.lastMs = Math.max(made.lastMs, timeMs);
      this.append(key, made);
      return made;
    }
    if (this.isOver(node.kept, newestMs)) node.kept = this.options.create(key);
    node.kept.lastMs = Math.max(node.kept.lastMs, timeMs);
    if (node !== this.last) {
      this.unlink(node);
      this.link(node);
    }
    return node.kept;
  }

  /** Frees the memory of what is over. */
  sweep(newestMs: number): void {
    for (let node = this.first; node && this.isOver(node.kept, newestMs); node = this.first) {
      this.byKey.delete(node.key);
      this.unlink(node);
    }
  }

  /** The longest untouched first. */
  *values(): Generator<T> {
    for (let node = this.first; node; node = node.after) yield node.kept;
  }

  private isOver({ lastMs }: T, newestMs: number): boolean {
    return newestMs - lastMs > this.options.keepMs;
  }

  private append(key: string, kept: T): void {
    const node: Node<T> = { key, kept, before: null, after: null };
    this.byKey.set(key, node);
    this.link(node);
  }

  private link(node: Node<T>): void {
    node.before = this.last;
    node.after = null;
    if (this.last) this.last.after = node;
    else this.first = node;
    this.last = node;
  }

  private unlink({ before, after }: Node<T>): void {
    if (before) before.after = after;
    else this.first = after;
    if (after) after.before = before;
    else this.last = before;
  }

  /** The order is part of the state. */
  snapshot<S>(save: (kept: T) => S): (readonly [key: string, state: S])[] {
    const saved: (readonly [key: string, state: S])[] = [];
    for (let node = this.first; node; node = node.after) saved.push([node.key, save(node.kept)]);
    return saved;
  }

  restore<S>(saved: readonly (readonly [key: string, state: S])[], restored: (state: S, key: string) => T): void {
    this.byKey.clear();
    this.first = null;
    this.last = null;
    for (const [key, state] of saved) this.append(key, restored(state, key));
  }
}
