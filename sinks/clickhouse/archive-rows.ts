import type { Header, RecordBatch } from '../../sources/source.ts';

/**
 * Records as archive rows. Guarantees exact bytes, and that `previousOffset` chains: it is the offset of the record read
 * before, so that two rows with nothing between them prove it. Redelivery gives the same rows.
 */
export interface ArchiveRow {
  readonly topic: string;
  readonly epoch: number;
  readonly partition: number;
  readonly recordOffset: bigint;
  readonly previousOffset: bigint;
  readonly timestampMs: number;
  readonly timestampType: 'append' | 'create' | 'unknown';
  /** Key and value are slices of `bytes`; start −1: none. */
  readonly bytes: Uint8Array;
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly valueStart: number;
  readonly valueEnd: number;
  readonly headers: readonly Header[];
}

const noHeaders: readonly Header[] = [];

/** Calls back with each record of the batch; gives the last one's offset, or `previousOffset` when there is none. */
export function eachArchiveRow(
  batch: RecordBatch,
  epoch: number,
  previousOffset: bigint,
  take: (row: ArchiveRow) => void,
): bigint {
  let previous = previousOffset;
  for (let i = 0; i < batch.count; i += 1) {
    const recordOffset = batch.baseOffset + BigInt(batch.offsetDeltas[i] ?? 0);
    take({
      topic: batch.topic,
      epoch,
      partition: batch.partition,
      recordOffset,
      previousOffset: previous,
      timestampMs: Math.trunc(batch.timestampsMs[i] ?? 0),
      timestampType: batch.timestampType,
      bytes: batch.bytes,
      keyStart: batch.keyStart[i] ?? -1,
      keyEnd: batch.keyEnd[i] ?? -1,
      valueStart: batch.valueStart[i] ?? -1,
      valueEnd: batch.valueEnd[i] ?? -1,
      headers: batch.headers?.[i] ?? noHeaders,
    });
    previous = recordOffset;
  }
  return previous;
}
