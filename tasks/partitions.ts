import { topicPartitionName } from '../sources/source.ts';
import type { Source, TopicPartition, TopicPartitionName } from '../sources/source.ts';
import type { Genesis } from './contract.ts';
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

/** How many partitions each input has. */
export async function countPartitions({
  source,
  topics,
}: Pick<PartitionsOptions, 'source' | 'topics'>): Promise<Readonly<Record<string, number>>> {
  const counts = topics.map(async (topic) => [topic, await source.partitionCount(topic)] as const);
  return Object.fromEntries(await Promise.all(counts));
}

/** Throws a `ParkError` where an input of several shards has another number of partitions than when they began. */
export async function assertNotGrown(
  options: Pick<PartitionsOptions, 'source' | 'topics'>,
  genesis: Genesis | null,
): Promise<void> {
  if (!genesis?.counts) return;
  const grown = Object.entries(await countPartitions(options)).filter(
    ([topic, count]) => count !== (genesis.counts?.[topic] ?? count),
  );
  if (grown.length === 0) return;
  const found = grown.map(([topic, count]) => `${topic} has ${count} partitions, and had ${genesis.counts?.[topic]}`);
  throw new ParkError('partitions_grew', found.join(', '));
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

export interface NewcomersOptions extends PartitionsOptions {
  /** What the shards began with. */
  readonly genesis: () => Genesis | null;
  /** Looked at once, first: throws a `ParkError` where the inputs are not what they were taken for. */
  readonly check: () => Promise<unknown>;
}

export function createNewcomers(options: NewcomersOptions, everyMs: number, onFound: () => void): Newcomers {
  const found = new Map<TopicPartitionName, string>();
  let dueMs = 0;
  let isLooking = false;
  let isChecked = false;
  let failure: Error | null = null;

  const look = async (positions: Readonly<Record<TopicPartitionName, string>>): Promise<void> => {
    isLooking = true;
    try {
      if (!isChecked) await options.check();
      isChecked = true;
      await assertNotGrown(options, options.genesis());
      for (const tp of await listPartitions(options)) {
        const name = topicPartitionName(tp);
        if (name in positions || found.has(name)) continue;
        found.set(name, (await startOf(options.source, tp, 'earliest')).toString());
      }
    } catch (error) {
      // Anything else: the broker does not answer now, it is looked for again next time.
      if (error instanceof ParkError) failure ??= error;
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
