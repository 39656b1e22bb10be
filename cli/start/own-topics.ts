import type { Config } from '../../config/schema.ts';
import { inputTopics, orderTopic, resultTopics, rulesTopic, type PipelineTopics } from '../../events/topics.ts';
import type { NewTopic } from '../../kafka/contract.ts';

const dayMs = 86_400_000;
const forGood = -1;

/**
 * The topics that millrace makes on a real broker where they are missing, as they must be: append times, so that clocks can be checked; no
 * compaction; what a task cannot do without (order logs, rules) kept for good.
 */
export function ownTopics({ kafka }: Config, running: readonly PipelineTopics[]): readonly NewTopic[] {
  const { partitions, replicas, retentionDays } = kafka;
  const make = (topic: string, keptMs: number, count = partitions): NewTopic => ({
    topic,
    partitions: count,
    ...(replicas > 0 && { replicas }),
    settings: {
      'cleanup.policy': 'delete',
      'message.timestamp.type': 'LogAppendTime',
      'retention.ms': keptMs,
      'retention.bytes': forGood,
      'unclean.leader.election.enable': 'false',
      ...(replicas > 1 && { 'min.insync.replicas': 2 }),
    },
  });
  const keptMs = (days: number): number => (days === 0 ? forGood : days * dayMs);
  return [
    ...inputTopics.map((topic) => make(topic, topic === rulesTopic ? forGood : keptMs(retentionDays.inputs))),
    ...Object.values(resultTopics).map((topic) => make(topic, keptMs(retentionDays.results))),
    // As an input: tasks are made again from it.
    ...running.flatMap(({ routesTo }) =>
      routesTo ? [make(routesTo.topic, keptMs(retentionDays.inputs), routesTo.partitions)] : [],
    ),
    // One a task, so that a group deals out all of them evenly.
    ...running.map(({ name, version, shards = 1 }) => make(orderTopic(name, version), forGood, shards)),
  ];
}
