import { crc32 } from 'node:zlib';
import type { RecordBatch } from '../sources/source.ts';

/** Offset of record i. */
export const offsetAt = (batch: RecordBatch, i: number): bigint =>
  batch.baseOffset + BigInt(batch.offsetDeltas[i] ?? 0);

/** The first record at or after `offset`; `count` when there is none. Binary search: offsets rise. */
export function indexAtOrAfter(batch: RecordBatch, offset: bigint): number {
  let low = 0;
  let high = batch.count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (offsetAt(batch, middle) < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Records [first, last) of a batch as a batch that shares its bytes; `nextOffset` is where the cut ends. */
export function cutBatch(batch: RecordBatch, first: number, last: number, nextOffset: bigint): RecordBatch {
  return {
    ...batch,
    count: last - first,
    offsetDeltas: batch.offsetDeltas.subarray(first, last),
    timestampsMs: batch.timestampsMs.subarray(first, last),
    keyStart: batch.keyStart.subarray(first, last),
    keyEnd: batch.keyEnd.subarray(first, last),
    valueStart: batch.valueStart.subarray(first, last),
    valueEnd: batch.valueEnd.subarray(first, last),
    headers: batch.headers?.slice(first, last) ?? null,
    nextOffset,
  };
}

/** A batch with memory of its own: a source may use its buffers again once the next batch is taken. */
export function copyBatch(batch: RecordBatch): RecordBatch {
  let start = batch.bytes.length;
  let end = 0;
  for (let i = 0; i < batch.count; i++) {
    const key = batch.keyStart[i] ?? -1;
    const value = batch.valueStart[i] ?? -1;
    if (key >= 0) [start, end] = [Math.min(start, key), Math.max(end, batch.keyEnd[i] ?? 0)];
    if (value >= 0) [start, end] = [Math.min(start, value), Math.max(end, batch.valueEnd[i] ?? 0)];
  }
  if (end < start) start = end = 0;
  const shifted = (column: Int32Array): Int32Array => {
    const out = column.slice(0, batch.count);
    for (let i = 0; i < out.length; i++) if ((out[i] ?? -1) >= 0) out[i] = (out[i] ?? 0) - start;
    return out;
  };
  return {
    ...batch,
    offsetDeltas: batch.offsetDeltas.slice(0, batch.count),
    timestampsMs: batch.timestampsMs.slice(0, batch.count),
    keyStart: shifted(batch.keyStart),
    keyEnd: shifted(batch.keyEnd),
    valueStart: shifted(batch.valueStart),
    valueEnd: shifted(batch.valueEnd),
    bytes: new Uint8Array(batch.bytes.subarray(start, end)),
    headers: batch.headers?.map((list) => list.map(([name, value]) => [name, new Uint8Array(value)] as const)) ?? null,
    release: undefined,
  };
}

/** CRC-32 of record i's key and value, what is absent counting as empty. */
export function recordCrc(batch: RecordBatch, i: number): number {
  const part = (start: Int32Array, end: Int32Array): Uint8Array =>
    (start[i] ?? -1) < 0 ? new Uint8Array(0) : batch.bytes.subarray(start[i], end[i]);
  return crc32(part(batch.valueStart, batch.valueEnd), crc32(part(batch.keyStart, batch.keyEnd)));
}

/** How many records the batches hold, and the CRC of the last one (0 when there is none). */
export function sumOf(batches: readonly RecordBatch[]): { readonly count: number; readonly crc: number } {
  let count = 0;
  let crc = 0;
  for (const batch of batches) {
    count += batch.count;
    if (batch.count > 0) crc = recordCrc(batch, batch.count - 1);
  }
  return { count, crc };
}

/** The value of record i, or null. Shares the batch's bytes. */
export function valueAt(batch: RecordBatch, i: number): Uint8Array | null {
  const start = batch.valueStart[i] ?? -1;
  return start < 0 ? null : batch.bytes.subarray(start, batch.valueEnd[i]);
}
