import type { TopicPartition } from '../../sources/source.ts';
import type { OutText } from '../contract.ts';
import type { OutItem, SendCall } from '../producer-lanes.ts';
import { BatchWriter, type ProducerIdentity } from './batch-writer.ts';
import type { MemoryPool } from './memory-pool.ts';

/** A broker takes 1 MB by default; a message that is larger by itself goes alone, and the broker says what it thinks of it. */
const batchBytesMax = 1_000_000;
const batchBytesAtFirst = 2_048;
const recordOverheadBytes = 30;
const refusalsSaid = 20;
/** Sequence numbers go on from 0 after this. */
const sequenceEnd = 2 ** 31;

/** Neighbours in a batch that are of one call, which is not told where each went. */
export interface OutRun {
  readonly call: SendCall;
  count: number;
  /** As the queue's bound counts them. */
  bytes: number;
}

export type OutPart = OutItem | OutRun;

export const isRun = (part: OutPart): part is OutRun => 'count' in part;

interface Batch {
  readonly writer: BatchWriter;
  /** Of its records, in their order. */
  readonly parts: OutPart[];
  /** The last part, where it is a run. */
  run: OutRun | null;
  /** Set once it was sent: it is sent again as it is. */
  sealed: Buffer | null;
}

/** The line of one partition: the batch under way first, the one that is filled last. Only the first is ever sent. */
export class ProducePartition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** −1: not known. */
  leader = -1;
  /** The batch that is filled has waited for long enough, and whoever sends was told. Never set while none is filled: nobody would be told of the next. */
  isDue = false;
  readonly #line: Batch[] = [];
  #nextSequence = 0;
  #refusals = 0;
  #bytesAtFirst = batchBytesAtFirst;
  readonly #memory: MemoryPool;

  constructor({ topic, partition }: TopicPartition, memory: MemoryPool) {
    this.#memory = memory;
    this.topic = topic;
    this.partition = partition;
  }

  append(item: OutItem, timestampMs: number): void {
    const { key, value } = item.message;
    const bytes = (key?.length ?? 0) + (value?.length ?? 0) + recordOverheadBytes;
    const batch = this.#batchFor(bytes);
    batch.writer.append(item.message, timestampMs);
    batch.parts.push(item);
    batch.run = null;
  }

  /** `roomBytes`: as the queue's bound counts it. */
  appendText(text: OutText, timestampMs: number, call: SendCall, roomBytes: number): void {
    const batch = this.#batchFor(roomBytes);
    batch.writer.appendText(text, timestampMs);
    let { run } = batch;
    if (run?.call !== call) batch.parts.push((run = batch.run = { call, count: 0, bytes: 0 }));
    run.count++;
    run.bytes += roomBytes;
  }

  #batchFor(bytes: number): Batch {
    const last = this.#line[this.#line.length - 1];
    if (last && !last.sealed && last.writer.size + bytes <= batchBytesMax) return last;
    const batch: Batch = {
      writer: new BatchWriter(this.#bytesAtFirst, this.#memory),
      parts: [],
      run: null,
      sealed: null,
    };
    this.#line.push(batch);
    return batch;
  }

  /** Bytes of the batch that is filled. */
  fillingBytes(): number {
    const last = this.#line.at(-1);
    return !last || last.sealed ? 0 : last.writer.size;
  }

  isEmpty(): boolean {
    return this.#line.length === 0;
  }

  /** Whether there is a batch to be sent now. */
  isReady(): boolean {
    return this.#line.length > 1 || (this.#line.length === 1 && (this.isDue || this.#line[0]?.sealed !== null));
  }

  /** The first batch, the same bytes until it is acknowledged. */
  first(identity: ProducerIdentity): Buffer {
    const first = this.#line[0];
    if (!first) throw new Error('no batch waits');
    if (first.sealed) return first.sealed;
    if (this.#line.length === 1) this.isDue = false;
    first.sealed = first.writer.seal(identity, this.#nextSequence);
    this.#nextSequence = (this.#nextSequence + first.writer.count) % sequenceEnd;
    this.#bytesAtFirst = Math.max(batchBytesAtFirst, Math.min(batchBytesMax, first.sealed.length));
    return first.sealed;
  }

  /** Its leader did not take the first batch. True once for those that follow each other: a leader that moves refuses a few times, not so often. */
  refused(): boolean {
    this.leader = -1;
    return ++this.#refusals === refusalsSaid;
  }

  /**
   * The first batch is acknowledged: what was in it. Its memory is for others from here on: the broker that answers has read all of it, and a
   * connection on which it was sent before, in vain, was given up with all that it had not written.
   */
  acknowledged(): readonly OutPart[] {
    const first = this.#line.shift();
    if (!first) return [];
    this.#refusals = 0;
    first.writer.release();
    return first.parts;
  }
}
