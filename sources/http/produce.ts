// Hands events to the producer and waits for the broker's word, for a bounded time.
// Guarantees: nothing is handed over while any of the partitions is gated; `accepted` means that every event is acknowledged.
// Redelivery: `unavailable` leaves open what was stored; the same ids again are dropped as duplicates.
import { KafkaError, type OutMessage, type SentMessage } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { RouteProducer } from './known-counts.ts';
import type { ReadEvent } from './read-events.ts';

export interface ProduceLimits {
  readonly producer: RouteProducer;
  readonly pendingMessagesMax: number;
  readonly timeoutMs: number;
}

export type ProduceOutcome =
  | { readonly kind: 'accepted'; readonly sent: readonly SentMessage[] }
  | { readonly kind: 'gated' }
  | { readonly kind: 'too_large' }
  | { readonly kind: 'unavailable'; readonly why: string }
  /** The producer will never send again: it has to be made anew. */
  | { readonly kind: 'failed'; readonly why: string };

/** Ends the waiting. Without a reason of its own each would be an exception with its stack: a third of what an answer allocates. */
const answered = 'answered';

export async function produce(
  events: readonly ReadEvent[],
  { producer, pendingMessagesMax, timeoutMs }: ProduceLimits,
  clock: Clock,
): Promise<ProduceOutcome> {
  const timer = new AbortController();
  const timedOut = clock
    .sleep(timeoutMs, timer.signal)
    .then((): ProduceOutcome => ({ kind: 'unavailable', why: `no answer within ${timeoutMs} ms` }));
  const attempt = async (): Promise<ProduceOutcome> => {
    const messages = await route(events, producer, clock);
    if (timer.signal.aborted) return { kind: 'unavailable', why: 'too late' };
    const isFull = producer.pendingMessages() + messages.length > pendingMessagesMax;
    if (isFull || messages.some((message) => producer.isGated(message))) return { kind: 'gated' };
    return { kind: 'accepted', sent: await producer.send(messages) };
  };
  try {
    return await Promise.race([attempt().catch(failure), timedOut]);
  } finally {
    timer.abort(answered);
  }
}

async function route(
  events: readonly ReadEvent[],
  producer: ProduceLimits['producer'],
  clock: Clock,
): Promise<readonly OutMessage[]> {
  const counts = new Map<string, number>();
  for (const { topic } of events) if (!counts.has(topic)) counts.set(topic, await producer.partitionCount(topic));
  // Our clock, which the guard against events from the future measures by.
  const timestampMs = clock.nowMs();
  return events.map(({ topic, key, value }) => {
    const keyBytes = Buffer.from(key);
    return { topic, partition: partitionOf(keyBytes, counts.get(topic) ?? 1), key: keyBytes, value, timestampMs };
  });
}

function failure(error: unknown): ProduceOutcome {
  if (!(error instanceof KafkaError)) throw error;
  if (error.code === 'kafka_message_too_large') return { kind: 'too_large' };
  const why = `${error.code}: ${error.message}`;
  return error.retryable ? { kind: 'unavailable', why } : { kind: 'failed', why };
}
