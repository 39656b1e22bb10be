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
    // What came while it closes was never told.
    const known = partitions.filter((tp) => owned.delete(topicPartitionName(tp)));
    if (known.length > 0) handlers.revoked(known, isLost ? 'lost' : 'revoked');
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

/**
 * To be called before a member without partitions disconnects, while it is still served: such a one tells the broker
 * nothing when it ends, and the others would wait for it until its session is over. What it is given meanwhile goes
 * back untold. It leaves after the rebalance that it is in, and only once its first request to join was answered: till
 * then it has no name to leave by.
 */
export async function leaveUnassigned(
  { clock }: KafkaContext,
  client: NativeConsumer,
  startedMs: number,
): Promise<void> {
  try {
    await clock.sleep(Math.max(0, startedMs + firstAnswerMs - clock.nowMs()));
    client.unsubscribe();
    for (const sinceMs = clock.nowMs(); client.subscription().length > 0; await clock.sleep(leaveCheckMs))
      if (clock.nowMs() - sinceMs > leaveMaxMs) return;
  } catch {
    // Not connected: nobody waits for it.
  }
}

const firstAnswerMs = 500;
const leaveCheckMs = 20;
const leaveMaxMs = 3_000;

const declineTries = 100;
const declineEveryMs = 20;
