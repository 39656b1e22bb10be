import type { MembershipHandlers } from '../../kafka/contract.ts';
import { SourceError, topicPartitionName, type TopicPartition } from '../../sources/source.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Gap } from './blocks.ts';
import {
  openPartitions,
  positionsOf,
  reopen,
  type Opened,
  type PartitionsOptions,
  type ReadPartition,
} from './partitions.ts';
import { untilDone, type RetryOptions } from './retry.ts';

/**
 * Held by the loop of the ClickHouse sink, and by nothing else.
 * The partitions that are ours now. Guarantees that a partition is read by one stream, that one which cannot go on stops
 * alone (`parked`), and that every gap is handed to `onGap` before the records behind it. Redelivery: as
 * `partitions.ts` says, from the committed offset on.
 */
const retryStreamMs = 500;

/** Changes are noted at once and acted on by `applyChanges`, between two polls. */
export class PartitionSet {
  readonly #options: PartitionsOptions;
  readonly #retry: RetryOptions;
  readonly #logger: Logger;
  readonly #onGap: (gap: Gap) => void;
  readonly #open = new Map<string, ReadPartition>();
  readonly #parked = new Map<string, string>();
  /** What the membership said last about a partition, not yet acted on. */
  readonly #changes = new Map<string, TopicPartition & { readonly isOurs: boolean }>();

  constructor(options: PartitionsOptions, retry: RetryOptions, logger: Logger, onGap: (gap: Gap) => void) {
    this.#options = options;
    this.#retry = retry;
    this.#logger = logger;
    this.#onGap = onGap;
  }

  /** For the membership: only notes what changed, `applyChanges` acts. */
  handlers(failed: MembershipHandlers['failed']): MembershipHandlers {
    const note = (isOurs: boolean) => (places: readonly TopicPartition[]) => {
      for (const { topic, partition } of places)
        this.#changes.set(topicPartitionName({ topic, partition }), { topic, partition, isOurs });
    };
    return { assigned: note(true), revoked: note(false), failed };
  }

  /** Whether `applyChanges` has something to do. */
  hasChanges(): boolean {
    return this.#changes.size > 0;
  }

  /** Opens what became ours, closes what is not any more. Retries until it can. */
  async applyChanges(): Promise<void> {
    if (this.#changes.size === 0) return;
    const changes = [...this.#changes];
    this.#changes.clear();
    for (const [name] of changes.filter(([, { isOurs }]) => !isOurs)) {
      this.#open.get(name)?.stream.close();
      this.#open.delete(name);
      this.#parked.delete(name);
    }
    const wanted = changes.filter(([name, { isOurs }]) => isOurs && !this.#open.has(name)).map(([, place]) => place);
    if (wanted.length === 0) return;
    const opened = await untilDone('open partitions', this.#retry, () => openPartitions(this.#options, wanted));
    opened.forEach((one, i) => this.#adopt(wanted[i] as TopicPartition, one)); // same length and order
  }

  /** A stream has thrown: reads on behind the gap, or parks the partition. Throws what is not a stream's end. */
  async recover(partition: ReadPartition, error: unknown): Promise<void> {
    if (!(error instanceof SourceError) || error.code === 'closed') throw error;
    const { clock, signal } = this.#retry;
    this.#logger.warn({ code: error.code, topic: partition.topic, partition: partition.partition }, error.message);
    if (error.retryable) await clock.sleep(retryStreamMs, signal);
    const opened = await untilDone('reopen', this.#retry, () => reopen(this.#options.reader, partition));
    // A gap that the bounds do not show would be found again at once.
    if (opened.kind === 'open' && opened.gap === null) await clock.sleep(retryStreamMs, signal);
    this.#adopt(partition, opened);
  }

  all(): readonly ReadPartition[] {
    return [...this.#open.values()];
  }

  /** Why partitions are not read; empty when all are. */
  parkedWhy(): string {
    return [...this.#parked.values()].join('; ');
  }

  positions(): ReturnType<typeof positionsOf> {
    return positionsOf(this.#open.values());
  }

  /** The ends as of now, by partition name; a partition whose end cannot be asked counts as read. */
  async ends(): Promise<ReadonlyMap<string, bigint>> {
    const asked = this.all().map(async (partition) => {
      const end = await this.#options.reader.bounds(partition).then(
        (bounds) => bounds.endOffset,
        () => partition.nextOffset,
      );
      return [topicPartitionName(partition), end] as const;
    });
    return new Map(await Promise.all(asked));
  }

  /** True when every partition that is still ours has been read up to `ends`. */
  hasRead(ends: ReadonlyMap<string, bigint>): boolean {
    return [...ends].every(([name, end]) => (this.#open.get(name)?.nextOffset ?? end) >= end);
  }

  /** Records not yet read, by topic, as far as the streams know. */
  lag(): ReadonlyMap<string, number> {
    const lag = new Map<string, number>();
    for (const { topic, stream, nextOffset } of this.#open.values()) {
      const behind = Math.max(0, Number(stream.endOffset() - nextOffset));
      lag.set(topic, (lag.get(topic) ?? 0) + behind);
    }
    return lag;
  }

  close(): void {
    for (const { stream } of this.#open.values()) stream.close();
    this.#open.clear();
  }

  #adopt(place: TopicPartition, opened: Opened): void {
    const name = topicPartitionName(place);
    if (opened.kind === 'open') {
      this.#open.set(name, opened.partition);
      if (opened.gap) this.#onGap(opened.gap);
      return;
    }
    this.#open.delete(name);
    this.#parked.set(name, opened.why);
    this.#logger.error({ why: opened.why }, 'ClickHouse sink stops reading a partition');
  }
}
