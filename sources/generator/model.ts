// The demo's input as a pure function of seed, start and the times asked for: no clock, no I/O. Time goes in fixed steps, so that
// asking in other portions gives the same messages. Ids hold the start, so that a restarted demo repeats none and what is
// redelivered is known as a duplicate.
import FlatQueue from 'flatqueue';
import { arrivals } from './arrivals.ts';
import type { Fact } from './facts.ts';
import { createRandom } from './random.ts';
import { type GeneratedMessage, type Shares, send } from './sending.ts';
import { createWorld } from './world.ts';

export interface ModelOptions {
  readonly seed: number;
  readonly startMs: number;
  /** Events a second over all topics, on average over a week. */
  readonly ratePerSecond: number;
  readonly shares: Shares;
}

export interface Model {
  /** The messages due up to `nowMs`, in order. */
  advance(nowMs: number): readonly GeneratedMessage[];
  /** Goes to `nowMs` without what was due before: for after a long stall. */
  skipTo(nowMs: number): void;
  /** How far it has come. */
  timeMs(): number;
}

type Due =
  { readonly kind: 'fact'; readonly fact: Fact } | { readonly kind: 'copy'; readonly message: GeneratedMessage };

const stepMs = 50;
/** Visits begun before the start are under way at it: otherwise the first minute would be half empty. */
const warmUpMs = 180_000;

export function createModel({ seed, startMs, ratePerSecond, shares }: ModelOptions): Model {
  const world = createWorld(createRandom(seed));
  const random = createRandom(seed + Math.floor(startMs / 1_000));
  const source = `generator-${startMs}`;
  const due = new FlatQueue<Due>();
  let timeMs = startMs - warmUpMs;
  let count = 0;
  const nextName = () => (count++).toString(36);

  const schedule = (fact: Fact) => due.push({ kind: 'fact', fact }, fact.atMs);
  const take = (taken: Due): GeneratedMessage => {
    if (taken.kind === 'copy') return taken.message;
    const { message, copy, label } = send({ random, shares, source, nextName }, taken.fact);
    if (copy) due.push({ kind: 'copy', message: copy.message }, copy.atMs);
    if (label) schedule(label);
    return message;
  };
  const step = (out: GeneratedMessage[]): void => {
    arrivals({ world, random, ratePerSecond, nextName }, timeMs, stepMs).forEach(schedule);
    timeMs += stepMs;
    while (isDue(due, timeMs)) out.push(take(due.pop() as Due));
  };
  const advance = (nowMs: number): readonly GeneratedMessage[] => {
    const out: GeneratedMessage[] = [];
    while (timeMs + stepMs <= nowMs) step(out);
    return out;
  };
  const skipTo = (nowMs: number): void => {
    while (isDue(due, nowMs)) due.pop();
    timeMs = Math.max(timeMs, nowMs);
  };
  advance(startMs);
  forgetSent(due);
  return { advance, skipTo, timeMs: () => timeMs };
}

const isDue = (due: FlatQueue<Due>, beforeMs: number): boolean => (due.peekValue() ?? Infinity) < beforeMs;

/** After the warm-up: leaves out what refers to messages that were never sent. */
function forgetSent(due: FlatQueue<Due>): void {
  const kept: [Due, number][] = [];
  while (due.length > 0) {
    const atMs = due.peekValue() as number;
    const item = due.pop() as Due;
    if (item.kind === 'fact' && item.fact.kind !== 'label') kept.push([item, atMs]);
  }
  for (const [item, atMs] of kept) due.push(item, atMs);
}
