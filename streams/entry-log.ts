// Order entries without a broker: what tests, marble diagrams and benchmarks feed a pipeline with.
// Guarantees: offsets of each partition rise from 0 without holes, the clock never goes back, as in a real log.
// Redelivery: building the same entries again gives the same bytes.
import { type RecordBatch, parseTopicPartition, type TopicPartitionName } from '../sources/source.ts';
import type { FoldEntry } from '../tasks/contract.ts';

export interface LoggedRecord {
  /** `payments-0` unless told. */
  readonly partition?: TopicPartitionName;
  /** An object is written as JSON; null is a record without a value. */
  readonly value: object | string | null;
  readonly key?: string;
  /** The entry's clock unless told. */
  readonly timestampMs?: number;
}

export interface LoggedEntry {
  readonly clockMs: number;
  readonly records?: readonly LoggedRecord[];
  readonly idle?: readonly TopicPartitionName[];
  readonly hasSkip?: boolean;
}

/** A log that is appended to; `timestampType` is that of all its batches. */
export class EntryLog {
  private readonly partitions: readonly TopicPartitionName[];
  private readonly timestampType: RecordBatch['timestampType'];
  private readonly nextOffsets = new Map<TopicPartitionName, bigint>();
  private nextOrderOffset = 0n;
  private clockMs = -Infinity;

  constructor(
    partitions: readonly TopicPartitionName[] = ['payments-0'],
    timestampType: RecordBatch['timestampType'] = 'append',
  ) {
    this.partitions = partitions;
    this.timestampType = timestampType;
  }

  append({ clockMs, records = [], idle = [], hasSkip = false }: LoggedEntry): FoldEntry {
    this.clockMs = Math.max(this.clockMs, clockMs);
    const orderOffset = this.nextOrderOffset++;
    return {
      orderOffset,
      epoch: 1,
      entryId: `entry-${orderOffset}`,
      clockMs: this.clockMs,
      batches: runsOf(records).map((run) => this.batchOf(run)),
      idle,
      partitions: this.partitions,
      hasSkip,
    };
  }

  private batchOf(records: readonly LoggedRecord[]): RecordBatch {
    const name = partitionOf(records[0]);
    const baseOffset = this.nextOffsets.get(name) ?? 0n;
    const nextOffset = baseOffset + BigInt(records.length);
    this.nextOffsets.set(name, nextOffset);
    const { clockMs, timestampType } = this;
    return { ...parseTopicPartition(name), baseOffset, nextOffset, timestampType, ...columnsOf(records, clockMs) };
  }
}

const encoder = new TextEncoder();
const partitionOf = (record: LoggedRecord | undefined): TopicPartitionName => record?.partition ?? 'payments-0';

function columnsOf(records: readonly LoggedRecord[], clockMs: number) {
  const parts: Uint8Array[] = [];
  let end = 0;
  const place = (text: string | null): [start: number, end: number] => {
    if (text === null) return [-1, -1];
    const bytes = encoder.encode(text);
    parts.push(bytes);
    return [end, (end += bytes.length)];
  };
  const keys = records.map(({ key }) => place(key ?? null));
  const values = records.map(({ value }) => place(typeof value === 'object' && value ? JSON.stringify(value) : value));
  return {
    count: records.length,
    offsetDeltas: Int32Array.from(records, (_, i) => i),
    timestampsMs: Float64Array.from(records, ({ timestampMs }) => timestampMs ?? clockMs),
    keyStart: Int32Array.from(keys, ([start]) => start),
    keyEnd: Int32Array.from(keys, ([, keyEnd]) => keyEnd),
    valueStart: Int32Array.from(values, ([start]) => start),
    valueEnd: Int32Array.from(values, ([, valueEnd]) => valueEnd),
    bytes: new Uint8Array(Buffer.concat(parts)),
    headers: null,
  };
}

/** Records in their order, cut where the partition changes. */
function runsOf(records: readonly LoggedRecord[]): LoggedRecord[][] {
  const runs: LoggedRecord[][] = [];
  for (const record of records) {
    const run = runs.at(-1);
    if (run && partitionOf(run[0]) === partitionOf(record)) run.push(record);
    else runs.push([record]);
  }
  return runs;
}
