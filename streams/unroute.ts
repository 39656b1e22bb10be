// The first operator of a task that reads a re-key topic: what routers sent becomes the records that it was, at the places that they
// have in the inputs, each with its router's watermark.
// Guarantees: what a router sent again after a crash is dropped by its position, and counted; the task's watermark is the minimum over
// its routers that are not idle, in-band. Redelivery: the same entry gives the same records.
import { pipe } from 'rxjs';
import { type RecordBatch, type TopicPartitionName, topicPartitionName } from '../sources/source.ts';
import type { FoldEntry } from '../tasks/contract.ts';
import type { TimedEvent } from './batch.ts';
import type { Decode, IngestStage } from './ingest.ts';
import { recordOffset } from './positions.ts';
import type { MarkBody, RoutedBody } from './route.ts';
import { type Frame, joinFrames } from './routed-batch.ts';
import { type Stage, stageOf } from './stage.ts';

export interface UnrouteOptions {
  readonly topic: string;
  /** How many routers write it. */
  readonly routers: number;
}

interface Position {
  readonly epoch: number;
  /** Decimal text. */
  readonly orderOffset: string;
  readonly index: number;
}

type Sent = (RoutedBody | MarkBody) & { readonly producer: Position & { readonly shard: number } };

/** By router and partition: the highest position, and whether it is idle. */
interface State {
  readonly seen: Map<TopicPartitionName, Position>;
  readonly idle: Set<TopicPartitionName>;
  repeated: number;
}

/** `decoded` behind a re-key topic, where there is one. Counts `repeated`: sent again by a router, and dropped. */
export function unrouted<E>(decoded: IngestStage<E>, options: UnrouteOptions | undefined): IngestStage<E> {
  if (!options) return decoded;
  const routers: Stage<FoldEntry, FoldEntry> = stageOf(new Unroute(options));
  return {
    ...decoded,
    operator: pipe(routers.operator, decoded.operator),
    snapshot: () => [routers.snapshot(), decoded.snapshot()],
    restore(state) {
      const [routed, own] = state as readonly [unknown, unknown];
      routers.restore(routed);
      decoded.restore(own);
    },
    counters: () => ({ ...routers.counters(), ...decoded.counters() }),
  };
}

class Unroute {
  private readonly options: UnrouteOptions;
  private state: State = { seen: new Map(), idle: new Set(), repeated: 0 };

  constructor(options: UnrouteOptions) {
    this.options = options;
  }

  apply(entry: FoldEntry): FoldEntry {
    const frames: Frame[] = [];
    let hasSkip = entry.hasSkip;
    for (const batch of entry.batches)
      for (let index = 0; index < batch.count; index++) {
        const sent = sentOf(batch, index, this.options.routers);
        const from = nameOf(topicPartitionName(batch), sent?.producer.shard ?? 0);
        if (!sent) frames.push(foreign(batch, index, from));
        else if (this.isNew(from, sent.producer)) {
          frames.push(sent.kind === 'routed' ? record(sent, from) : mark(sent, batch, index, from));
          hasSkip ||= sent.kind === 'routed-mark' && sent.hasSkip;
          if (sent.kind === 'routed-mark' && sent.isIdle) this.state.idle.add(from);
          else this.state.idle.delete(from);
        }
      }
    const partitions = entry.partitions.flatMap((name) => this.namesOf(name));
    const silent = new Set(entry.idle.flatMap((name) => this.namesOf(name)));
    const idle = partitions.filter((name) => silent.has(name) || this.state.idle.has(name));
    return { ...entry, batches: joinFrames(frames), partitions, idle, hasSkip };
  }

  private isNew(from: TopicPartitionName, at: Position): boolean {
    const before = this.state.seen.get(from);
    if (before && !isAfter(at, before)) {
      this.state.repeated += 1;
      return false;
    }
    const { epoch, orderOffset, index } = at;
    this.state.seen.set(from, { epoch, orderOffset, index });
    return true;
  }

