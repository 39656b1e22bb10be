import type { Writer } from '@platformatic/kafka';

/**
 * The three requests of the direct reader, in the newest versions that have no tagged fields: Metadata v7, ListOffsets v5,
 * Fetch v11 (Apache Kafka protocol guide). Pure: a request is written, an answer read from its bytes. Offsets are exact
 * integers below 2^53.
 */
export const api = {
  fetch: { key: 1, version: 11 },
  listOffsets: { key: 2, version: 5 },
  metadata: { key: 3, version: 7 },
} as const;

export interface PartitionLeader {
  readonly partition: number;
  readonly errorCode: number;
  /** −1: none now. */
  readonly leader: number;
  readonly leaderEpoch: number;
}

export interface Metadata {
  readonly brokers: readonly { readonly id: number; readonly host: string; readonly port: number }[];
  readonly topics: readonly {
    readonly name: string;
    readonly errorCode: number;
    readonly partitions: readonly PartitionLeader[];
  }[];
}

/** Creates a topic only where it `creates` and the broker does so by itself. */
export function writeMetadata(writer: Writer, topics: readonly string[], creates = false): Writer {
  writer.appendInt32(topics.length);
  for (const topic of topics) writer.appendString(topic, false);
  return writer.appendInt8(creates ? 1 : 0);
}

export function readMetadata(bytes: Buffer): Metadata {
  const at = new Cursor(bytes);
  at.skip(4); // throttle
  const brokers = at.list(() => {
    const id = at.int32();
    const host = at.text() ?? '';
    const port = at.int32();
    at.text(); // rack
    return { id, host, port };
  });
  at.text(); // cluster
  at.skip(4); // controller
  const topics = at.list(() => {
    const errorCode = at.int16();
    const name = at.text() ?? '';
    at.skip(1); // internal
    const partitions = at.list(() => {
      const leader = { errorCode: at.int16(), partition: at.int32(), leader: at.int32(), leaderEpoch: at.int32() };
      for (let lists = 0; lists < 3; lists++) at.skip(4 * Math.max(0, at.int32())); // replicas, in sync, offline
      return leader;
    });
    return { name, errorCode, partitions };
  });
  return { brokers, topics };
}

/** Of a partition: `earliest`, or `end`, the one after the last stable record. */
export const offsetKind = { earliest: -2n, end: -1n } as const;

export interface OffsetQuestion {
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
}

export function writeListOffsets(
  writer: Writer,
  { topic, partition, leaderEpoch }: OffsetQuestion,
  timestamp: bigint,
): Writer {
  writer.appendInt32(-1).appendInt8(1).appendInt32(1).appendString(topic, false).appendInt32(1);
  return writer.appendInt32(partition).appendInt32(leaderEpoch).appendInt64(timestamp);
}

export function readListOffsets(bytes: Buffer): { readonly errorCode: number; readonly offset: number } {
  const at = new Cursor(bytes);
  at.skip(4);
  const [answer] = at
    .list(() => {
      at.text();
      return at.list(() => {
        at.skip(4);
        const errorCode = at.int16();
        at.skip(8);
        const offset = at.int64();
        at.skip(4);
        return { errorCode, offset };
      });
    })
    .flat();
  return answer ?? { errorCode: -1, offset: -1 };
}

export interface FetchQuestion {
  readonly topic: string;
  readonly partition: number;
  readonly leaderEpoch: number;
  readonly fetchOffset: number;
}

export interface FetchLimits {
  readonly waitMs: number;
  /** With fewer the broker waits, up to `waitMs`. */
  readonly bytesMin: number;
  readonly bytesMax: number;
  readonly partitionBytesMax: number;
}

/** Read committed; without a fetch session. */
export function writeFetch(writer: Writer, asked: readonly FetchQuestion[], limits: FetchLimits): Writer {
  writer
    .appendInt32(-1)
    .appendInt32(limits.waitMs)
    .appendInt32(limits.bytesMin)
    .appendInt32(limits.bytesMax)
    .appendInt8(1);
  writer.appendInt32(0).appendInt32(-1);
  // One after the other: a broker fills the answer in this order, so who is asked first is the caller's choice.
  writer.appendInt32(asked.length);
  for (const { topic, partition, leaderEpoch, fetchOffset } of asked) {
    writer.appendString(topic, false).appendInt32(1);
    writer.appendInt32(partition).appendInt32(leaderEpoch).appendInt64(BigInt(fetchOffset)).appendInt64(-1n);
    writer.appendInt32(limits.partitionBytesMax);
  }
  return writer.appendInt32(0).appendString('', false);
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: number;
}

export interface FetchedPartition {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  /** The last stable offset, or the high watermark where the broker does not tell it. */
  readonly endOffset: number;
  readonly aborted: readonly AbortedTransaction[];
  /** [start, end) of the record batches in the answer's bytes. */
  readonly start: number;
  readonly end: number;
}

export interface Fetched {
  readonly errorCode: number;
  readonly partitions: readonly FetchedPartition[];
}

export function readFetch(bytes: Buffer): Fetched {
  const at = new Cursor(bytes);
  at.skip(4);
  const errorCode = at.int16();
  at.skip(4);
  const partitions = at.list(() => {
    const topic = at.text() ?? '';
    return at.list(() => readPartition(at, topic));
  });
  return { errorCode, partitions: partitions.flat() };
}

function readPartition(at: Cursor, topic: string): FetchedPartition {
  const partition = at.int32();
  const errorCode = at.int16();
  const highWatermark = at.int64();
  const lastStable = at.int64();
  at.skip(8); // first offset
  const aborted = at.list(() => ({ producerId: at.bigint64(), firstOffset: at.int64() }));
  at.skip(4); // preferred replica
  const length = Math.max(0, at.int32());
  const start = at.position;
  at.skip(length);
  const endOffset = lastStable >= 0 ? lastStable : highWatermark;
  return { topic, partition, errorCode, endOffset, aborted, start, end: start + length };
}

/** Reads an answer from its beginning. */
export class Cursor {
  position = 0;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  skip(count: number): void {
    this.position += count;
  }

  int16(): number {
    this.position += 2;
    return this.#bytes.readInt16BE(this.position - 2);
  }

  int32(): number {
    this.position += 4;
    return this.#bytes.readInt32BE(this.position - 4);
  }

  bigint64(): bigint {
    this.position += 8;
    return this.#bytes.readBigInt64BE(this.position - 8);
  }

  int64(): number {
    return Number(this.bigint64());
  }

  text(): string | null {
    const length = this.int16();
    if (length < 0) return null;
    this.position += length;
    return this.#bytes.toString('utf8', this.position - length, this.position);
  }

  list<T>(read: () => T): T[] {
    const count = Math.max(0, this.int32());
    const items: T[] = [];
    for (let i = 0; i < count; i++) items.push(read());
    return items;
  }
}
