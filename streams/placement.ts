import type { RecordTime } from './stage.ts';
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
  plan(key: string, time: RecordTime, onMissed: OnMissed): void;
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
  private readonly held = new Map<string, HeldKey>();

  get keyCount(): number {
    return this.held.size;
  }

  has(key: string): boolean {
    return this.held.has(key);
  }

  /** The key as state holds it: one string for all its cells. It must be its own copy. */
  hold(key: string): string {
    this.cellCount++;
    const known = this.held.get(key);
    if (known) {
      known.cells++;
      return known.key;
    }
    this.held.set(key, { key, cells: 1 });
    return key;
  }

  release(key: string): void {
    this.cellCount--;
    const known = this.held.get(key);
    if (known && --known.cells === 0) this.held.delete(key);
  }
}

interface HeldKey {
  readonly key: string;
  cells: number;
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
