// A message of a queue as the record that goes into a Kafka topic: its bytes as they came. What is no event goes there too, and becomes a dead
// letter where everything that is no event does. Redelivery: the same bytes again, which the event's id makes a duplicate.
import { decodeEvent } from '../../events/decode.ts';
import type { OutMessage } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';

export interface RecordPlace {
  readonly topic: string;
  readonly partitions: number;
  /** Our clock, which the guard against events from the future measures by. */
  readonly timestampMs: number;
}

/** By the event's key, as every producer of ours does; by its bytes where it has none, so that it falls into the same place each time. */
export function recordOf(value: Uint8Array, { topic, partitions, timestampMs }: RecordPlace): OutMessage {
  const key = keyOf(value);
  return { topic, partition: partitionOf(key ?? value, partitions), key, value, timestampMs };
}

function keyOf(value: Uint8Array): Uint8Array | null {
  const outcome = decodeEvent(value, 0, value.length);
  if (outcome.kind === 'event') return Buffer.from(outcome.event.key);
  if (outcome.kind === 'dead') return null;
  // A version newer than any that is known: JSON, and most likely with a key.
  const { key } = JSON.parse(Buffer.from(value).toString()) as { readonly key?: unknown };
  return typeof key === 'string' && key !== '' ? Buffer.from(key) : null;
}
