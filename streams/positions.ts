import type { RecordBatch } from '../sources/source.ts';

/** Offset of record `index` of `batch`. */
export const recordOffset = (batch: RecordBatch, index: number): bigint =>
  batch.baseOffset + BigInt(batch.offsetDeltas[index] as number);

/** The place of record `index` as results name it. */
export const inputPositionOf = (batch: RecordBatch, index: number) => ({
  topic: batch.topic,
  partition: batch.partition,
  inputOffset: String(recordOffset(batch, index)),
  timestampMs: batch.timestampsMs[index] as number,
});

/** The same as text, for identities. */
export const positionText = (batch: RecordBatch, index: number): string =>
  `${batch.topic}-${batch.partition}@${recordOffset(batch, index)}`;

/** `bytes[start, end)` of the batch in base64, null where there are none. */
export const base64Of = (batch: RecordBatch, start = -1, end = -1): string | null =>
  start < 0 ? null : Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset + start, end - start).toString('base64');
