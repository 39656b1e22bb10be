import type { Header, RecordBatch, TopicPartition } from '../../sources/source.ts';
import { BatchError, type LogBatch } from './batches.ts';
import type { MemoryPool } from './memory-pool.ts';

/** Batches of the log whose records lie in `bytes` as plain records. */
export interface PlainBatches {
  readonly bytes: Buffer;
  readonly batches: readonly LogBatch[];
  /** See `RecordBatch`. */
  readonly release?: (() => void) | undefined;
}

/**
 * The records from `fromOffset` on as one batch of columns over the same bytes: nothing is copied but headers. Null when there
 * are none. Throws a `BatchError` where a record does not end inside its batch. `pool`: memory for the columns of a batch that is
 * released.
 */
export function toRecordBatch(
  tp: TopicPartition,
  { bytes, batches, release }: PlainBatches,
  fromOffset: number,
  pool?: MemoryPool,
): RecordBatch | null {
  for (const { count, start, end, baseOffset: first } of batches)
    if (count < 0 || count * recordBytesMin > end - start)
      throw new BatchError(`the batch at offset ${first} is too short for ${count} records`);
  const room = batches.reduce((sum, { count }) => sum + count, 0);
  const memory = pool && release && room >= POOLED_RECORDS_MIN ? pool.take(room * COLUMNS_BYTES) : null;
  const columns = new Columns(room, memory);
  let headers: (readonly Header[])[] | null = null;
  const begin = batches[0]?.start ?? 0;
  const own = bytes.subarray(begin, batches.at(-1)?.end ?? 0);
  for (const batch of batches) {
    const moved = { ...batch, start: batch.start - begin, end: batch.end - begin };
    headers = readBatch(own, moved, { columns, fromOffset, headers });
  }
  const { count, baseOffset } = columns;
  if (count === 0) {
    if (memory) pool?.give(memory);
    return null;
  }
  const { offsetDeltas, timestampsMs, keyStart, keyEnd, valueStart, valueEnd } = columns;
  return {
    topic: tp.topic,
    partition: tp.partition,
    ...{ count, baseOffset: BigInt(baseOffset), offsetDeltas, timestampsMs, keyStart, keyEnd, valueStart, valueEnd },
    timestampType: batches.every(({ isAppendTime }) => isAppendTime) ? 'append' : 'create',
    bytes: own,
    headers,
    nextOffset: BigInt(baseOffset + (offsetDeltas[count - 1] as number) + 1),
    isOwn: own.length * ANSWER_PARTS_MAX >= bytes.length,
    release: memory ? () => void (columns.giveBack(pool) && release?.()) : release,
  };
}

/** Of fewer records the columns are small enough to be made anew. */
const POOLED_RECORDS_MIN = 256;
/** Of a record: its time, and five numbers of 32 bits. */
const COLUMNS_BYTES = 8 + 5 * 4;

/** A batch that is kept keeps the whole answer that it came in: where it is a smaller part of it, keeping needs a copy. */
const ANSWER_PARTS_MAX = 8;

/** Length, attributes, time, offset, lengths of key and value, number of headers: a byte each. */
const recordBytesMin = 7;

class Columns {
  count = 0;
  baseOffset = 0;
  readonly offsetDeltas: Int32Array;
  readonly timestampsMs: Float64Array;
  readonly keyStart: Int32Array;
  readonly keyEnd: Int32Array;
  readonly valueStart: Int32Array;
  readonly valueEnd: Int32Array;
  #memory: Buffer | null;

  /** In `memory`, where there is some: `COLUMNS_BYTES` for each of `room` records, with anything in them. */
  constructor(room: number, memory: Buffer | null) {
    const { buffer, byteOffset } = memory ?? new Uint8Array(room * COLUMNS_BYTES);
    const column = (place: number): Int32Array => new Int32Array(buffer, byteOffset + (8 + 4 * place) * room, room);
    this.timestampsMs = new Float64Array(buffer, byteOffset, room);
    this.offsetDeltas = column(0);
    this.keyStart = column(1);
    this.keyEnd = column(2);
    this.valueStart = column(3);
    this.valueEnd = column(4);
    this.#memory = memory;
  }

