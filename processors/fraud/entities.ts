// The cards, devices or terminals with state. Guarantees: a key is kept for 28 days of event time after its last payment; a new one
// beyond the limit is refused, and none with state is ever put out for it. Redelivery: the same calls leave the same state.

/** How long a key that is not seen again is remembered. */
export const rememberedMs = 28 * 86_400_000;

export interface KeptFor {
  /** The newest time that it was seen at. */
  readonly newestMs: number;
}

export class Entities<T extends KeptFor> {
  private readonly keysMax: number;
  private readonly create: () => T;
  /** The longest unseen first. */
  private readonly byKey = new Map<string, T>();

  constructor(keysMax: number, create: () => T) {
    this.keysMax = keysMax;
    this.create = create;
  }

  get keyCount(): number {
    return this.byKey.size;
  }

  /** False when the key is new and there is no room for it. */
  hasRoomFor(key: string): boolean {
    return this.byKey.size < this.keysMax || this.byKey.has(key);
  }

  peek(key: string): T | undefined {
    return this.byKey.get(key);
  }

  /** The key's state, made where it has none; it is the newest from now on. */
  touch(key: string): T {
    const entity = this.byKey.get(key) ?? this.create();
    this.byKey.delete(key);
    this.byKey.set(key, entity);
    return entity;
  }

  /** Forgets who was not seen for 28 days before the watermark. Returns how many. */
  expire(watermarkMs: number): number {
    let expired = 0;
    for (const [key, entity] of this.byKey) {
      if (entity.newestMs >= watermarkMs - rememberedMs) break;
      this.byKey.delete(key);
      expired += 1;
    }
    return expired;
  }

  /** Oldest first: the order is part of the state. */
  snapshot<S>(save: (entity: T) => S): (readonly [key: string, state: S])[] {
    return [...this.byKey].map(([key, entity]) => [key, save(entity)] as const);
  }

  restore<S>(saved: readonly (readonly [key: string, state: S])[], restored: (state: S) => T): void {
    this.byKey.clear();
    for (const [key, state] of saved) this.byKey.set(key, restored(state));
  }
}
