import { topicPartitionName } from '../sources/source.ts';
import type { MembershipHandlers } from './contract.ts';
import type { KafkaContext } from './connection.ts';
import type { NativeConsumer, NativePartition } from './driver.ts';
import { kafkaError, nativeCode } from './errors.ts';

export interface GroupMember {
  /** What the member may commit. */
  readonly owned: Set<string>;
  readonly handlers: MembershipHandlers;
  readonly isClosing: () => boolean;
}

/**
 * Joins the group; what comes back is the rebalance callback. Assigned partitions are paused at once: the member stays
 * in the group, commits, and receives no message. `owned` is what the member may commit, changed before any handler hears.
 * Every callback is answered, also while the member closes: the driver waits for it with one of libuv's threads, for ever.
 */
export function startGroup(
  context: KafkaContext,
  client: NativeConsumer,
  topics: readonly string[],
  { owned, handlers, isClosing }: GroupMember,
): (error: unknown, partitions: readonly NativePartition[]) => void {
  const fail = (error: unknown): void => {
    if (client.isConnected()) handlers.failed(kafkaError(context.driver.codeOf(error), 'rebalance', error));
  };
  /** Both packages refuse to assign once they close; there the library takes any answer as "none". */
  const decline = (partitions: readonly NativePartition[], triesLeft = declineTries): void => {
    try {
      client.incrementalUnassign(partitions);
    } catch {
      // It closes, and has not heard so yet.
      if (triesLeft > 0 && client.isConnected())
        setTimeout(() => decline(partitions, triesLeft - 1), declineEveryMs).unref();
    }
  };
  const assign = (partitions: readonly NativePartition[]): void => {
    try {
      client.incrementalAssign(partitions);
    } catch (error) {
      if (!isClosing()) throw error;
      return decline(partitions);
    }
    if (partitions.length === 0 || isClosing()) return;
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

const declineTries = 100;
const declineEveryMs = 20;
