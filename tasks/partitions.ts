import { parseTopicPartition, topicPartitionName } from '../sources/source.ts';
import type { Source, TopicPartition, TopicPartitionName } from '../sources/source.ts';
import { ParkError } from './park.ts';

/** Where a new task starts reading an input: what is held, what comes from now on, or looked up (by time). */
export type StartFrom = 'earliest' | 'latest' | ((tp: TopicPartition) => Promise<bigint>);

export interface PartitionsOptions {
  readonly source: Pick<Source, 'bounds' | 'partitionCount'>;
  readonly topics: readonly string[];
  readonly shard: number;
  readonly shards: number;
}

/** The partitions of its inputs that a shard reads: all of them, or those with partition mod shards = shard. */
export async function listPartitions({ source, topics, shard, shards }: PartitionsOptions): Promise<TopicPartition[]> {
  const found: TopicPartition[] = [];
  for (const topic of topics) {
    const count = await source.partitionCount(topic);
    for (let partition = 0; partition < count; partition++)
      if (partition % shards === shard) found.push({ topic, partition });
  }
  return found;
}

/** Start offsets for a genesis. */
export async function startsOf(
  options: PartitionsOptions,
  startFrom: StartFrom,
  known: Readonly<Record<TopicPartitionName, string>> = {},
): Promise<Record<TopicPartitionName, string>> {
  const starts: Record<TopicPartitionName, string> = { ...known };
  for (const tp of await listPartitions(options)) {
    const name = topicPartitionName(tp);
    starts[name] ??= (await startOf(options.source, tp, startFrom)).toString();
  }
  return starts;
}

async function startOf(source: Pick<Source, 'bounds'>, tp: TopicPartition, startFrom: StartFrom): Promise<bigint> {
  if (typeof startFrom === 'function') return startFrom(tp);
  const { lowOffset, endOffset } = await source.bounds(tp);
  return startFrom === 'earliest' ? lowOffset : endOffset;
}

/** Watches for partitions that appear while a task runs; they are read from their first record on. */
export interface Newcomers {
  /** Partitions to join, as order entries carry them; looks again in the background when it is time. */
  joins(
    positions: Readonly<Record<TopicPartitionName, string>>,
    nowMs: number,
  ): readonly (readonly [TopicPartitionName, string])[];
  failure(): Error | null;
}

export function createNewcomers(options: PartitionsOptions, everyMs: number, onFound: () => void): Newcomers {
  const found = new Map<TopicPartitionName, string>();
  let dueMs = 0;
  let isLooking = false;
  let failure: Error | null = null;

  const look = async (positions: Readonly<Record<TopicPartitionName, string>>): Promise<void> => {
    isLooking = true;
    try {
      for (const tp of await listPartitions(options)) {
        const name = topicPartitionName(tp);
        if (name in positions || found.has(name)) continue;
        const isGrown =
          options.shards > 1 && Object.keys(positions).some((known) => parseTopicPartition(known).topic === tp.topic);
        if (isGrown)
          failure ??= new ParkError('partitions_grew', `${tp.topic} has more partitions than when the task began`);
        found.set(name, (await startOf(options.source, tp, 'earliest')).toString());
      }
    } catch {
      // The broker does not answer now: looked for again next time.
    } finally {
      isLooking = false;
      if (found.size > 0 || failure) onFound();
    }
  };
  return {
    joins(positions, nowMs) {
      if (nowMs >= dueMs && !isLooking) {
        dueMs = nowMs + everyMs;
        void look(positions);
      }
      for (const name of found.keys()) if (name in positions) found.delete(name);
      return [...found];
    },
    failure: () => failure,
  };
}
