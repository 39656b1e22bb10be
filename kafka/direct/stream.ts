import {
  SourceError,
  topicPartitionName,
  type PartitionStream,
  type RecordBatch,
  type TopicPartition,
} from '../../sources/source.ts';
import { emptyBatch } from '../columns.ts';
import type { Answer } from './answers.ts';
import { BatchError, type LogBatch } from './batches.ts';
import { decompress } from './codecs.ts';
import type { MemoryPool } from './memory-pool.ts';
import { type PlainBatches, toRecordBatch } from './records.ts';

/** What a stream tells its reader. */
export interface DirectStreamOwner {
  readonly queueBytesMax: number;
  /** Memory for the columns of batches. */
  readonly columns: MemoryPool;
  /** Every hole in offsets is a loss (embedded broker); on a real one holes are control or compacted records. */
  readonly holesAreLoss: boolean;
  isAvailable(): boolean;
  /** Room was made in a full queue. */
  drained(): void;
  read(records: number): void;
  closed(stream: DirectStream): void;
  waitFor(stream: DirectStream, maxWaitMs: number): Promise<boolean>;
}

/**
 * `opening`: its leader is looked for. `reading`: fetched. `checking`: its offset was refused. `beyond`: asked for an offset
 * after the end, waits until the partition has grown to it. `elsewhere`: another reader goes on. `failed`: `poll` throws once
 * the queue is empty. `closed`.
 */
export type DirectPhase = 'opening' | 'reading' | 'checking' | 'beyond' | 'elsewhere' | 'failed' | 'closed';

/** Batches of the log as they were fetched: made into columns when they are polled, so that the next fetch is under way first. */
interface Waiting extends PlainBatches {
  readonly size: number;
  readonly release: () => void;
}

/** One partition's queue between the fetch loop, which fills it, and whoever polls. Offsets are exact integers below 2^53. */
export class DirectStream implements PartitionStream {
  readonly topic: string;
  readonly partition: number;
  readonly name: string;
  phase: DirectPhase = 'opening';
  /** −1: not known. */
  leader = -1;
  leaderEpoch = -1;
  /** Which incarnation of the topic is read; null: not known. */
  incarnation: string | null = null;
  /** Since when the topic is not found; null while it is. */
  missingSinceMs: number | null = null;
  /** Set at `queueBytesMax`, cleared at half of it. */
  isFull = false;
  /** The position was inside the partition at some time: leaving the range later is a loss, not a wrong question. */
  wasInRange = false;
  /** The offset that is fetched next. */
  nextOffset: number;
  /** The end that a producer of this process has told; only with the embedded broker, like the next. */
  toldEnd = 0;
  /** Worth asking for. */
  mayHaveMore = true;
  queuedBytes = 0;
  readonly #owner: DirectStreamOwner;
  readonly #queue: Waiting[] = [];
  /** The offset after the last record that was polled. */
  #polledOffset: number;
  /** The offset after the last record that is here. */
  #recordsEnd: number;
  #heardEnd = -1;
  #error: SourceError | null = null;
  #other: PartitionStream | null = null;
  /** Looked at already, to know that there is something. */
  #peeked: RecordBatch | null = null;

  constructor(tp: TopicPartition, fromOffset: bigint, owner: DirectStreamOwner) {
    this.topic = tp.topic;
    this.partition = tp.partition;
    this.name = topicPartitionName(tp);
    this.nextOffset = Number(fromOffset);
    this.#polledOffset = this.nextOffset;
    this.#recordsEnd = this.nextOffset;
    this.#owner = owner;
  }

