import {
  SourceError,
  topicPartitionName,
  type PartitionStream,
  type RecordBatch,
  type TopicPartition,
} from '../sources/source.ts';
import { emptyBatch, messageBytes, toRecordBatch } from './columns.ts';
import type { NativeMessage } from './driver.ts';

/** What a stream tells its reader. */
export interface StreamOwner {
  readonly queueBytesMax: number;
  /** Every hole in offsets is a loss (embedded broker); on a real one holes are control or compacted records. */
  readonly holesAreLoss: boolean;
  isAvailable(): boolean;
  /** The end of the partition as the last fetch heard it; −1 before. */
  heardEnd(stream: ReaderStream): number;
  /** Room was made in a full queue. */
  drained(): void;
  closed(stream: ReaderStream): void;
  /** Resolves when the stream has something to poll, or after `maxWaitMs`. */
  waitFor(stream: ReaderStream, maxWaitMs: number): Promise<boolean>;
}

/**
 * `opening`: to be assigned. `reading`: assigned. `beyond`: asked for an offset after the end, waits until the partition has
 * grown to it. `failed`: `poll` throws once the queue is empty. `closed`.
 */
export type StreamPhase = 'opening' | 'reading' | 'beyond' | 'failed' | 'closed';

/** One partition's queue between the reader's loop, which fills it, and whoever polls. Offsets here are exact integers below 2^53. */
export class ReaderStream implements PartitionStream {
  readonly topic: string;
  readonly partition: number;
  /** What the topic's timestamps are; known before the first record. */
  timestampType: RecordBatch['timestampType'] = 'unknown';
  /** Which incarnation of the topic is read; null: not known. */
  incarnation: string | null = null;
  /** Since when the topic is not found; null while it is. */
  missingSinceMs: number | null = null;
  phase: StreamPhase = 'opening';
  isAssigned = false;
  isPaused = false;
  /** Set at `queueBytesMax`, cleared at half of it. */
  isFull = false;
  /** The position was inside the partition at some time: leaving the range later is a loss, not a wrong question. */
  wasInRange = false;
  /** The offset that the reader takes next. */
  nextOffset: number;
  readonly #owner: StreamOwner;
  readonly #queue: { readonly batch: RecordBatch; readonly bytes: number }[] = [];
  #arrived: NativeMessage[] = [];
  #arrivedBytes = 0;
  #queuedBytes = 0;
  #endSeenAt = -1;
  #error: SourceError | null = null;

  constructor(tp: TopicPartition, fromOffset: bigint, owner: StreamOwner) {
    this.topic = tp.topic;
    this.partition = tp.partition;
    this.nextOffset = Number(fromOffset);
    this.#owner = owner;
  }

  poll(): RecordBatch | null {
    const head = this.#queue.shift();
    if (head === undefined) {
      if (this.#error !== null) throw this.#error;
      return null;
    }
    this.#queuedBytes -= head.bytes;
    if (this.isFull && this.#queuedBytes <= this.#owner.queueBytesMax / 2) {
      this.isFull = false;
      this.#owner.drained();
    }
    return head.batch;
  }

  async next(maxWaitMs: number): Promise<RecordBatch | null> {
    const batch = this.poll();
    if (batch !== null) return batch;
    return (await this.#owner.waitFor(this, maxWaitMs)) ? this.poll() : null;
  }

  /**
   * While the broker is away −1n. At the end (an end-of-partition event with nothing after it) this is where reading
   * goes on, so that control records after the last record do not hide that the end is reached. Heard with every
   * fetch answer, the empty ones too: as fresh as `fetchWaitMs`.
   */
  endOffset(): bigint {
    if (!this.#owner.isAvailable()) return -1n;
    if (this.#endSeenAt >= this.nextOffset) return BigInt(this.nextOffset);
    const heard = this.#owner.heardEnd(this);
    return BigInt(heard >= 0 && this.wasInRange ? Math.max(heard, this.nextOffset) : heard);
  }

  close(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.#queue.length = 0;
    this.#queuedBytes = 0;
    this.#arrived = [];
    this.#error = new SourceError('closed', `the stream of ${this.name} is closed`);
    this.#owner.closed(this);
  }

  get name(): string {
    return topicPartitionName(this);
  }

  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  isReady(): boolean {
    return this.#queue.length > 0 || this.#error !== null;
  }

  /** Takes a message as it comes from the driver; what was taken before is dropped. */
  accept(message: NativeMessage): void {
    if (this.phase !== 'reading' || message.offset < this.nextOffset) return;
    if (message.offset > this.nextOffset && this.#owner.holesAreLoss) {
      return this.fail('gap', `records ${this.nextOffset} to ${message.offset - 1} of ${this.name} are gone`);
    }
    this.wasInRange = true;
    this.nextOffset = message.offset + 1;
    this.#arrived.push(message);
    this.#arrivedBytes += messageBytes(message);
  }

  /** Makes what has arrived one batch; the number of its records. */
  seal(): number {
    const count = this.#arrived.length;
    if (count === 0) return 0;
    this.#queue.push({ batch: toRecordBatch(this.#arrived, this.timestampType), bytes: this.#arrivedBytes });
    this.#queuedBytes += this.#arrivedBytes;
    this.#arrived = [];
    this.#arrivedBytes = 0;
    if (this.#queuedBytes >= this.#owner.queueBytesMax) this.isFull = true;
    return count;
  }

  /**
   * The driver reached the end of the partition at `offset`. What lies between the last record and the end are control records:
   * a batch without records says that they are passed.
   */
  endSeen(offset: number): void {
    this.#endSeenAt = offset;
    this.wasInRange = true;
    if (this.#owner.holesAreLoss || this.phase !== 'reading' || offset <= this.nextOffset) return;
    this.#queue.push({ batch: emptyBatch(this, this.timestampType, this.nextOffset, offset), bytes: 0 });
    this.nextOffset = offset;
  }

  fail(code: SourceError['code'], message: string, cause?: unknown): void {
    if (this.phase === 'failed' || this.phase === 'closed') return;
    this.phase = 'failed';
    this.#error = new SourceError(code, message, { cause });
  }
}
