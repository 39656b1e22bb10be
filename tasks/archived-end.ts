import type { Source, TopicPartition } from '../sources/source.ts';
import { readNext } from './archived-log.ts';
import { judge } from './judge.ts';
import type { JudgeState } from './judge.ts';
import { archivedUnder, type TaskServiceOptions } from './options.ts';
import { createOrderReader } from './order-log.ts';
import { ParkError } from './park.ts';

export interface ArchivedEndOptions {
  readonly service: Pick<TaskServiceOptions, 'archive' | 'order' | 'orderTopic' | 'epoch' | 'clock' | 'logger'>;
  readonly shard: number;
}

/** An archive that does not answer holds nobody up for longer. */
const askMs = 2_000;
const askAgainMs = 100;

/** Where the archived order log ends; null: nothing to compare with (none, none that answers, or topics that begin anew with each start). */
export async function archivedEnd(options: ArchivedEndOptions): Promise<bigint | null> {
  const { clock, logger } = options.service;
  const source = archiveOf(options);
  if (!source) return null;
  const over = new AbortController();
  const ask = async (): Promise<bigint | null> => {
    while (!over.signal.aborted) {
      const bounds = await source.bounds(partitionOf(options)).catch(() => null);
      if (bounds) return bounds.endOffset;
      await clock.sleep(askAgainMs, over.signal);
    }
    return null;
  };
  const end = await Promise.race([ask(), clock.sleep(askMs, over.signal).then(() => null)]);
  over.abort();
  void source.close().catch(() => undefined);
  if (end === null)
    logger.warn(
      { shard: options.shard },
      'the archive does not answer: whether the order log lost its end is not known',
    );
  return end;
}

/** A place in the order log, with what the judge knew there. */
export interface LogPlace {
  readonly orderOffset: bigint;
  readonly state: JudgeState;
}

/**
 * Parks a task whose order log has lost its end, though every snapshot still fits: the archive goes on from `begun` beyond it.
 * What came next would get places, and so revisions, that other results have already. What an epoch gave up does not go on from
 * the start of the next, and is no loss. `end` was asked for before; the task began at `begun` and has read up to `reached`.
 */
export async function assertEndKept(
  options: ArchivedEndOptions,
  { begun, reached }: { readonly begun: LogPlace; readonly reached: LogPlace },
  end: bigint | null,
): Promise<void> {
  const { clock, order, logger } = options.service;
  if (end === null || end <= reached.orderOffset) return;
  const topicPartition = partitionOf(options);
  const { endOffset } = await order.bounds(topicPartition);
  const source = end > endOffset ? archiveOf(options) : null;
  if (!source) return;
  let { state, orderOffset: at } = begun.state.epoch === reached.state.epoch ? begun : reached;
  const reader = createOrderReader({ source, topicPartition, nextOffset: at, clock, onArrival: () => {} });
  try {
    for (; at < end; at++) {
      const judgement = judge(state, (await readNext(reader, at)).record);
      if (judgement.verdict === 'counts' && at >= endOffset) throw lostEnd(endOffset, at);
      state = judgement.state;
    }
  } catch (error) {
    if (error instanceof ParkError && error.code === 'log_truncated') throw error;
    logger.warn({ shard: options.shard, err: error, at: `${at}` }, 'the archived order log cannot be compared');
  } finally {
    reader.close();
    void source.close().catch(() => undefined);
  }
}

const lostEnd = (endOffset: bigint, at: bigint): ParkError =>
  new ParkError('log_truncated', `the order log ends at ${endOffset}, and ${at} was archived, maybe published from`);

const partitionOf = ({ service, shard }: ArchivedEndOptions): TopicPartition => ({
  topic: service.orderTopic,
  partition: shard,
});

function archiveOf({ service: { archive, epoch } }: ArchivedEndOptions): Source | null {
  return archive && !epoch.openNew ? archive(archivedUnder(epoch)) : null;
}