  poll(): RecordBatch | null {
    for (let head = this.#queue.shift(); head !== undefined; head = this.#queue.shift()) {
      this.#taken(head);
      const batch = this.#decode(head);
      if (batch !== null) return batch;
    }
    if (this.#other) {
      const batch = this.#peeked ?? this.#other.poll();
      this.#peeked = null;
      return batch;
    }
    if (this.#error !== null) throw this.#error;
    return this.#passHoles();
  }

  async next(maxWaitMs: number): Promise<RecordBatch | null> {
    const batch = this.poll();
    if (batch !== null) return batch;
    return (await this.#owner.waitFor(this, maxWaitMs)) ? this.poll() : null;
  }

  /**
   * While the broker is away −1n. Where all was fetched it is the end of the records, so that control records after the last
   * one do not hide that the end is reached. Heard with every answer, the empty ones too.
   */
  endOffset(): bigint {
    if (this.#other) return this.#other.endOffset();
    if (!this.#owner.isAvailable() || this.#heardEnd < 0) return -1n;
    return BigInt(this.nextOffset >= this.#heardEnd ? this.#recordsEnd : this.#heardEnd);
  }

  close(): void {
    if (this.phase === 'closed') return;
    this.phase = 'closed';
    this.#queue.length = 0;
    this.queuedBytes = 0;
    this.#other?.close();
    this.#other = null;
    this.#error = new SourceError('closed', `the stream of ${this.name} is closed`);
    this.#owner.closed(this);
  }

  isReady(): boolean {
    if (this.#queue.length > 0 || this.#error !== null || this.#hasHoles()) return true;
    if (!this.#other) return false;
    try {
      this.#peeked ??= this.#other.poll();
      return this.#peeked !== null;
    } catch {
      return true; // `poll` throws it again
    }
  }

  /** Takes what was fetched: `batches` in `bytes`, after which fetching goes on at `fetchOffset`. */
  accept(
    bytes: Buffer,
    batches: readonly LogBatch[],
    at: { readonly fetchOffset: number; readonly endOffset: number },
    answer: Answer,
  ): void {
    if (this.phase !== 'reading') return;
    this.wasInRange = true;
    this.#heardEnd = at.endOffset;
    this.nextOffset = at.fetchOffset;
    for (let i = 0; i < batches.length;) {
      const first = i;
      const isPlain = batches[i]?.codec === 0;
      do i++;
      while (isPlain && batches[i]?.codec === 0);
      const run = batches.slice(first, i);
      const size = (run.at(-1) as LogBatch).end - (run[0] as LogBatch).start;
      this.#queue.push({ bytes, batches: run, size, release: answer.hold() });
      this.queuedBytes += size;
      this.#recordsEnd = (run.at(-1) as LogBatch).lastOffset + 1;
    }
    if (this.queuedBytes >= this.#owner.queueBytesMax) this.isFull = true;
  }

  /** Another reader goes on from here once what is queued was polled. */
  goOnWith(open: (fromOffset: number) => PartitionStream): void {
    this.phase = 'elsewhere';
    this.#other = open(this.#recordsEnd);
  }

  fail(code: SourceError['code'], message: string, cause?: unknown): void {
    if (this.phase === 'failed' || this.phase === 'closed') return;
    this.phase = 'failed';
    this.#error = new SourceError(code, message, { cause });
  }

  #taken({ size }: Waiting): void {
    this.queuedBytes -= size;
    if (!this.isFull || this.queuedBytes > this.#owner.queueBytesMax / 2) return;
    this.isFull = false;
    this.#owner.drained();
  }

  /** Null when no record of it was asked for, or it cannot be read: then the stream has failed. */
  #decode(waiting: Waiting): RecordBatch | null {
    try {
      const [first] = waiting.batches;
      const plain = first && first.codec !== 0 ? decompress(waiting.bytes, first) : waiting;
      const batch = toRecordBatch(this, plain, this.#polledOffset, this.#owner.columns);
      if (plain !== waiting || batch === null) waiting.release();
      if (batch === null || this.#isHole(batch)) return null;
      this.#polledOffset = Number(batch.nextOffset);
      if (this.#queue.length === 0) this.#recordsEnd = this.#polledOffset;
      this.#owner.read(batch.count);
      return batch;
    } catch (error) {
      if (!(error instanceof BatchError)) throw error;
      this.#queue.length = 0;
      this.fail('unavailable', `${this.name}: ${error.message}`, error);
      return null;
    }
  }

  /** What was fetched behind the last record is control records and the like. */
  #hasHoles(): boolean {
    return this.phase === 'reading' && !this.#owner.holesAreLoss && this.nextOffset > this.#polledOffset;
  }

  /** A batch without records that says where reading goes on, when nothing but holes is left; else null. */
  #passHoles(): RecordBatch | null {
    if (this.#queue.length > 0 || !this.#hasHoles()) return null;
    const batch = emptyBatch(this, 'unknown', this.#polledOffset, this.nextOffset);
    this.#polledOffset = this.nextOffset;
    this.#recordsEnd = this.nextOffset;
    return batch;
  }

  #isHole({ baseOffset, count, nextOffset }: RecordBatch): boolean {
    if (!this.#owner.holesAreLoss) return false;
    const first = Number(baseOffset);
    if (first === this.#polledOffset && Number(nextOffset) - first === count) return false;
    this.#queue.length = 0;
    this.fail('gap', `records from ${this.#polledOffset} of ${this.name} are gone: what follows begins at ${first}`);
    return true;
  }
}
