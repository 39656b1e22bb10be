// Folds one event into the windows of all views, in two steps: `plan` runs everything that may throw or refuse, `commit`
// adds and cannot fail. So a record is in all its windows or in none.
// Redelivery: knows no ids; duplicates were dropped before.
import type { RecordBatch } from '../sources/source.ts';
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import { AlignedPlacement } from './aligned-placement.ts';
import type { TimedEvent } from './batch.ts';
import { type FieldSteps, fieldSteps } from './field-steps.ts';
import { joined, split } from './pieces.ts';
import { HeldKeys, ownCopy, type Placement } from './placement.ts';
import { SessionPlacement } from './session-placement.ts';
import type { RecordTime } from './stage.ts';
import type { View, ViewOutput } from './view.ts';
import type { Missed } from './window-rows.ts';
import type { EmitRows, WindowStore } from './window-store.ts';
import { checkWindow } from './windows.ts';

export interface AggregatorOptions<E> {
  readonly views: readonly View<E>[];
  readonly allowedLatenessMs: number;
  readonly keysMax: number;
  readonly cellsMax: number;
  /** Keys that are refused are another task's: their windows are not touched. */
  readonly owns?: ((key: string) => boolean) | undefined;
}

/** The windows of one output. */
export interface OutputStore<E> {
  readonly view: View<E>;
  readonly output: ViewOutput;
  readonly windows: WindowStore;
}

/** What of the last `plan` concerns one view. */
interface ViewPlan<E> {
  readonly view: View<E>;
  readonly placements: readonly Placement[];
  readonly missed: readonly ((startMs: number, endMs: number) => void)[];
  readonly keys: HeldKeys;
  readonly steps: FieldSteps<E>;
  key: string;
  /** See `HeldKeys`; −1: no cell holds the key. */
  keyNumber: number;
  isOwn: boolean;
  /** The key is this task's. */
  isHere: boolean;
  readonly values: unknown[];
  /** The number that the next event's key has, most likely; see `judge`. */
  guess: number;
  score: number;
  /** So many times it is not guessed. */
  restLeft: number;
}

/** So many records are looked at together: what they need fits into the caches near by. */
export const aheadMax = 128;
const NO_GUESS = -2;
const SCORE_MAX = 8;
/** Some 100,000 records. */
const REST = 1_000;

/** Empty windows for all views; one event at a time. */
export class Aggregator<E extends TimedEvent> {
  /** The watermark at which `drop` has something to do. */
  nextDropMs = Infinity;
  /** (key, window) pairs that were dropped, their time being over. */
  expired = 0;
  /** The windows that the planned event came too late for. */
  missed: Missed<E>[] = [];
  readonly stores: readonly OutputStore<E>[];
  private readonly options: AggregatorOptions<E>;
  private readonly plans: readonly ViewPlan<E>[];
  private readonly ahead = new Int32Array(aheadMax);
  private readonly places = new Int32Array(aheadMax);

  /** Throws a RangeError for a window that cannot be. */
  constructor(options: AggregatorOptions<E>) {
    this.options = options;
    this.plans = options.views.map((view) => this.planOf(view));
    this.stores = this.plans.flatMap(({ view, placements }) =>
      // One placement for each output.
      placements.map(({ store }, i) => ({ view, output: view.outputs[i] as ViewOutput, windows: store })),
    );
  }

  get keyCount(): number {
    return this.plans.reduce((count, { keys }) => count + keys.keyCount, 0);
  }

  get cellCount(): number {
    return this.plans.reduce((count, { keys }) => count + keys.cellCount, 0);
  }

  private planOf(view: View<E>): ViewPlan<E> {
    const keys = new HeldKeys();
    const steps = fieldSteps(view.fields);
    const common = { fields: view.fields, steps, keys, allowedLatenessMs: this.options.allowedLatenessMs };
    const placements = view.outputs.map(({ window }) => {
      checkWindow(window);
      return window.kind === 'session' ? new SessionPlacement(window, common) : new AlignedPlacement(window, common);
    });
    const missed = view.outputs.map(({ name }) => (startMs: number, endMs: number): void => {
      const { key, values } = plan;
      this.missed.push({ output: name, key, startMs, endMs, fields: view.fields, values: [...values] });
    });
    const plan = {
      view,
      placements,
      missed,
      keys,
      steps,
      key: '',
      keyNumber: -1,
      isOwn: false,
      isHere: true,
      values: view.fields.map(() => undefined),
      ...{ guess: NO_GUESS, score: SCORE_MAX, restLeft: 0 },
    };
    return plan;
  }

