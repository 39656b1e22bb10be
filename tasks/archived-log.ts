import { SourceError, parseTopicPartition } from '../sources/source.ts';
import type { Source, TopicPartitionName } from '../sources/source.ts';
import { judge } from './judge.ts';
import type { LogRecord, OrderReader } from './order-log.ts';
import type { Replica } from './replica.ts';

/** An order log that is folded from the archive alone. */
export interface ArchivedLog {
  readonly source: Source;
  readonly reader: OrderReader;
  readonly replica: Replica;
  /** Ends of the archived input partitions, as far as asked: what is verified or closed is not waited for. */
  readonly ends: Map<TopicPartitionName, bigint>;
}

const archiveWaitMs = 10_000;

/** The record at the replica's place. Throws a retryable error when the archive does not give it. */
export async function readNext(reader: OrderReader, orderOffset: bigint): Promise<LogRecord> {
  const logRecord = await reader.next(archiveWaitMs);
  if (!logRecord) throw new SourceError('unavailable', `the archive does not give order offset ${orderOffset}`);
  return logRecord;
}

/** The first input partition of which the archive lacks what this record orders, or null. */
export async function firstMissing(
  { source, replica, ends }: ArchivedLog,
  { record }: LogRecord,
): Promise<TopicPartitionName | null> {
  if (record?.kind !== 'entry' || judge(replica.judgeState(), record).verdict === 'ignored') return null;
  for (const [partition, , to, count] of record.ranges) {
    if (count === 0) continue;
    const end = ends.get(partition) ?? (await source.bounds(parseTopicPartition(partition))).endOffset;
    ends.set(partition, end);
    if (end < BigInt(to)) return partition;
  }
  return null;
}