  /** For who needs them no longer: false when that was said before. */
  giveBack(pool: MemoryPool | undefined): boolean {
    if (!this.#memory) return false;
    pool?.give(this.#memory);
    this.#memory = null;
    return true;
  }
}

interface Into {
  readonly columns: Columns;
  readonly fromOffset: number;
  /** Null until a record has any. */
  readonly headers: (readonly Header[])[] | null;
}

// A zigzag varint: what it says, and where it ends. Apart, and with no place kept between two calls: seven are read a record, and a place
// in memory that is written and read again for each byte would be most of what they cost.

/** Up to 2 bytes here, which nearly all are. */
function valueAt(bytes: Buffer, at: number): number {
  const byte = bytes[at] as number;
  if (byte < 0x80) return (byte >>> 1) ^ -(byte & 1);
  const next = bytes[at + 1] as number;
  if (next >= 0x80) return longValueAt(bytes, at);
  const value = (byte & 0x7f) | (next << 7);
  return (value >>> 1) ^ -(value & 1);
}

function endAt(bytes: Buffer, at: number): number {
  if ((bytes[at] as number) < 0x80) return at + 1;
  if ((bytes[at + 1] as number) < 0x80) return at + 2;
  return longEndAt(bytes, at);
}

/** By arithmetic, exact below 2^53: times may be far from their batch's first. */
function longValueAt(bytes: Buffer, at: number): number {
  let value = 0;
  let unit = 1;
  for (let i = at, end = longEndAt(bytes, at); i < end; i++, unit *= 128) value += ((bytes[i] as number) & 0x7f) * unit;
  return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
}

function longEndAt(bytes: Buffer, at: number): number {
  for (let i = at; i < at + varintBytesMax; i++) if ((bytes[i] as number) < 0x80) return i + 1;
  throw new BatchError('a number in a record does not end');
}

/** Of 64 bits. */
const varintBytesMax = 10;

function readBatch(bytes: Buffer, batch: LogBatch, { columns, fromOffset, headers }: Into): Into['headers'] {
  const { offsetDeltas, timestampsMs, keyStart, keyEnd, valueStart, valueEnd } = columns;
  let found = headers;
  let at = batch.start;
  for (let i = 0; i < batch.count; i++) {
    const length = valueAt(bytes, at);
    at = endAt(bytes, at);
    const end = at + length;
    if (!(length > 0 && end <= batch.end))
      throw new BatchError(`a record at offset ${batch.baseOffset + i} does not end inside its batch`);
    at++; // attributes, unused
    const timestampDelta = valueAt(bytes, at);
    at = endAt(bytes, at);
    const offset = batch.baseOffset + valueAt(bytes, at);
    at = endAt(bytes, at);
    const keyLength = valueAt(bytes, at);
    at = endAt(bytes, at);
    const key = at;
    if (keyLength > 0) at += keyLength;
    const valueLength = valueAt(bytes, at);
    at = endAt(bytes, at);
    const value = at;
    if (valueLength > 0) at += valueLength;
    if (offset >= fromOffset) {
      const row = columns.count++;
      if (row === 0) columns.baseOffset = offset;
      offsetDeltas[row] = offset - columns.baseOffset;
      timestampsMs[row] = batch.isAppendTime ? batch.maxTimestampMs : batch.baseTimestampMs + timestampDelta;
      keyStart[row] = keyLength < 0 ? -1 : key;
      keyEnd[row] = keyLength < 0 ? -1 : key + keyLength;
      valueStart[row] = valueLength < 0 ? -1 : value;
      valueEnd[row] = valueLength < 0 ? -1 : value + valueLength;
      const headerCount = valueAt(bytes, at);
      at = endAt(bytes, at);
      if (headerCount > 0) {
        found ??= Array.from({ length: columns.offsetDeltas.length }, () => []);
        const read = readHeaders(bytes, at, headerCount);
        found[row] = read.headers;
        at = read.end;
      }
    }
    if (!(at <= end)) throw new BatchError(`a record at offset ${offset} is longer than it says`);
    at = end;
  }
  return found;
}

/** Those that begin at `start`, and where they end. */
function readHeaders(
  bytes: Buffer,
  start: number,
  count: number,
): { readonly headers: Header[]; readonly end: number } {
  let at = start;
  const headers = Array.from({ length: count }, (): Header => {
    const nameLength = valueAt(bytes, at);
    at = endAt(bytes, at);
    const name = bytes.toString('utf8', at, at + nameLength);
    at += nameLength;
    const length = valueAt(bytes, at);
    at = endAt(bytes, at);
    const value = at;
    if (length > 0) at += length;
    return [name, new Uint8Array(bytes.subarray(value, value + Math.max(0, length)))];
  });
  return { headers, end: at };
}
