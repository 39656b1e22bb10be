import type { NamedFields } from './window-rows.ts';
import type { WindowStore } from './window-store.ts';

/**
 * Into which windows of one output an event goes, in two steps: `plan` changes no state, `commit` adds what was planned last and
 * cannot fail.
 */
export interface Placement {
  readonly store: WindowStore;
  /** Windows that `commit` must open. */
  readonly needed: number;
  plan(key: string, eventTimeMs: number, watermarkMs: number, onMissed: OnMissed): void;
  /** Returns to how many windows the values were added. */
  commit(key: string, values: readonly unknown[]): number;
}

/** A window that the event comes too late for. */
export type OnMissed = (startMs: number, endMs: number) => void;

export interface PlacementOptions<E> {
  readonly fields: NamedFields<E>;
  readonly keys: KeyCounts;
  readonly allowedLatenessMs: number;
}

/** How many cells hold each key. */
export class KeyCounts {
  cellCount = 0;
  private readonly held = new Map<string, number>();

  get keyCount(): number {
    return this.held.size;
  }

  has(key: string): boolean {
    return this.held.has(key);
  }

  hold(key: string): void {
    this.cellCount++;
    this.held.set(key, (this.held.get(key) ?? 0) + 1);
  }

  release(key: string): void {
    this.cellCount--;
    const held = this.held.get(key) ?? 1;
    if (held > 1) this.held.set(key, held - 1);
    else this.held.delete(key);
  }
}

export const initStates = <E>(fields: NamedFields<E>): unknown[] => fields.map(([, { aggregate }]) => aggregate.init());

export function addValues<E>(fields: NamedFields<E>, states: unknown[], values: readonly unknown[]): void {
  for (let f = 0; f < fields.length; f++) {
    const { aggregate } = (fields[f] as NamedFields<E>[number])[1];
    states[f] = aggregate.add(states[f], values[f]);
  }
}

/** V8 keeps the whole message alive behind a piece cut out of it: state holds its own copy. */
export const ownCopy = (key: string): string => ` ${key}`.slice(1);
