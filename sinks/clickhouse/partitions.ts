import type { ClickHouseClient } from '@clickhouse/client';
import type { Membership, NextOffset } from '../../kafka/contract.ts';
import { topicPartitionName, type PartitionStream, type Source, type TopicPartition } from '../../sources/source.ts';
import { archivedBefore } from './archived.ts';
import type { Gap, TopicKind } from './blocks.ts';

/**
 * The partitions that the sink reads, and how far. Guarantees that reading starts at the committed offset (the first held
 * one when there is none) and that a hole in a partition is found, told and passed. Redelivery starts here: what was
 * inserted and not committed is read again.
 */
export interface ReadPartition extends TopicPartition {
  readonly kind: TopicKind;
  readonly stream: PartitionStream;
  /** Where reading goes on: committed once the rows before it are durable. */
  nextOffset: bigint;
  /** Offset of the record before `nextOffset`. */
  previousOffset: bigint;
}

export interface PartitionsOptions {
  readonly client: ClickHouseClient;
  readonly database: string;
  readonly reader: Source;
  readonly membership: Membership;
  readonly epoch: number;
  readonly kindOf: (topic: string) => TopicKind;
}

/** What opening gives: `parked`: an operator has to say. `gap`: records that were gone already; reading begins behind them. */
export type Opened =
  | { readonly kind: 'open'; readonly partition: ReadPartition; readonly gap: Gap | null }
  | { readonly kind: 'parked'; readonly why: string };

/** Opens a stream for each partition, where the group left off. Rejects when broker or archive do not answer: try again. */
export async function openPartitions(
  options: PartitionsOptions,
  wanted: readonly TopicPartition[],
): Promise<readonly Opened[]> {
  const committed = await options.membership.committed(wanted);
  const nextOf = new Map(committed.map((entry) => [topicPartitionName(entry), entry.nextOffset]));
  const tried = await Promise.allSettled(
    wanted.map((place) => openPartition(options, place, nextOf.get(topicPartitionName(place)) ?? -1n)),
  );
  const opened = tried.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = tried.find((one) => one.status === 'rejected');
  if (!failed) return opened;
  // All or none: a stream left open would refuse the next try, for ever.
  for (const one of opened) if (one.kind === 'open') one.partition.stream.close();
  throw failed.reason;
}

async function openPartition(options: PartitionsOptions, place: TopicPartition, committed: bigint): Promise<Opened> {
  const kind = options.kindOf(place.topic);
  if (committed < 0n) {
    const { lowOffset } = await options.reader.bounds(place);
    return openAt(options.reader, { ...place, kind, nextOffset: lowOffset, previousOffset: lowOffset - 1n });
  }
  const previousOffset =
    kind === 'result'
      ? committed - 1n
      : await archivedBefore(options.client, options.database, kind === 'order' ? 'order_log' : 'events', {
          ...place,
          epoch: options.epoch,
          nextOffset: committed,
        });
  return openAt(options.reader, { ...place, kind, nextOffset: committed, previousOffset });
}

/** After a stream has thrown: opens it anew. Rejects when the broker does not answer: try again. */
export function reopen(reader: Source, partition: ReadPartition): Promise<Opened> {
  partition.stream.close();
  return openAt(reader, partition);
}

/** A position beyond the end means another incarnation of the topic, whose offsets would overwrite archived ones: parked. */
async function openAt(reader: Source, from: Omit<ReadPartition, 'stream'>): Promise<Opened> {
  const { topic, partition, kind, nextOffset } = from;
  const { lowOffset, endOffset } = await reader.bounds(from);
  if (endOffset < nextOffset)
    return {
      kind: 'parked',
      why: `${topicPartitionName(from)} ends at ${endOffset}, before our position ${nextOffset}: was the topic made anew?`,
    };
  const isGap = lowOffset > nextOffset;
  const resumeAt = isGap ? lowOffset : nextOffset;
  const previousOffset = isGap ? resumeAt - 1n : from.previousOffset;
  const opened = { topic, partition, kind, nextOffset: resumeAt, previousOffset, stream: reader.read(from, resumeAt) };
  const gap = isGap ? { topic, partition, fromOffset: nextOffset, toOffset: resumeAt } : null;
  return { kind: 'open', partition: opened, gap };
}

/** What may be committed once everything polled so far is durable. */
export const positionsOf = (partitions: Iterable<ReadPartition>): readonly NextOffset[] =>
  [...partitions].map(({ topic, partition, nextOffset }) => ({ topic, partition, nextOffset }));
