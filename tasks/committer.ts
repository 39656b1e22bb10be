import type { NextOffset } from '../kafka/contract.ts';
import { parseTopicPartition } from '../sources/source.ts';
import type { TopicPartition } from '../sources/source.ts';
import type { TaskOptions } from './task.ts';
import type { TermView } from './term.ts';

/** Commits what is folded, when it is time. */
export interface Committer {
  /** How long until it is due, or Infinity. */
  tick(view: TermView, nowMs: number): number;
  now(view: TermView): Promise<void>;
}

/** Commits the folded positions: for Kafka's tools, and for the embedded broker's gate. No fold reads them back. */
export function createCommitter(
  { service, tuning, shard }: Pick<TaskOptions, 'service' | 'tuning' | 'shard'>,
  onDone: () => void,
): Committer {
  const { membership, logger, orderTopic } = service;
  const commit = service.commit ?? ((offsets: readonly NextOffset[]) => membership.commit(offsets));
  let lastMs = -Infinity;
  let lastOrderOffset = -1n;
  let committing: Promise<void> | null = null;

  const send = async ({ replica }: TermView): Promise<void> => {
    const orderOffset = replica.nextOffset();
    const { positions } = replica.judgeState();
    const toNext = (tp: TopicPartition, nextOffset: bigint): NextOffset => ({ ...tp, nextOffset });
    const inputs = Object.entries(positions).map(([name, at]) => toNext(parseTopicPartition(name), BigInt(at)));
    try {
      await commit([...inputs, { topic: orderTopic, partition: shard, nextOffset: orderOffset }]);
      lastOrderOffset = orderOffset;
    } catch (error) {
      logger.debug({ shard, err: error }, 'positions not committed');
    }
  };
  return {
    tick(view, nowMs) {
      if (committing || view.replica.nextOffset() === lastOrderOffset) return Infinity;
      const dueMs = lastMs + tuning.commitEveryMs - nowMs;
      if (dueMs > 0) return dueMs;
      lastMs = nowMs;
      committing = send(view).finally(() => {
        committing = null;
        onDone();
      });
      return Infinity;
    },
    async now(view) {
      await committing;
      await send(view);
    },
  };
}