  private namesOf(name: TopicPartitionName): TopicPartitionName[] {
    return Array.from({ length: this.options.routers }, (_, router) => nameOf(name, router));
  }

  snapshot(): unknown {
    const { seen, idle, repeated } = this.state;
    return { seen: [...seen], idle: [...idle], repeated };
  }

  restore(state: unknown): void {
    const saved = state as { seen: [string, Position][]; idle: string[]; repeated: number };
    this.state = { seen: new Map(saved.seen), idle: new Set(saved.idle), repeated: saved.repeated };
  }

  counters(): Readonly<Record<string, number>> {
    return { repeated: this.state.repeated };
  }
}

/** What stands for a partition of the re-key topic as one router wrote it. */
const nameOf = (partition: TopicPartitionName, router: number): TopicPartitionName => `${partition}/${router}`;

function isAfter(a: Position, b: Position): boolean {
  if (a.epoch !== b.epoch) return a.epoch > b.epoch;
  const [at, before] = [BigInt(a.orderOffset), BigInt(b.orderOffset)];
  return at === before ? a.index > b.index : at > before;
}

/** Null for what no router of ours wrote. */
function sentOf(batch: RecordBatch, index: number, routers: number): Sent | null {
  const start = batch.valueStart[index] ?? -1;
  if (start < 0) return null;
  try {
    const sent = JSON.parse(
      Buffer.from(batch.bytes.subarray(start, batch.valueEnd[index])).toString('utf8'),
    ) as Partial<Sent>;
    const isOurs = sent.kind === 'routed' || sent.kind === 'routed-mark';
    const { producer } = sent;
    return isOurs && producer && producer.shard >= 0 && producer.shard < routers ? (sent as Sent) : null;
  } catch {
    return null;
  }
}

const bytesOf = (base64: string | null): Uint8Array | null => (base64 === null ? null : Buffer.from(base64, 'base64'));

function record({ input, timestampType, keyBase64, valueBase64, watermarkMs }: RoutedBody, from: string): Frame {
  const { topic, partition, inputOffset, timestampMs } = input;
  return {
    ...{ topic, partition, offset: BigInt(inputOffset), timestampMs, from },
    timestampType: timestampType as RecordBatch['timestampType'],
    ...{ key: bytesOf(keyBase64), value: bytesOf(valueBase64), watermarkMs: watermarkMs ?? -Infinity },
  };
}

/** An event of its own, of a type that no processor takes: so it stands among the records where it was sent. */
function mark({ watermarkMs }: MarkBody, batch: RecordBatch, index: number, from: string): Frame {
  const value = Buffer.alloc(8);
  value.writeDoubleLE(watermarkMs ?? -Infinity);
  return { ...foreign(batch, index, from), key: null, value, watermarkMs: watermarkMs ?? -Infinity };
}

/** As it stands: it will be a dead letter. */
function foreign(batch: RecordBatch, index: number, from: string): Frame {
  const part = (start = -1, end = -1): Uint8Array | null => (start < 0 ? null : batch.bytes.subarray(start, end));
  return {
    ...{ topic: batch.topic, partition: batch.partition, offset: recordOffset(batch, index), from },
    ...{ timestampMs: batch.timestampsMs[index] as number, timestampType: 'unknown', watermarkMs: -Infinity },
    key: part(batch.keyStart[index], batch.keyEnd[index]),
    value: part(batch.valueStart[index], batch.valueEnd[index]),
  };
}

/** The decoder of what stands on the re-key topic itself: marks, and what does not belong there. */
export const decodeMark: Decode<TimedEvent> = (bytes, start, end) => {
  if (end - start !== 8)
    return { kind: 'dead', reason: 'undecodable', message: 'no router wrote it', fieldPath: null, source: null };
  const eventTimeMs = new DataView(bytes.buffer, bytes.byteOffset + start, 8).getFloat64(0, true);
  return { kind: 'event', event: { id: '', type: 'routed-mark', source: 'millrace', key: '', eventTimeMs } };
};
