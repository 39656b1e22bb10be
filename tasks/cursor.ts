import { SourceError } from '../sources/source.ts';
import type { PartitionStream, RecordBatch, Source, TopicPartition } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import { isRetryable } from './park.ts';
import { copyBatch, cutBatch, indexAtOrAfter, offsetAt, recordCrc } from './range.ts';
import { createWake } from './wake.ts';
import type { Wake } from './wake.ts';

/** A range that could be ordered now. */
export interface PlannedRange {
  readonly from: bigint;
  readonly to: bigint;
  readonly count: number;
  readonly crc: number;
  readonly bytes: number;
}

/** One input partition being read ahead: what was fetched and not yet folded, bounded in bytes. */
export interface Cursor {
  readonly topicPartition: TopicPartition;
  /** Where folding is: everything before was taken. */
  position(): bigint;
  /** The end of the partition as last heard; −1n: not heard yet. */
  endOffset(): bigint;
  /** Cuts what is buffered at `from`, without taking it; null when nothing is. At least one record however large. */
  peek(from: bigint, recordsMax: number, bytesMax: number): PlannedRange | null;
  /** The records of [from, to), which were ordered, waiting for them. Throws a `SourceError` when the stream cannot give them, or ends before. */
  take(from: bigint, to: bigint): Promise<RecordBatch[]>;
  /** Whatever `take` gave so far is no longer used. */
  recycle(): void;
  /** Reads on from another offset. */
  reset(nextOffset: bigint): void;
  /** What ended the stream for good, or null. */
  failure(): Error | null;
  /** The last attempt to read failed by something that passes: it is tried again. */
  isRetrying(): boolean;
  close(): void;
}

export interface CursorOptions {
  readonly source: Source;
  readonly topicPartition: TopicPartition;
  readonly nextOffset: bigint;
  readonly clock: Clock;
  /** Fetched bytes held; beyond, reading pauses. One batch may pass it. */
  readonly queueBytesMax: number;
  /** Called whenever there is something new to order. */
  readonly onArrival: () => void;
}

const pollWaitMs = 1_000;
/** A stream may begin beyond the end and wait; but what is taken was ordered, so it was there. A new leader may know less for a moment. */
const shortLooksMax = 3;
const retryFirstMs = 200;
const retryMaxMs = 5_000;

export function createCursor(options: CursorOptions): Cursor {
  let reading = new Reading(options, options.nextOffset);
  return {
    topicPartition: options.topicPartition,
    position: () => reading.position,
    endOffset: () => reading.endOffset(),
    failure: () => reading.failure,
    isRetrying: () => reading.isRetrying,
    peek: (from, recordsMax, bytesMax) => peek(reading.held, from, recordsMax, bytesMax),
    take: (from, to) => reading.take(from, to),
    recycle: () => reading.recycle(),
    reset(nextOffset) {
      reading.close();
      reading = new Reading(options, nextOffset);
    },
    close: () => reading.close(),
  };
}

/** Reads one partition on and on from an offset, pausing while enough is held. */
class Reading {
  readonly held: RecordBatch[] = [];
  /** Taken to their ends. */
  readonly #spent: RecordBatch[] = [];
  position: bigint;
  failure: Error | null = null;
  isRetrying = false;
  readonly #options: CursorOptions;
  readonly #room: Wake;
  readonly #arrived: Wake;
  #stream: PartitionStream | null = null;
  #heldEnd: bigint;
  #heldBytes = 0;
  /** A range that somebody waits for is read beyond the bound. */
  #wantedTo: bigint;
  #lastEnd = -1n;
  #isClosed = false;

  constructor(options: CursorOptions, nextOffset: bigint) {
    this.#options = options;
    this.#room = createWake(options.clock);
    this.#arrived = createWake(options.clock);
    this.position = this.#heldEnd = this.#wantedTo = nextOffset;
    void this.#pump();
  }

  endOffset(): bigint {
    const heard = this.#stream?.endOffset() ?? -1n;
    if (heard >= 0n) this.#lastEnd = heard;
    return this.#lastEnd;
  }

