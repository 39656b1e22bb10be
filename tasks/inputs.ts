import { SourceError, parseTopicPartition } from '../sources/source.ts';
import type { RecordBatch, Source, TopicPartition, TopicPartitionName } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { OrderRange } from './contract.ts';
import { createCursor } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import { ParkError, isRetryable, parkCodeOf } from './park.ts';
import type { ParkCode } from './park.ts';
import { copyBatch, cutBatch, indexAtOrAfter, sumOf } from './range.ts';

/**
 * The input partitions of one task. Everyone (owner, replay, the closing of an epoch) reads ranges through `take`, which
 * gives exactly the records that were ordered or throws: count and CRC are checked, the archive is the second copy.
 */
export interface Inputs {
  /** Reads these partitions from these offsets on; others are closed. A partition already there goes on undisturbed. */
  open(positions: Readonly<Record<TopicPartitionName, string>>): void;
  /** One partition joins, or reads on from another offset. */
  move(partition: TopicPartitionName, nextOffset: bigint): void;
  get(partition: TopicPartitionName): Cursor | undefined;
  all(): ReadonlyMap<TopicPartitionName, Cursor>;
  /** Where each partition ends now; rejects when one cannot be told. */
  ends(): Promise<ReadonlyMap<TopicPartitionName, bigint>>;
  /** The records of the ranges, in order, good until the next call. Throws a `ParkError`, or a retryable error. */
  take(ranges: readonly OrderRange[]): Promise<RecordBatch[]>;
  close(): void;
}

export interface InputsOptions {
  readonly source: Source;
  /** Where the same offsets can be read again; opened only when needed. */
  readonly archive?: (() => Source) | undefined;
  readonly clock: Clock;
  readonly queueBytesMax: number;
  readonly onArrival: () => void;
  /** Told of each range that had to come from the archive. */
  readonly onArchiveRead?: (partition: TopicPartitionName, why: string) => void;
  /** Verify only: told of each range that is not as it was ordered, which is folded all the same. Absent: it parks. */
  readonly onChanged?: (range: OrderRange) => void;
}

const archiveWaitMs = 5_000;

export function createInputs(options: InputsOptions): Inputs {
  const cursors = new Map<TopicPartitionName, Cursor>();
  let archive: Source | null = null;

  const takeRange = async (range: OrderRange): Promise<RecordBatch[]> => {
    const [partition, fromText, toText, count, crc] = range;
    const cursor = cursors.get(partition);
    if (!cursor) throw new ParkError('internal', `${partition} is ordered but not open`);
    const [from, to] = [BigInt(fromText), BigInt(toText)];
    const matches = (batches: readonly RecordBatch[]): boolean => {
      const sum = sumOf(batches);
      return sum.count === count && sum.crc === crc;
    };
    let cause: unknown;
    try {
      const batches = await cursor.take(from, to);
      if (matches(batches)) return batches;
      if (options.onChanged) {
        options.onChanged(range);
        return batches;
      }
      cause = new SourceError('gap', `${partition} ${from}..${to}: count or CRC differs from what was ordered`);
    } catch (error) {
      if (isRetryable(error) || !(error instanceof SourceError) || error.code === 'closed') throw error;
      cause = error;
    }
    const why = whyOf(cause);
    if (!options.archive || isOtherNow(why))
      throw new ParkError(why, `${partition} ${from}..${to} cannot be read as ordered`, cause);
    archive ??= options.archive();
    options.onArchiveRead?.(partition, why);
    const kept = await readRange(archive, cursor.topicPartition, from, to);
    if (!matches(kept))
      throw new ParkError(why, `${partition} ${from}..${to}: neither broker nor archive has it as ordered`, cause);
    cursor.reset(to);
    return kept;
  };

  const move = (name: TopicPartitionName, nextOffset: bigint): void => {
    const known = cursors.get(name);
    if (known && known.position() !== nextOffset) known.reset(nextOffset);
    if (!known) cursors.set(name, openCursor(options, name, nextOffset));
  };

  return {
    open(positions) {
      for (const [name, cursor] of cursors)
        if (!(name in positions)) {
          cursor.close();
          cursors.delete(name);
        }
      for (const [name, text] of Object.entries(positions)) move(name, BigInt(text));
    },
    move,
    get: (partition) => cursors.get(partition),
    all: () => cursors,
    ends: () => endsOf(options.source, cursors),
    async take(ranges) {
      for (const cursor of cursors.values()) cursor.recycle();
      const batches: RecordBatch[] = [];
      for (const range of ranges) batches.push(...(await takeRange(range)));
      return batches;
    },
    close() {
      for (const cursor of cursors.values()) cursor.close();
      cursors.clear();
      void archive?.close().catch(() => undefined);
    },
  };
}

async function endsOf(
  source: Source,
  cursors: ReadonlyMap<TopicPartitionName, Cursor>,
): Promise<ReadonlyMap<TopicPartitionName, bigint>> {
  const asked = [...cursors].map(
    async ([name, { topicPartition }]) => [name, (await source.bounds(topicPartition)).endOffset] as const,
  );
  return new Map(await Promise.all(asked));
}

function openCursor(options: InputsOptions, name: TopicPartitionName, nextOffset: bigint): Cursor {
  const { source, clock, queueBytesMax, onArrival } = options;
  return createCursor({
    source,
    topicPartition: parseTopicPartition(name),
    nextOffset,
    clock,
    queueBytesMax,
    onArrival,
  });
}

const whyOf = (cause: unknown): ParkCode =>
  cause instanceof SourceError && cause.code === 'gap' ? 'crc_mismatch' : parkCodeOf(cause, 'input_lost');

/** What the archive has of a topic that is another one now could be folded, but never gone on from. */
const isOtherNow = (why: ParkCode): boolean => why === 'topic_recreated' || why === 'log_truncated';

/** The records of [from, to) as far as the source has them. Waits only while it says that there is more. */
export async function readRange(source: Source, tp: TopicPartition, from: bigint, to: bigint): Promise<RecordBatch[]> {
  const { endOffset } = await source.bounds(tp);
  const end = endOffset < to ? endOffset : to;
  const stream = source.read(tp, from);
  const batches: RecordBatch[] = [];
  try {
    for (let next = from; next < end;) {
      const batch = await stream.next(archiveWaitMs);
      if (!batch) break;
      const last = indexAtOrAfter(batch, to);
      const first = indexAtOrAfter(batch, from);
      if (last > first)
        batches.push(copyBatch(cutBatch(batch, first, last, batch.nextOffset < to ? batch.nextOffset : to)));
      next = batch.nextOffset;
    }
  } catch (error) {
    if (isRetryable(error) || !(error instanceof SourceError)) throw error;
  } finally {
    stream.close();
  }
  return batches;
}
