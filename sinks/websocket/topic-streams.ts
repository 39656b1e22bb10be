// Reads every partition of some topics, with no group: each gateway sees everything and commits nothing.
// Guarantees: one stream a partition; a partition that appears later is read from its beginning; records that are gone before
// they were read are told as a gap, and reading goes on behind them.
// Redelivery: `seek` reads again from any offset; what takes the records folds by identity and revision.
import {
  SourceError,
  topicPartitionName,
  type PartitionStream,
  type RecordBatch,
  type Source,
  type TopicPartition,
} from '../../sources/source.ts';

export interface TopicStreams {
  /** Where to read a partition from, for all those that are not read yet. */
  openMissing(startOf: (tp: TopicPartition, bounds: Bounds) => bigint): Promise<void>;
  /** Reads a partition again from `fromOffset`; backwards only. */
  rewind(tp: TopicPartition, fromOffset: bigint): void;
  /** Where each partition's reading goes on. */
  positions(): ReadonlyMap<string, bigint>;
  /** Hands over what is here, at most `batchesMax` batches. Resolves how many there were. */
  poll(batchesMax: number): Promise<number>;
  close(): void;
}

export interface Bounds {
  readonly lowOffset: bigint;
  readonly endOffset: bigint;
}

export interface TopicStreamsOptions {
  readonly reader: Source;
  /** Topics that are read by another one. */
  readonly readerOf?: ((topic: string) => Source | undefined) | undefined;
  readonly topics: readonly string[];
  readonly onBatch: (batch: RecordBatch) => void;
  /** Records of this partition up to `resumedAt` are gone. */
  readonly onGap: (tp: TopicPartition, resumedAt: bigint, error: SourceError) => void;
}

interface Partition {
  readonly tp: TopicPartition;
  stream: PartitionStream;
  nextOffset: bigint;
}

const topicsAtOnce = 4;

export function createTopicStreams(options: TopicStreamsOptions): TopicStreams {
  const readerOf = ({ topic }: { readonly topic: string }): Source => options.readerOf?.(topic) ?? options.reader;
  const partitions = new Map<string, Partition>();

  const reopen = (partition: Partition, fromOffset: bigint): void => {
    partition.stream.close();
    partition.stream = readerOf(partition.tp).read(partition.tp, fromOffset);
    partition.nextOffset = fromOffset;
  };
  const recover = async (partition: Partition, error: unknown): Promise<void> => {
    if (!(error instanceof SourceError)) throw error;
    if (error.code === 'gap' || error.code === 'offset_out_of_range' || error.code === 'topic_missing') {
      const { lowOffset } = await readerOf(partition.tp).bounds(partition.tp);
      reopen(partition, lowOffset);
      return options.onGap(partition.tp, lowOffset, error);
    }
    if (!error.retryable) throw error;
    reopen(partition, partition.nextOffset);
  };
  const pollOne = async (partition: Partition): Promise<number> => {
    try {
      const batch = partition.stream.poll();
      if (!batch) return 0;
      options.onBatch(batch);
      partition.nextOffset = batch.nextOffset;
      return 1;
    } catch (error) {
      await recover(partition, error);
      return 0;
    }
  };
  return {
    async openMissing(startOf) {
      const openOne = async (tp: TopicPartition): Promise<void> => {
        if (partitions.has(topicPartitionName(tp))) return;
        const fromOffset = startOf(tp, await readerOf(tp).bounds(tp));
        const stream = readerOf(tp).read(tp, fromOffset);
        partitions.set(topicPartitionName(tp), { tp, stream, nextOffset: fromOffset });
      };
      const openTopic = async (topic: string): Promise<void> => {
        const count = await readerOf({ topic }).partitionCount(topic);
        await Promise.all(Array.from({ length: count }, (_, partition) => openOne({ topic, partition })));
      };
      // One after the other, some fifty answers of a broker are seconds; all at once, a broker that is away holds every thread.
      for (let i = 0; i < options.topics.length; i += topicsAtOnce)
        await Promise.all(options.topics.slice(i, i + topicsAtOnce).map(openTopic));
    },
    rewind(tp, fromOffset) {
      const partition = partitions.get(topicPartitionName(tp));
      if (partition && fromOffset < partition.nextOffset) reopen(partition, fromOffset);
    },
    positions: () => new Map([...partitions].map(([name, { nextOffset }]) => [name, nextOffset])),
    async poll(batchesMax) {
      let total = 0;
      for (let round = 1; round > 0 && total < batchesMax; total += round) {
        round = 0;
        for (const partition of partitions.values()) round += await pollOne(partition);
      }
      return total;
    },
    close() {
      for (const { stream } of partitions.values()) stream.close();
      partitions.clear();
    },
  };
}
