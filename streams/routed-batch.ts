import type { RecordBatch, TopicPartitionName } from '../sources/source.ts';

/** Records as they stood in an input, that a router sent on. */
export interface RoutedBatch extends RecordBatch {
  readonly routed: {
    /** Which router, by which partition. */
    readonly from: TopicPartitionName;
    /** What record i is judged by as far as this router goes. */
    readonly watermarkMs: Float64Array;
  };
}

/** A router's word on a batch of records; null for batches that no router sent. */
export const routedOf = (batch: RecordBatch): RoutedBatch['routed'] | null =>
  (batch as Partial<RoutedBatch>).routed ?? null;

/** One record of such a batch. */
export interface Frame {
  readonly topic: string;
  readonly partition: number;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly timestampType: RecordBatch['timestampType'];
  readonly from: TopicPartitionName;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly watermarkMs: number;
}

/** The frames in their order, cut where the place they stood at changes: offsets of a batch rise. */
export function joinFrames(frames: readonly Frame[]): RoutedBatch[] {
  const batches: RoutedBatch[] = [];
  for (let first = 0; first < frames.length;) {
    let end = first + 1;
    while (end < frames.length && isNext(frames[end - 1] as Frame, frames[end] as Frame, frames[first] as Frame)) end++;
    batches.push(join(frames.slice(first, end)));
    first = end;
  }
  return batches;
}

const spanMax = 2n ** 31n;

const isNext = (last: Frame, next: Frame, first: Frame): boolean =>
  next.topic === first.topic &&
  next.partition === first.partition &&
  next.from === first.from &&
  next.timestampType === first.timestampType &&
  next.offset > last.offset &&
  next.offset - first.offset < spanMax;

function join(frames: readonly Frame[]): RoutedBatch {
  const [first] = frames as readonly [Frame];
  const count = frames.length;
  const column = () => new Int32Array(count).fill(-1);
  const [keyStart, keyEnd, valueStart, valueEnd] = [column(), column(), column(), column()];
  const parts: Uint8Array[] = [];
  let at = 0;
  const put = (bytes: Uint8Array | null, starts: Int32Array, ends: Int32Array, i: number): void => {
    if (!bytes) return;
    parts.push(bytes);
    starts[i] = at;
    at += bytes.length;
    ends[i] = at;
  };
  frames.forEach(({ key, value }, i) => {
    put(key, keyStart, keyEnd, i);
    put(value, valueStart, valueEnd, i);
  });
  return {
    ...{ topic: first.topic, partition: first.partition, count, baseOffset: first.offset },
    offsetDeltas: Int32Array.from(frames, ({ offset }) => Number(offset - first.offset)),
    timestampsMs: Float64Array.from(frames, ({ timestampMs }) => timestampMs),
    timestampType: first.timestampType,
    ...{ keyStart, keyEnd, valueStart, valueEnd, headers: null },
    bytes: new Uint8Array(Buffer.concat(parts)),
    nextOffset: (frames.at(-1) as Frame).offset + 1n,
    routed: { from: first.from, watermarkMs: Float64Array.from(frames, ({ watermarkMs }) => watermarkMs) },
  };
}
