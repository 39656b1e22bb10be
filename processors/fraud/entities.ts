// The cards, devices or terminals with state. Guarantees: a key is kept for 28 days of event time after its last payment; a new one
// beyond the limit is refused, and none with state is ever put out for it. Redelivery: the same calls leave the same state.

/** How long a key that is not seen again is remembered. */
export const rememberedMs = 28 * 86_400_000;

export interface KeptFor {
  /** The newest time that it was seen at. */
  readonly newestMs: number;
}

/** In a ring by when each was touched last: a Map that is taken out of and put into for each payment is rebuilt all the time. */
interface Kept<T> {
  readonly key: string;
  readonly entity: T | null;
  before: Kept<T>;
  after: Kept<T>;
}

export class Entities<T extends KeptFor> {
  private readonly keysMax: number;
  private readonly create: () => T;
  private readonly byKey = new Map<string, Kept<T>>();
  /** After it the longest unseen, before it the newest. */
  private readonly ends: Kept<T>;

  constructor(keysMax: number, create: () => T) {
    this.keysMax = keysMax;
    this.create = create;
    const ends = { key: '', entity: null } as unknown as Kept<T>;
    ends.before = ends.after = ends;
    this.ends = ends;
  }

  get keyCount(): number {
    return this.byKey.size;
  }

  /** False when the key is new and there is no room for it. */
  hasRoomFor(key: string): boolean {
    return this.byKey.size < this.keysMax || this.byKey.has(key);
  }

  peek(key: string): T | undefined {
    return this.byKey.get(key)?.entity ?? undefined;
  }

  /** The key's state, made where it has none; it is the newest from now on. */
  touch(key: string): T {
    const kept = this.byKey.get(key);
    if (!kept) return this.put(key, this.create());
    kept.before.after = kept.after;
    kept.after.before = kept.before;
    this.append(kept);
    return kept.entity as T;
  }

  private put(key: string, entity: T): T {
    const kept: Kept<T> = { key, entity, before: this.ends, after: this.ends };
    this.byKey.set(key, kept);
    this.append(kept);
    return entity;
  }

  private append(kept: Kept<T>): void {
    const { ends } = this;
    kept.before = ends.before;
    kept.after = ends;
    ends.before.after = kept;
    ends.before = kept;
  }

  /** Forgets who was not seen for 28 days before the watermark. Returns how many. */
  expire(watermarkMs: number): number {
    const { ends } = this;
    let expired = 0;
    let oldest = ends.after;
    for (; oldest.entity !== null && oldest.entity.newestMs < watermarkMs - rememberedMs; oldest = oldest.after) {
      this.byKey.delete(oldest.key);
      expired += 1;
    }
    ends.after = oldest;
    oldest.before = ends;
    return expired;
  }

  /** Oldest first: the order is part of the state. */
  snapshot<S>(save: (entity: T) => S): (readonly [key: string, state: S])[] {
    const saved: (readonly [string, S])[] = [];
    for (let kept = this.ends.after; kept.entity !== null; kept = kept.after)
      saved.push([kept.key, save(kept.entity)] as const);
    return saved;
  }

  restore<S>(saved: readonly (readonly [key: string, state: S])[], restored: (state: S, key: string) => T): void {
    this.byKey.clear();
    this.ends.before = this.ends.after = this.ends;
    for (const [key, state] of saved) this.put(key, restored(state, key));
  }
}
