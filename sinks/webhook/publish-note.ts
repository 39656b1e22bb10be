// What people ask of an endpoint, as an event: the service that delivers reads it.
// Guarantees: acknowledged once it resolves. Redelivery: the same wish again changes nothing that was done.
import type { EndpointNote } from '../../events/decisions.ts';
import { resultTopics } from '../../events/topics.ts';
import type { Producer } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';

export async function publishNote(
  producer: Pick<Producer, 'partitionCount' | 'send'>,
  note: Omit<EndpointNote, 'kind'>,
): Promise<void> {
  const topic = resultTopics.deliveries;
  const key = Buffer.from(note.endpoint);
  const partition = partitionOf(key, await producer.partitionCount(topic));
  const record: EndpointNote = { kind: 'endpoint-note', ...note };
  await producer.send([{ topic, partition, key, value: Buffer.from(JSON.stringify(record)) }]);
}
