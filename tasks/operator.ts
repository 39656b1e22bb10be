import type { Source, TopicPartition } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { OrderRecord } from './contract.ts';
import { createOrderReader } from './order-log.ts';

export interface OperatorLook {
  readonly order: Source;
  readonly orderTopic: string;
  readonly shard: number;
  readonly clock: Clock;
  /** Records before it were looked at; null: none, look from the end on. */
  readonly from: bigint | null;
  /** Whether a record is the task's own: its genesis is not an operator's. */
  readonly isOwn: (id: string) => boolean;
  /** Told how far this look went. */
  readonly to: (nextOffset: bigint) => void;
}

/**
 * Whether a person has told a parked task to go on since the last look: a new epoch (`millrace restore`) or an accepted gap
 * stands in its order log. A broker that does not answer says nothing.
 */
export async function operatorSpoke(look: OperatorLook): Promise<boolean> {
  const { order, clock, from } = look;
  const topicPartition: TopicPartition = { topic: look.orderTopic, partition: look.shard };
  const bounds = await order.bounds(topicPartition).catch(() => null);
  if (!bounds) return false;
  if (from === null || bounds.endOffset <= from) {
    look.to(from ?? bounds.endOffset);
    return false;
  }
  const reader = createOrderReader({ source: order, topicPartition, nextOffset: from, clock, onArrival: () => {} });
  try {
    for (let offset = from; offset < bounds.endOffset; offset++) {
      const logRecord = await reader.next(readWaitMs);
      if (!logRecord) return false;
      look.to(offset + 1n);
      if (isOperators(logRecord.record) && !look.isOwn(logRecord.id)) return true;
    }
    return false;
  } catch {
    return false;
  } finally {
    reader.close();
  }
}

const readWaitMs = 5_000;

const isOperators = (record: OrderRecord | null): boolean =>
  (record?.kind === 'claim' && record.genesis !== undefined) ||
  (record?.kind === 'entry' && (record.skips ?? []).length > 0);
