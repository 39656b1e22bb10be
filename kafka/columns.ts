import type { Header, RecordBatch, TopicPartition } from '../sources/source.ts';
import type { NativeMessage } from './driver.ts';

/** What a waiting record costs beside its bytes: columns and the native object's share. */
export const recordOverheadBytes = 64;

/** Bytes of one message as the queue bounds count them. */
export const messageBytes = (message: NativeMessage): number =>
  (message.key?.length ?? 0) + (message.value?.length ?? 0) + recordOverheadBytes;

/**
 * Copies messages of one partition, in offset order and at least one, into columns over one buffer, so that the native
 * buffers can go at once.
 */
export function toRecordBatch(
  messages: readonly NativeMessage[],
  timestampType: RecordBatch['timestampType'],
): RecordBatch {
  const first = messages[0];
  if (first === undefined) throw new Error('a record batch needs a record');
  const count = messages.length;
  const columns = {
    offsetDeltas: new Int32Array(count),
    timestampsMs: new Float64Array(count),
    keyStart: new Int32Array(count),
    keyEnd: new Int32Array(count),
    valueStart: new Int32Array(count),
    valueEnd: new Int32Array(count),
    bytes: new Uint8Array(messages.reduce((sum, { key, value }) => sum + (key?.length ?? 0) + (value?.length ?? 0), 0)),
  };
  let end = 0;
  let lastOffset = first.offset;
  let hasHeaders = false;
  for (let i = 0; i < count; i++) {
    const message = messages[i] as NativeMessage;
    columns.offsetDeltas[i] = message.offset - first.offset;
    columns.timestampsMs[i] = message.timestamp;
    columns.keyStart[i] = message.key === null ? -1 : end;
    if (message.key !== null) columns.bytes.set(message.key, end);
    end += message.key?.length ?? 0;
    columns.keyEnd[i] = message.key === null ? -1 : end;
    columns.valueStart[i] = message.value === null ? -1 : end;
    if (message.value !== null) columns.bytes.set(message.value, end);
    end += message.value?.length ?? 0;
    columns.valueEnd[i] = message.value === null ? -1 : end;
    lastOffset = message.offset;
    hasHeaders ||= message.headers !== undefined && message.headers.length > 0;
  }
  return {
    topic: first.topic,
    partition: first.partition,
    count,
    baseOffset: BigInt(first.offset),
    ...columns,
    timestampType,
    headers: hasHeaders ? messages.map(headersOf) : null,
    nextOffset: BigInt(lastOffset + 1),
  };
}

/** No records from `from` on, but holes up to `nextOffset`: where reading goes on. */
export function emptyBatch(
  { topic, partition }: TopicPartition,
  timestampType: RecordBatch['timestampType'],
  from: number,
  nextOffset: number,
): RecordBatch {
  const none = new Int32Array(0);
  const columns = { keyStart: none, keyEnd: none, valueStart: none, valueEnd: none, bytes: new Uint8Array(0) };
  return {
    ...{ topic, partition, count: 0, baseOffset: BigInt(from), offsetDeltas: none, timestampsMs: new Float64Array(0) },
    ...columns,
    timestampType,
    headers: null,
    nextOffset: BigInt(nextOffset),
  };
}

/** Header values are copied: the native buffers are not ours to keep. */
function headersOf(message: NativeMessage): readonly Header[] {
  return (message.headers ?? []).flatMap((header) =>
    Object.entries(header).map(([name, value]): Header => [name, new Uint8Array(value)]),
  );
}
