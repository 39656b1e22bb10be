import { SourceError } from '../sources/source.ts';
import type { PartitionStream, RecordBatch, Source, TopicPartition } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';
import { isRetryable } from './park.ts';
import { copyBatch, cutBatch, indexAtOrAfter, offsetAt, recordCrc } from './range.ts';
import { createWake } from './wake.ts';

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
  /** The records of [from, to), waiting for them. Throws a `SourceError` when the stream cannot give them. */
  take(from: bigint, to: bigint): Promise<RecordBatch[]>;
  /** Reads on from another offset. */
  reset(nextOffset: bigint): void;
  /** What ended the stream for good, or null. */
  failure(): Error | null;
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
const retryFirstMs = 200;
const retryMaxMs = 5_000;

export function createCursor(options: CursorOptions): Cursor {
  let reading = startReading(options, options.nextOffset);
  const held = () => reading.held;
  return {
    topicPartition: options.topicPartition,
    position: () => reading.position,
    endOffset: () => reading.endOffset(),
    failure: () => reading.failure,
    peek: (from, recordsMax, bytesMax) => peek(held(), from, recordsMax, bytesMax),
    take: (from, to) => reading.take(from, to),
    reset(nextOffset) {
      reading.close();
      reading = startReading(options, nextOffset);
    },
    close: () => reading.close(),
  };
}

interface Reading {
  held: RecordBatch[];
  position: bigint;
  failure: Error | null;
  endOffset(): bigint;
  take(from: bigint, to: bigint): Promise<RecordBatch[]>;
  close(): void;
}

/** Reads one partition on and on from `nextOffset`, pausing while enough is held. */
function startReading(options: CursorOptions, nextOffset: bigint): Reading {
  const { source, topicPartition, clock } = options;
  const room = createWake(clock);
  const arrived = createWake(clock);
  let stream: PartitionStream | null = null;
  let heldEnd = nextOffset;
  let heldBytes = 0;
  let wantedTo = nextOffset;
  let isClosed = false;
  let lastEnd = -1n;

  const closeStream = (): void => {
    stream?.close();
    stream = null;
  };
  const reading: Reading = {
    held: [],
    position: nextOffset,
    failure: null,
    endOffset() {
      const heard = stream?.endOffset() ?? -1n;
      if (heard >= 0n) lastEnd = heard;
      return lastEnd;
    },
    async take(from, to) {
      if (from !== reading.position) throw new Error(`take at ${from}, position is ${reading.position}`);
      wantedTo = to;
      while (heldEnd < to) {
        if (isClosed) throw new SourceError('closed', 'the cursor was closed');
        if (reading.failure) throw reading.failure;
        room.wake();
        await arrived.wait(pollWaitMs);
      }
      const taken = cutHeld(reading, to);
      heldBytes = reading.held.reduce((sum, batch) => sum + batch.bytes.length, 0);
      room.wake();
      return taken;
    },
    close() {
      isClosed = true;
      closeStream();
      room.wake();
      arrived.wake();
    },
  };

  const receive = (batch: RecordBatch): void => {
    heldEnd = batch.nextOffset;
    reading.held.push(copyBatch(batch));
    heldBytes += reading.held.at(-1)?.bytes.length ?? 0;
    arrived.wake();
    options.onArrival();
  };
  const pump = async (): Promise<void> => {
    let retryMs = retryFirstMs;
    while (!isClosed) {
      if (heldBytes >= options.queueBytesMax && heldEnd >= wantedTo) {
        await room.wait(pollWaitMs);
        continue;
      }
      try {
        stream ??= source.read(topicPartition, heldEnd);
        const batch = await stream.next(pollWaitMs);
        if (isClosed) return;
        retryMs = retryFirstMs;
        if (batch && batch.nextOffset > heldEnd) receive(batch);
      } catch (error) {
        if (isClosed) return;
        closeStream();
        if (!isRetryable(error)) {
          reading.failure = error instanceof Error ? error : new Error(String(error));
          arrived.wake();
          options.onArrival();
          return;
        }
        await clock.sleep(retryMs);
        retryMs = Math.min(retryMaxMs, retryMs * 2);
      }
    }
  };
  void pump();
  return reading;
}

/** Takes everything before `to` out of what is held. */
function cutHeld(reading: Reading, to: bigint): RecordBatch[] {
  const taken: RecordBatch[] = [];
  for (;;) {
    const batch = reading.held[0];
    if (!batch) break;
    const first = indexAtOrAfter(batch, reading.position);
    const last = indexAtOrAfter(batch, to);
    if (last > first) taken.push(cutBatch(batch, first, last, batch.nextOffset < to ? batch.nextOffset : to));
    if (batch.nextOffset > to) break;
    reading.held.shift();
  }
  reading.position = to;
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
