// The demo's input as a pure function of seed, start and the times asked for: no clock, no I/O. Time goes in fixed steps, so that
// asking in other portions gives the same messages. Ids hold the start, so that a restarted demo repeats none.
import FlatQueue from 'flatqueue';
import type { InputTopic } from '../../events/topics.ts';
import type { Fact, PaymentFact } from './facts.ts';
import { factsPerEpisode, fraudEpisode } from './fraud.ts';
import { malformed } from './malformed.ts';
import { createRandom } from './random.ts';
import { seasonFactor } from './season.ts';
import { factsPerVisit, terminalPayment, visit } from './shopping.ts';
import { type GeneratedEvent, toEvent } from './to-event.ts';
import { createWorld } from './world.ts';

export interface Shares {
  readonly late: number;
  readonly duplicate: number;
  readonly malformed: number;
}

export interface ModelOptions {
  readonly seed: number;
  readonly startMs: number;
  /** Events a second over all topics, on average over a week. */
  readonly ratePerSecond: number;
  readonly shares: Shares;
}

export type MessageKind = 'normal' | 'late' | 'duplicate' | 'malformed';

export interface GeneratedMessage {
  readonly topic: InputTopic;
  readonly key: string;
  readonly text: string;
  readonly kind: MessageKind;
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
  { readonly kind: 'fact'; readonly fact: Fact } | { readonly kind: 'again'; readonly message: GeneratedMessage };

const stepMs = 50;
/** Visits begun before the start are under way at it: otherwise the first minute would be half empty. */
const warmUpMs = 180_000;
/** What events are made of, as parts of the rate; labels come on top of what they are about. */
const mix = { visits: 0.55, fraud: 0.008, refuted: 0.005 } as const;
const delayMs = { network: 1_500, labelMin: 60_000, labelMax: 240_000 } as const;
/** A late event is behind the watermark but mostly within what windows still correct; one in twenty is not. */
const lateMs = { min: 15_000, max: 300_000, hopeless: 4_500_000, hopelessShare: 0.05 } as const;

export function createModel({ seed, startMs, ratePerSecond, shares }: ModelOptions): Model {
  const world = createWorld(createRandom(seed));
  const random = createRandom(seed + Math.floor(startMs / 1_000));
  const source = `generator-${startMs}`;
  const due = new FlatQueue<Due>();
  let timeMs = startMs - warmUpMs;
  let count = 0;
  const nextName = () => (count++).toString(36);
  const schedule = (fact: Fact) => due.push({ kind: 'fact', fact }, fact.atMs);

  const beginStep = (): void => {
    const perStep = (ratePerSecond * seasonFactor(timeMs) * stepMs) / 1_000;
    const somewhen = () => Math.floor(random.between(timeMs, timeMs + stepMs));
    for (let i = random.poisson((perStep * mix.visits) / factsPerVisit); i > 0; i--)
      visit(world, random, random.pick(world.users), `s-${nextName()}`, somewhen()).forEach(schedule);
    for (let i = random.poisson(perStep * (1 - mix.visits - mix.fraud)); i > 0; i--)
      schedule(terminalPayment(random, random.pick(world.users), somewhen()));
    for (let i = random.poisson((perStep * mix.fraud) / factsPerEpisode); i > 0; i--)
      fraudEpisode({ world, random, startMs: somewhen(), name: nextName() }).forEach(schedule);
  };
  const scheduleLabel = (payment: PaymentFact, paymentId: string, paymentEventTimeMs: number): void => {
    const isFraud = payment.fraud !== null;
    if (!isFraud && !random.chance(mix.refuted)) return;
    const atMs = Math.round(payment.atMs + random.between(delayMs.labelMin, delayMs.labelMax));
    schedule({
      kind: 'label',
      atMs,
      verdict: isFraud ? 'confirmed' : 'refuted',
      paymentId,
      paymentEventTimeMs,
      payment,
    });
  };
  const send = (fact: Fact): GeneratedMessage => {
    const isLate = fact.kind !== 'label' && random.chance(shares.late);
    const behindMs = isLate ? latenessMs() : random.between(0, delayMs.network);
    // A label is never known before its payment: it keeps its time.
    const eventTimeMs = Math.floor(fact.kind === 'label' ? fact.atMs : fact.atMs - behindMs);
    const event = toEvent(fact, { id: nextName(), source, eventTimeMs });
    const topic = topicOf(event);
    if (random.chance(shares.malformed))
      return { topic, key: event.key, text: malformed(event, random), kind: 'malformed' };
    if (fact.kind === 'payment') scheduleLabel(fact, event.id, eventTimeMs);
    const message: GeneratedMessage = {
      topic,
      key: event.key,
      text: JSON.stringify(event),
      kind: isLate ? 'late' : 'normal',
    };
    if (random.chance(shares.duplicate))
      due.push({ kind: 'again', message: { ...message, kind: 'duplicate' } }, fact.atMs + random.between(200, 20_000));
    return message;
  };
  const latenessMs = (): number =>
    random.chance(lateMs.hopelessShare) ? lateMs.hopeless : random.between(lateMs.min, lateMs.max);

  const step = (out: GeneratedMessage[]): void => {
    beginStep();
    timeMs += stepMs;
    for (let next = due.peekValue(); next !== undefined && next < timeMs; next = due.peekValue()) {
      const taken = due.pop() as Due;
      out.push(taken.kind === 'again' ? taken.message : send(taken.fact));
    }
  };
  const advance = (nowMs: number): readonly GeneratedMessage[] => {
    const out: GeneratedMessage[] = [];
    while (timeMs + stepMs <= nowMs) step(out);
    return out;
  };
  const skipTo = (nowMs: number): void => {
    for (let next = due.peekValue(); next !== undefined && next < nowMs; next = due.peekValue()) due.pop();
    timeMs = Math.max(timeMs, nowMs);
  };
  warmUp(advance, due, startMs);
  return { advance, skipTo, timeMs: () => timeMs };
}

/** Lets the shop fill up before the start; what it would have sent, and what would refer to that, is dropped. */
function warmUp(advance: Model['advance'], due: FlatQueue<Due>, startMs: number): void {
  advance(startMs);
  const kept: [Due, number][] = [];
  while (due.length > 0) {
    const atMs = due.peekValue() as number;
    const item = due.pop() as Due;
    if (item.kind === 'fact' && item.fact.kind !== 'label') kept.push([item, atMs]);
  }
  for (const [item, atMs] of kept) due.push(item, atMs);
}

function topicOf(event: GeneratedEvent): InputTopic {
  switch (event.type) {
    case 'payment':
      return 'payments';
    case 'interaction':
      return 'interactions';
    case 'label':
      return 'labels';
  }
}
