import { createSignal } from '../signal.ts';
import {
  SourceError,
  topicPartitionName,
  type PartitionStream,
  type RecordBatch,
  type Source,
  type TopicPartition,
} from '../source.ts';
import type { ChainedSourceOptions } from './chained.ts';

/**
 * One of the streams that a chained source opens.
 * One partition, now from the broker, now from the archive. Guarantees that the next batch continues exactly where the last
 * one ended, whichever side it comes from. A side that fails
 * is left for the other. Redelivery: none, a position is never taken back.
 */
const defaultGapAfterMs = 10_000;
/** Between two looks while neither side has the next record. */
const lookAgainMs = 200;

/** Starts in the broker; `advance` moves between the sides. */
export class ChainedStream implements PartitionStream {
  readonly topic: string;
  readonly partition: number;
  readonly #options: ChainedSourceOptions;
  readonly #onClose: () => void;
  readonly #signal = createSignal();
  #from: 'broker' | 'archive' = 'broker';
  #inner: PartitionStream | null;
  #nextOffset: bigint;
  #endOffset = -1n;
  #ready: RecordBatch | null = null;
  #error: SourceError | null = null;
  #isSwitching = false;
  /** Since when neither side has the next record; null while one has. */
  #emptySinceMs: number | null = null;
  #lookAtBrokerMs = 0;

  constructor(
    options: ChainedSourceOptions,
    { topic, partition }: TopicPartition,
    fromOffset: bigint,
    onClose: () => void,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.#options = options;
    this.#onClose = onClose;
    this.#nextOffset = fromOffset;
    this.#inner = options.broker.read({ topic, partition }, fromOffset);
  }

  get from(): 'broker' | 'archive' {
    return this.#from;
  }

  poll(): RecordBatch | null {
    this.advance();
    const batch = this.#ready;
    this.#ready = null;
    if (batch) return batch;
    if (this.#error) throw this.#error;
    return null;
  }

  async next(maxWaitMs: number): Promise<RecordBatch | null> {
    const { clock } = this.#options;
    const deadlineMs = clock.nowMs() + maxWaitMs;
    while (!this.advance()) {
      const leftMs = deadlineMs - clock.nowMs();
      if (leftMs <= 0) return null;
      if (this.#inner && !this.#isSwitching) await this.#nextOfInner(Math.min(leftMs, lookAgainMs));
      else await this.#signal.wait(() => !this.#isSwitching || this.#error !== null, leftMs);
    }
    return this.poll();
  }

  isSwitching(): boolean {
    return this.#isSwitching;
  }

  /** Resolves when the stream has changed sides or failed, or after `maxWaitMs`. */
  changed(maxWaitMs: number): Promise<boolean> {
    return this.#signal.wait(() => !this.#isSwitching, maxWaitMs);
  }

  /** Takes what the side in use has; true when there is something to poll or an error to throw. */
  advance(): boolean {
    if (this.#ready || this.#error) return true;
    if (!this.#inner || this.#isSwitching) return false;
    try {
      this.#take(this.#inner.poll());
    } catch (error) {
      this.#leave(error);
    }
    return this.#ready !== null || this.#error !== null;
  }

  endOffset(): bigint {
    const heard = this.#from === 'broker' ? (this.#inner?.endOffset() ?? -1n) : -1n;
    return heard > this.#endOffset ? heard : this.#endOffset;
  }

  close(): void {
    this.#inner?.close();
    this.#inner = null;
    this.#error = new SourceError('closed', `the stream of ${topicPartitionName(this)} is closed`);
    this.#onClose();
    this.#signal.notify();
  }

  async #nextOfInner(maxWaitMs: number): Promise<void> {
    try {
      this.#take((await this.#inner?.next(maxWaitMs)) ?? null);
    } catch (error) {
      this.#leave(error);
    }
  }

  #take(batch: RecordBatch | null): void {
    if (batch) {
      this.#ready = batch;
      this.#nextOffset = batch.nextOffset;
      this.#emptySinceMs = null;
    }
    // Nothing from the archive: nothing more is there, or it is on its way. The broker is asked now and then.
    const nowMs = this.#options.clock.nowMs();
    if (this.#from !== 'archive' || batch || nowMs < this.#lookAtBrokerMs) return;
    this.#lookAtBrokerMs = nowMs + lookAgainMs;
    this.#begin(() => this.#tryBroker(false));
  }

  /** The side in use cannot go on. */
  #leave(error: unknown): void {
    if (this.#error) return;
    const isMissing = error instanceof SourceError && (error.code === 'gap' || error.code === 'offset_out_of_range');
    if (!isMissing) return this.#fail(error);
    if (this.#from === 'broker') this.#begin(() => this.#tryArchive(error));
    else this.#begin(() => this.#tryBroker(true));
  }

  #begin(change: () => Promise<void>): void {
    this.#isSwitching = true;
    void change()
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#isSwitching = false;
        this.#signal.notify();
      });
  }

  /** The broker has forgotten the position. Beyond its end the archive has no answer: the topic was cut or made anew. */
  async #tryArchive(why: SourceError): Promise<void> {
    const { lowOffset, endOffset } = await this.#options.broker.bounds(this);
    if (this.#nextOffset > endOffset) throw why;
    this.#endOffset = endOffset;
    this.#options.logger.debug(
      { topic: this.topic, partition: this.partition, lowOffset: `${lowOffset}` },
      'reading on in the archive',
    );
    this.#use('archive');
  }

  /** Back to the broker if it holds the position. If neither side does for long, the records are gone. */
  async #tryBroker(hasHole: boolean): Promise<void> {
    const { broker, archive, clock, gapAfterMs = defaultGapAfterMs } = this.#options;
    const { lowOffset, endOffset } = await broker.bounds(this);
    this.#endOffset = endOffset;
    if (lowOffset <= this.#nextOffset) return this.#use('broker');
    this.#emptySinceMs ??= clock.nowMs();
    const isLong = clock.nowMs() - this.#emptySinceMs >= gapAfterMs;
    if (isLong && (hasHole || (await archive.bounds(this)).endOffset <= this.#nextOffset)) {
      const name = topicPartitionName(this);
      const gone = `records ${this.#nextOffset} to ${lowOffset - 1n} of ${name}`;
      throw new SourceError('gap', `${gone} are neither archived nor held by the broker`);
    }
    if (!hasHole) return;
    await clock.sleep(lookAgainMs);
    this.#use('archive');
  }

  #use(side: 'broker' | 'archive'): void {
    if (this.#error) return;
    this.#inner?.close();
    this.#from = side;
    const source: Source = side === 'broker' ? this.#options.broker : this.#options.archive;
    this.#inner = source.read({ topic: this.topic, partition: this.partition }, this.#nextOffset);
  }

  #fail(error: unknown): void {
    this.#error ??=
      error instanceof SourceError
        ? error
        : new SourceError('unavailable', 'archive or broker do not answer', { cause: error });
  }
}
