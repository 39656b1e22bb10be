import type { OutMessage } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { openBroker } from '../broker.ts';
import { seeded } from '../seeded.ts';
import { cardEvent, cardEventsPerSecond, closingEvent } from './card-events.ts';

export interface Generation {
  readonly brokers: string;
  readonly isEmbedded: boolean;
  readonly topic: string;
  readonly events: number;
  readonly keys: number;
  /** Of event time; 10,000 unless given. */
  readonly eventsPerSecond?: number;
  readonly partitions: number;
}

const chunk = 10_000;
const closingMs = 30_000;

/** Writes the seeded events and, in each partition, one that closes every window. */
export async function generate({ brokers, isEmbedded, topic, events, partitions, ...of }: Generation): Promise<void> {
  const { keys, eventsPerSecond = cardEventsPerSecond } = of;
  const kafka = await openBroker({ brokers, isEmbedded, sender: 'direct' });
  const producer = await kafka.producer({ lingerMs: 50 });
  await producer.partitionCount(topic);
  const random = seeded(42);
  let newestMs = 0;
  let sent: Promise<unknown> = Promise.resolve();
  for (let from = 0; from < events; from += chunk) {
    const messages: OutMessage[] = [];
    for (let i = from; i < Math.min(events, from + chunk); i++) {
      const { key, eventTimeMs, text } = cardEvent(i, { keys, eventsPerSecond }, random);
      newestMs = Math.max(newestMs, eventTimeMs);
      const keyBytes = Buffer.from(key);
      messages.push({ topic, partition: partitionOf(keyBytes, partitions), key: keyBytes, value: Buffer.from(text) });
    }
    // The next ones are made while these are on their way.
    await sent;
    sent = producer.send(messages);
  }
  await sent;
  const closing = Array.from({ length: partitions }, (_, partition) => {
    const { key, text } = closingEvent(partition, newestMs + closingMs);
    return { topic, partition, key: Buffer.from(key), value: Buffer.from(text) };
  });
  await producer.send(closing);
  await kafka.close();
}