  /**
   * The records of a batch that are planned next, at most `aheadMax`. Where their keys are those of the messages, what they need is looked at
   * together: one after the other each would wait for memory that is far away.
   */
  approach(batch: RecordBatch, from: number, to: number): void {
    const ahead = to - from === aheadMax ? this.ahead : this.ahead.subarray(0, to - from);
    for (const plan of this.plans) {
      if (plan.restLeft > 0) {
        plan.restLeft--;
        continue;
      }
      if (!plan.keys.guess(batch, from, ahead)) continue;
      plan.guess = ahead[0] as number;
      for (const placement of plan.placements) placement.approach(ahead, this.places);
    }
  }

  /** Whether the view's keys are those of the messages: nearly all guesses are right then. */
  private judge(plan: ViewPlan<E>): void {
    plan.score = Math.min(SCORE_MAX, plan.score + (plan.guess === plan.keyNumber ? 1 : -2));
    plan.guess = NO_GUESS;
    if (plan.score > 0) return;
    plan.score = SCORE_MAX;
    plan.restLeft = REST;
  }

  /** Reads everything of `event` that windows need; changes no state. Throws what keys and fields throw. */
  plan(event: E, time: RecordTime): void {
    if (this.missed.length > 0) this.missed = [];
    const { owns } = this.options;
    for (const plan of this.plans) {
      const { placements, missed, keys } = plan;
      plan.key = plan.view.keyOf(event);
      if (owns) plan.isHere = owns(plan.key);
      if (!plan.isHere) continue;
      // Decoders give strings of their own; what a view makes of them may be a piece of one.
      plan.isOwn = plan.key === event.key;
      plan.keyNumber = plan.isOwn ? keys.numberBy(event.keyHint, plan.key) : keys.numberOf(plan.key);
      if (plan.guess !== NO_GUESS) this.judge(plan);
      plan.steps.read(event, plan.values);
      for (let i = 0; i < placements.length; i++)
        (placements[i] as Placement).plan(plan.key, plan.keyNumber, time, missed[i] as (typeof missed)[number]);
    }
  }

  /** False when the planned event needs a key or a window more than the limits allow. */
  hasRoom(): boolean {
    let newKeys = 0;
    let newCells = 0;
    for (const { placements, keyNumber, isHere } of this.plans) {
      if (!isHere) continue;
      let needed = 0;
      for (let i = 0; i < placements.length; i++) needed += (placements[i] as Placement).needed;
      if (needed > 0 && keyNumber < 0) newKeys++;
      newCells += needed;
    }
    if (newCells === 0) return true;
    const { keysMax, cellsMax } = this.options;
    return (newKeys === 0 || this.keyCount + newKeys <= keysMax) && this.cellCount + newCells <= cellsMax;
  }

  /** Adds the planned event. Returns to how many windows. */
  commit(): number {
    let added = 0;
    for (const { placements, key: planned, keyNumber, isOwn, isHere, values } of this.plans) {
      if (!isHere) continue;
      for (let i = 0; i < placements.length; i++) {
        const placement = placements[i] as Placement;
        const key = placement.needed > 0 && !isOwn ? ownCopy(planned) : planned;
        added += placement.commit(key, keyNumber, values);
        if (placement.needed > 0) this.nextDropMs = Math.min(this.nextDropMs, placement.store.nextDropMs);
      }
    }
    return added;
  }

  /** Publishes and forgets the windows that take no more records at this watermark. */
  drop(watermarkMs: number, emitterOf: (view: View<E>, output: ViewOutput) => EmitRows): void {
    this.nextDropMs = Infinity;
    for (const { view, placements, keys } of this.plans) {
      placements.forEach(({ store }, i) => {
        if (watermarkMs >= store.nextDropMs)
          this.expired += store.drop(watermarkMs, emitterOf(view, view.outputs[i] as ViewOutput), keys);
        this.nextDropMs = Math.min(this.nextDropMs, store.nextDropMs);
      });
    }
  }

  /** By view its keys and, by output, its windows. */
  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const views = this.plans.map(({ view, keys, placements }) => {
      const windows = placements.map(({ store }, i) => [nameOf(view, i), store.beginSnapshot(pieceBytes)] as const);
      const begun = joined({ keys: keys.beginSnapshot(pieceBytes), windows: joined(Object.fromEntries(windows)) });
      return [view.name, begun] as const;
    });
    return joined(Object.fromEntries(views));
  }

  restore(state: SlicedState): void {
    const views = split(state);
    for (const { view, placements, keys } of this.plans) {
      const saved = split(views[view.name] as SlicedState);
      keys.restore(saved['keys'] as SlicedState);
      const windows = split(saved['windows'] as SlicedState);
      for (const [i, { store }] of placements.entries()) {
        store.restore(windows[nameOf(view, i)] as SlicedState, keys);
        this.nextDropMs = Math.min(this.nextDropMs, store.nextDropMs);
      }
    }
  }
}

const nameOf = <E>({ outputs }: View<E>, i: number): string => (outputs[i] as ViewOutput).name;
