import type { OutMessage, Producer } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import { type BrokerAccess, brokerPartitions, openBroker } from '../broker.ts';
import { type PaymentsOptions, seededPayments } from './payments.ts';

const chunk = 5_000;

/** An event as a message of the partition of its key. */
export function messageOf(topic: string, event: { readonly key: string }): OutMessage {
  const key = Buffer.from(event.key);
  return { topic, partition: partitionOf(key, brokerPartitions), key, value: Buffer.from(JSON.stringify(event)) };
}

/** Puts seeded payments on their topic, after what `first` sends. Returns how many bytes their values have. */
export async function producePayments(
  access: BrokerAccess,
  options: PaymentsOptions,
  first: (producer: Producer) => Promise<unknown> = () => Promise.resolve(),
): Promise<number> {
  const kafka = await openBroker(access);
  const producer = await kafka.producer({ lingerMs: 50 });
  await producer.partitionCount('payments');
  await first(producer);
  let messages: OutMessage[] = [];
  let bytes = 0;
  for (const payment of seededPayments(options)) {
    const message = messageOf('payments', payment);
    bytes += message.value?.length ?? 0;
    messages.push(message);
    if (messages.length < chunk) continue;
    await producer.send(messages);
    messages = [];
  }
  await producer.send(messages);
  await kafka.close();
  return bytes;
}
