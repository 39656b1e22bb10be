// Folds one event into the windows of all views, in two steps: `plan` runs everything that may throw or refuse, `commit`
// adds and cannot fail. So a record is in all its windows or in none.
// Redelivery: knows no ids; duplicates were dropped before.
import type { TimedEvent } from './batch.ts';
import { type Cell, type EmitRow, KeyedWindows } from './keyed-windows.ts';
import type { View, ViewOutput } from './view.ts';
import type { Missed } from './window-rows.ts';
import { tumblingStartMs } from './windows.ts';

export interface AggregatorOptions<E> {
  readonly views: readonly View<E>[];
  readonly allowedLatenessMs: number;
  readonly keysMax: number;
  readonly cellsMax: number;
}

/** The windows of one output. */
export interface OutputStore<E> {
  readonly view: View<E>;
  readonly output: ViewOutput;
  readonly windows: KeyedWindows;
}

/** What of the last `plan` concerns one view. */
interface ViewPlan<E> {
  readonly view: View<E>;
  readonly stores: readonly OutputStore<E>[];
  /** How many windows hold a key. */
  readonly keys: Map<string, number>;
  key: string;
  readonly values: unknown[];
  /** By output: window start, or NaN where the window is missed, and the cell if there is one. */
  readonly startMs: Float64Array;
  readonly cells: (Cell | undefined)[];
}

/** Empty windows for all views; one event at a time. */
export class Aggregator<E extends TimedEvent> {
  /** The watermark at which `drop` has something to do. */
  nextDropMs = Infinity;
  keyCount = 0;
  cellCount = 0;
  /** The windows that the planned event came too late for. */
  missed: Missed<E>[] = [];
  readonly stores: readonly OutputStore<E>[];
  private readonly options: AggregatorOptions<E>;
  private readonly plans: readonly ViewPlan<E>[];

  constructor(options: AggregatorOptions<E>) {
    this.options = options;
    this.plans = options.views.map((view) => ({
      view,
      stores: view.outputs.map((output) => ({ view, output, windows: new KeyedWindows(options.allowedLatenessMs) })),
      keys: new Map(),
      key: '',
      values: view.fields.map(() => undefined),
      startMs: new Float64Array(view.outputs.length),
      cells: view.outputs.map(() => undefined),
    }));
    this.stores = this.plans.flatMap(({ stores }) => stores);
  }

  /** Reads everything of `event` that windows need; changes no state. Throws what keys and fields throw. */
  plan(event: E, watermarkMs: number): void {
    if (this.missed.length > 0) this.missed = [];
    for (const plan of this.plans) {
      plan.key = plan.view.keyOf(event);
      readValues(plan, event);
      for (let i = 0; i < plan.stores.length; i++) this.planOutput(plan, i, event.eventTimeMs, watermarkMs);
    }
  }

  private planOutput(plan: ViewPlan<E>, i: number, eventTimeMs: number, watermarkMs: number): void {
    const { output, windows, view } = plan.stores[i] as OutputStore<E>;
    const startMs = tumblingStartMs(output.window.sizeMs, eventTimeMs);
    const endMs = startMs + output.window.sizeMs;
    if (endMs + this.options.allowedLatenessMs > watermarkMs) {
      plan.startMs[i] = startMs;
      plan.cells[i] = windows.find(startMs, plan.key);
      return;
    }
    plan.startMs[i] = NaN;
    plan.cells[i] = undefined;
    const { key, values } = plan;
    this.missed.push({ output: output.name, key, startMs, endMs, fields: view.fields, values: [...values] });
  }

  /** False when the planned event needs a key or a window more than the limits allow. */
  hasRoom(): boolean {
    let newKeys = 0;
    let newCells = 0;
    for (const { cells, startMs, keys, key } of this.plans) {
      let needed = 0;
      for (let i = 0; i < cells.length; i++) if (!cells[i] && !Number.isNaN(startMs[i])) needed++;
      if (needed > 0 && !keys.has(key)) newKeys++;
      newCells += needed;
    }
    if (newCells === 0) return true;
    const { keysMax, cellsMax } = this.options;
    return (newKeys === 0 || this.keyCount + newKeys <= keysMax) && this.cellCount + newCells <= cellsMax;
  }

  /** Adds the planned event. Returns to how many windows. */
  commit(): number {
    let added = 0;
    for (const plan of this.plans) {
      const { fields } = plan.view;
      for (let i = 0; i < plan.stores.length; i++) {
        const startMs = plan.startMs[i] as number;
        if (Number.isNaN(startMs)) continue;
        const store = plan.stores[i] as OutputStore<E>;
        const cell = plan.cells[i] ?? this.open(plan, store, startMs);
        const { states } = cell;
        for (let f = 0; f < fields.length; f++) {
          const { aggregate } = (fields[f] as (typeof fields)[number])[1];
          states[f] = aggregate.add(states[f], plan.values[f]);
        }
        store.windows.touch(startMs, cell);
        added++;
      }
    }
    return added;
  }

  private open(plan: ViewPlan<E>, { output, windows, view }: OutputStore<E>, startMs: number): Cell {
    const key = ownCopy(plan.key);
    const states = view.fields.map(([, { aggregate }]) => aggregate.init());
    const cell = windows.open(startMs, startMs + output.window.sizeMs, key, states);
    this.cellCount++;
    this.countKey(plan.keys, key);
    this.nextDropMs = Math.min(this.nextDropMs, windows.nextDropMs);
    return cell;
  }

  private countKey(keys: Map<string, number>, key: string): void {
    const held = keys.get(key);
    if (held === undefined) this.keyCount++;
    keys.set(key, (held ?? 0) + 1);
  }

  /** Publishes and forgets the windows that take no more records at this watermark. */
  drop(watermarkMs: number, emitterOf: (view: View<E>, output: ViewOutput) => EmitRow): void {
    this.nextDropMs = Infinity;
    for (const { stores, keys } of this.plans) {
      const onDropped = ({ key }: Cell): void => {
        this.cellCount--;
        const held = keys.get(key) ?? 1;
        if (held > 1) return void keys.set(key, held - 1);
        keys.delete(key);
        this.keyCount--;
      };
      for (const { view, output, windows } of stores) {
        windows.drop(watermarkMs, emitterOf(view, output), onDropped);
        this.nextDropMs = Math.min(this.nextDropMs, windows.nextDropMs);
      }
    }
  }

  snapshot(): unknown {
    return this.stores.map(({ windows }) => windows.snapshot());
  }

  restore(state: unknown): void {
    const saved = state as readonly unknown[];
    let at = 0;
    for (const { stores, keys } of this.plans) {
      for (const { windows } of stores) {
        windows.restore(saved[at++]);
        this.cellCount += windows.cellCount;
        this.nextDropMs = Math.min(this.nextDropMs, windows.nextDropMs);
        for (const key of windows.keys()) this.countKey(keys, key);
      }
    }
  }
}

function readValues<E>({ view, values }: ViewPlan<E>, event: E): void {
  const { fields } = view;
  for (let f = 0; f < fields.length; f++) {
    const value = (fields[f] as (typeof fields)[number])[1].of(event);
    if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('a number that is not finite');
    values[f] = value;
  }
}

/** V8 keeps the whole message alive behind a piece cut out of it: state holds its own copy. */
const ownCopy = (key: string): string => ` ${key}`.slice(1);
