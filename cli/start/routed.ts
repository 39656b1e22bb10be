import { rekeyTopic } from '../../events/topics.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import { route } from '../../streams/route.ts';

/**
 * A processor as it runs. One of several shards whose state is kept by other keys than its messages have becomes two: a router, of as many
 * shards, which reads its inputs and writes the re-key topic, and the processor itself, which reads that alone.
 */
export function asRun(processor: AnyProcessor): readonly AnyProcessor[] {
  const { name, version, shards = 1, shardedBy } = processor;
  if (shards === 1 || typeof shardedBy !== 'function') return [processor];
  const topic = rekeyTopic(name, version);
  const taskOf = (key: string): number => partitionOf(Buffer.from(key), shards);
  const { inputs, eventTypes, fieldsRead } = processor;
  const router: AnyProcessor = {
    ...{ name: `${name}-router`, version, inputs, eventTypes, ...(fieldsRead && { fieldsRead }) },
    stateShape: { topic, shards },
    // It remembers nothing of an event: who sees it twice are the tasks that it is sent to.
    acceptsBehindMs: 0,
    ...{ shards, shardedBy: 'message-key', routesTo: { topic, partitions: shards } },
    create: () => route({ topic, tasks: shards, keysOf: shardedBy, taskOf }),
  };
  return [router, { ...processor, inputs: [topic], routedBy: { topic, routers: shards, taskOf } }];
}
