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

/** Fewer records wait for `calmEveryMs`: so few hold nobody up. */
const manyRecords = 200;
const calmEveryMs = 1_000;

/** Commits the folded positions: for Kafka's tools, and for the embedded broker's gate. No fold reads them back. */
export function createCommitter(
  { service, tuning, shard }: Pick<TaskOptions, 'service' | 'tuning' | 'shard'>,
  onDone: () => void,
): Committer {
  const { membership, logger, orderTopic } = service;
  const commit = service.commit ?? ((offsets: readonly NextOffset[]) => membership.commit(offsets));
  let lastMs = -Infinity;
  let lastOrderOffset = -1n;
  let lastRecords = 0;
  let committing: Promise<void> | null = null;

  const send = async ({ replica }: TermView): Promise<void> => {
    const orderOffset = replica.nextOffset();
    const { records } = replica.counters();
    const { positions } = replica.judgeState();
    const toNext = (tp: TopicPartition, nextOffset: bigint): NextOffset => ({ ...tp, nextOffset });
    const inputs = Object.entries(positions).map(([name, at]) => toNext(parseTopicPartition(name), BigInt(at)));
    try {
      await commit([...inputs, { topic: orderTopic, partition: shard, nextOffset: orderOffset }]);
      lastOrderOffset = orderOffset;
      lastRecords = records;
    } catch (error) {
      logger.debug({ shard, err: error }, 'positions not committed');
    }
  };
  return {
    tick(view, nowMs) {
      if (committing || view.replica.nextOffset() === lastOrderOffset) return Infinity;
      const isMany = view.replica.counters().records - lastRecords >= manyRecords;
      const everyMs = isMany ? tuning.commitEveryMs : Math.max(tuning.commitEveryMs, calmEveryMs);
      const dueMs = lastMs + everyMs - nowMs;
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
