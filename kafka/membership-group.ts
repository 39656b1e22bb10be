import { topicPartitionName } from '../sources/source.ts';
import type { MembershipHandlers } from './contract.ts';
import type { KafkaContext } from './connection.ts';
import type { NativeConsumer, NativePartition } from './driver.ts';
import { kafkaError, nativeCode } from './errors.ts';

/**
 * Joins the group; what comes back is the rebalance callback. Assigned partitions are paused at once: the member stays
 * in the group, commits, and receives no message. `owned` is what the member may commit, changed before any handler hears.
 */
export function startGroup(
  context: KafkaContext,
  client: NativeConsumer,
  topics: readonly string[],
  owned: Set<string>,
  handlers: MembershipHandlers,
): (error: unknown, partitions: readonly NativePartition[]) => void {
  const fail = (error: unknown): void => {
    if (client.isConnected()) handlers.failed(kafkaError(context.driver.codeOf(error), 'rebalance', error));
  };
  const assign = (partitions: readonly NativePartition[]): void => {
    client.incrementalAssign(partitions);
    if (partitions.length === 0) return;
    client.pause(partitions);
    for (const tp of partitions) owned.add(topicPartitionName(tp));
    handlers.assigned(partitions);
  };
  const revoke = (partitions: readonly NativePartition[]): void => {
    const isLost = client.assignmentLost?.() === true;
    for (const tp of partitions) owned.delete(topicPartitionName(tp));
    if (partitions.length > 0) handlers.revoked(partitions, isLost ? 'lost' : 'revoked');
    client.incrementalUnassign(partitions);
  };
  client.subscribe(topics);
  return (error, found) => {
    const partitions = found.map(({ topic, partition }) => ({ topic, partition }));
    const code = context.driver.codeOf(error);
    try {
      if (code === nativeCode.assignPartitions) assign(partitions);
      else if (code === nativeCode.revokePartitions) revoke(partitions);
      else fail(error);
    } catch (failure) {
      fail(failure);
    }
  };
}
