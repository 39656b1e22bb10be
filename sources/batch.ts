import type { Header, RecordBatch, TopicPartition } from './source.ts';

/**
 * Records as one `RecordBatch`, for sources that hold them one by one. Guarantees exact bytes in one buffer of its own; the
 * same records give the same columns.
 */
export interface RecordInput {
  readonly recordOffset: bigint;
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly headers: readonly Header[];
}

/** At least one record, offsets rising, within 2³¹ of the first. `nextOffset`: where reading goes on. */
export function buildBatch(
  place: TopicPartition,
  timestampType: RecordBatch['timestampType'],
  records: readonly RecordInput[],
  nextOffset: bigint,
): RecordBatch {
  const count = records.length;
  const baseOffset = records[0]?.recordOffset ?? nextOffset;
  const size = records.reduce((total, { key, value }) => total + (key?.length ?? 0) + (value?.length ?? 0), 0);
  const bytes = new Uint8Array(size);
  let at = 0;
  const put = (part: Uint8Array | null, starts: Int32Array, ends: Int32Array, i: number): void => {
    starts[i] = part === null ? -1 : at;
    if (part !== null) bytes.set(part, at);
    at += part?.length ?? 0;
    ends[i] = part === null ? -1 : at;
  };
  const columns = {
    offsetDeltas: new Int32Array(count),
    timestampsMs: new Float64Array(count),
    keyStart: new Int32Array(count),
    keyEnd: new Int32Array(count),
    valueStart: new Int32Array(count),
    valueEnd: new Int32Array(count),
  };
  records.forEach((record, i) => {
    columns.offsetDeltas[i] = Number(record.recordOffset - baseOffset);
    columns.timestampsMs[i] = record.timestampMs;
    put(record.key, columns.keyStart, columns.keyEnd, i);
    put(record.value, columns.valueStart, columns.valueEnd, i);
  });
  const hasHeaders = records.some(({ headers }) => headers.length > 0);
  const headers = hasHeaders ? records.map((record) => record.headers) : null;
  return {
    topic: place.topic,
    partition: place.partition,
    count,
    baseOffset,
    timestampType,
    ...columns,
    bytes,
    headers,
    nextOffset,
  };
}