  async take(from: bigint, to: bigint): Promise<RecordBatch[]> {
    if (from !== this.position) throw new Error(`take at ${from}, position is ${this.position}`);
    this.#wantedTo = to;
    for (let shortLooks = 0; this.#heldEnd < to;) {
      if (this.#isClosed) throw new SourceError('closed', 'the cursor was closed');
      if (this.failure) throw this.failure;
      this.#room.wake();
      const before = this.#heldEnd;
      await this.#arrived.wait(pollWaitMs);
      if (this.#heldEnd > before || this.#isClosed || this.failure) continue;
      shortLooks = (await this.#endsBefore(to)) ? shortLooks + 1 : 0;
      if (shortLooks === shortLooksMax)
        throw new SourceError('offset_out_of_range', `it ends before ${to}, which was there once`);
    }
    const taken = cutHeld(this.held, from, to, this.#spent);
    this.position = to;
    this.#heldBytes = this.held.reduce((sum, batch) => sum + batch.bytes.length, 0);
    this.#room.wake();
    return taken;
  }

  recycle(): void {
    for (const batch of this.#spent) batch.release?.();
    this.#spent.length = 0;
  }

  async #endsBefore(to: bigint): Promise<boolean> {
    const { source, topicPartition } = this.#options;
    const bounds = await source.bounds(topicPartition).catch(() => null);
    return bounds !== null && bounds.endOffset < to;
  }

  close(): void {
    this.#isClosed = true;
    this.#closeStream();
    this.#room.wake();
    this.#arrived.wake();
  }

  async #pump(): Promise<void> {
    let retryMs = retryFirstMs;
    while (!this.#isClosed && !this.failure) {
      try {
        if (this.#isFull()) await this.#room.wait(pollWaitMs);
        else await this.#readSome();
        retryMs = retryFirstMs;
        this.isRetrying = false;
      } catch (error) {
        if (this.#isClosed) return;
        this.#closeStream();
        this.isRetrying = isRetryable(error);
        if (this.isRetrying) await this.#options.clock.sleep(retryMs);
        else this.#fail(error);
        retryMs = Math.min(retryMaxMs, retryMs * 2);
      }
    }
  }

  #isFull(): boolean {
    return this.#heldBytes >= this.#options.queueBytesMax && this.#heldEnd >= this.#wantedTo;
  }

  async #readSome(): Promise<void> {
    this.#stream ??= this.#options.source.read(this.#options.topicPartition, this.#heldEnd);
    const batch = await this.#stream.next(pollWaitMs);
    if (this.#isClosed || !batch || batch.nextOffset <= this.#heldEnd) return;
    const kept = batch.isOwn ? batch : copyBatch(batch);
    if (kept !== batch) batch.release?.();
    this.held.push(kept);
    this.#heldEnd = batch.nextOffset;
    this.#heldBytes += kept.bytes.length;
    this.#arrived.wake();
    this.#options.onArrival();
  }

  #fail(error: unknown): void {
    this.failure = error instanceof Error ? error : new Error(String(error));
    this.#arrived.wake();
    this.#options.onArrival();
  }

  #closeStream(): void {
    this.#stream?.close();
    this.#stream = null;
  }
}

/** Takes [from, to) out of what is held; batches of which nothing is left become `spent`. */
function cutHeld(held: RecordBatch[], from: bigint, to: bigint, spent: RecordBatch[]): RecordBatch[] {
  const taken: RecordBatch[] = [];
  for (let batch = held[0]; batch; batch = held[0]) {
    const first = indexAtOrAfter(batch, from);
    const last = indexAtOrAfter(batch, to);
    if (last > first) taken.push(cutBatch(batch, first, last, batch.nextOffset < to ? batch.nextOffset : to));
    if (batch.nextOffset > to) break;
    spent.push(batch);
    held.shift();
  }
  return taken;
}

function peek(held: readonly RecordBatch[], from: bigint, recordsMax: number, bytesMax: number): PlannedRange | null {
  let to = from;
  let count = 0;
  let bytes = 0;
  let last: { readonly batch: RecordBatch; readonly index: number } | null = null;
  for (const batch of held) {
    if (batch.nextOffset <= to) continue;
    const first = indexAtOrAfter(batch, to);
    const perRecord = Math.max(1, batch.bytes.length / Math.max(1, batch.count));
    const fits = Math.max(count === 0 ? 1 : 0, Math.floor((bytesMax - bytes) / perRecord));
    const n = Math.min(batch.count - first, recordsMax - count, fits);
    if (n <= 0 && first < batch.count) break;
    const isWhole = first + n === batch.count;
    to = isWhole ? batch.nextOffset : offsetAt(batch, first + n - 1) + 1n;
    count += n;
    bytes += n * perRecord;
    if (n > 0) last = { batch, index: first + n - 1 };
    if (!isWhole) break;
  }
  return to === from ? null : { from, to, count, crc: last ? recordCrc(last.batch, last.index) : 0, bytes };
}
