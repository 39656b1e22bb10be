import type { Payment } from '../../events/payment.ts';
import type { Producer } from '../../kafka/contract.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { fraction } from './fraction.ts';
import { hoppingSizeMs, numberedPayment, sessionGapMs } from './numbered-processor.ts';

/** So many cards in all, of which so many are active at once, for so long: sessions that end. */
const cards = 2_000;
const activeCards = 40;
const burstMs = 8_000;
/** Event time per event: a million are 1,000 s. */
const stepMs = 1;
/** Events come out of order by less than the pipeline waits. */
const jitterMs = 3_000;
/** One in so many is sent twice. */
export const duplicateOneIn = 100;
const chunk = 1_000;

/** Payment number `i`: the same for the same seed, whoever asks. */
export function crashPayment(seed: number, baseMs: number, i: number): Payment {
  const at = i * stepMs;
  const burst = Math.floor(at / burstMs);
  const card = (burst * 7 + Math.floor(fraction(seed, 2 * i) * activeCards)) % cards;
  return numberedPayment(i, card, baseMs + at - Math.floor(fraction(seed, 2 * i + 1) * jitterMs));
}

export interface Feed {
  /** How many events may be sent by now. */
  allow(events: number): void;
  /** No more than these, and those that are sent already. */
  finish(events: number): void;
  sent(): number;
  isFinished(): boolean;
  /** Resolves when all of them, and those that close every window, are acknowledged. */
  readonly done: Promise<void>;
}

export interface FeedOptions {
  readonly producer: Producer;
  readonly topic: string;
  readonly partitions: number;
  readonly seed: number;
  readonly baseMs: number;
  readonly signal: AbortSignal;
}

/** Sends payments by number, in order within what is allowed; a card has its partition. */
export function startFeed(options: FeedOptions): Feed {
  const { producer, signal } = options;
  let allowed = 0;
  let isLast = false;
  let sent = 0;
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      const until = Math.min(allowed, sent + chunk);
      if (until <= sent) {
        if (isLast) break;
        await systemClock.sleep(20, signal);
        continue;
      }
      await producer.send(chunkOf(options, sent, until));
      sent = until;
    }
    if (!signal.aborted) await producer.send(closing(options, sent));
  };
  const allow = (events: number): void => {
    allowed = Math.max(allowed, events);
  };
  return {
    allow,
    finish(events) {
      allow(events);
      isLast = true;
    },
    sent: () => sent,
    isFinished: () => isLast,
    done: run(),
  };
}

function chunkOf({ seed, baseMs, topic, partitions }: FeedOptions, from: number, to: number) {
  const payments: Payment[] = [];
  for (let i = from; i < to; i++) {
    const payment = crashPayment(seed, baseMs, i);
    payments.push(payment);
    if (i % duplicateOneIn === 0) payments.push(payment);
  }
  return payments.map((payment) => ({
    topic,
    partition: Number(payment.cardId.slice('card-'.length)) % partitions,
    key: Buffer.from(payment.key),
    value: Buffer.from(JSON.stringify(payment)),
  }));
}

/** One payment a partition, so far ahead that every window before it closes; by cards that nothing is compared of. */
function closing({ baseMs, topic, partitions }: FeedOptions, events: number) {
  const eventTimeMs = baseMs + events * stepMs + hoppingSizeMs + sessionGapMs + 600_000;
  return Array.from({ length: partitions }, (_, partition) => {
    const payment = { ...numberedPayment(events + partition, 0, eventTimeMs), cardId: `closing-${partition}` };
    return { topic, partition, key: Buffer.from(payment.cardId), value: Buffer.from(JSON.stringify(payment)) };
  });
}
