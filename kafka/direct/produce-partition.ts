import type { TopicPartition } from '../../sources/source.ts';
import type { OutItem } from '../producer-lanes.ts';
import { BatchWriter, type ProducerIdentity } from './batch-writer.ts';

/** A broker takes 1 MB by default; a message that is larger by itself goes alone, and the broker says what it thinks of it. */
const batchBytesMax = 1_000_000;
const batchBytesAtFirst = 16_384;
const recordOverheadBytes = 30;
/** Sequence numbers go on from 0 after this. */
const sequenceEnd = 2 ** 31;

interface Batch {
  readonly writer: BatchWriter;
  readonly items: OutItem[];
  /** Set once it was sent: it is sent again as it is. */
  sealed: Buffer | null;
}

/** The line of one partition: the batch under way first, the one that is filled last. Only the first is ever sent. */
export class ProducePartition implements TopicPartition {
  readonly topic: string;
  readonly partition: number;
  /** −1: not known. */
  leader = -1;
  /** The batch that is filled has waited for long enough. */
  isDue = false;
  readonly #line: Batch[] = [];
  #nextSequence = 0;
  #bytesAtFirst = batchBytesAtFirst;

  constructor({ topic, partition }: TopicPartition) {
    this.topic = topic;
    this.partition = partition;
  }

  append(item: OutItem, timestampMs: number): void {
    const { key, value } = item.message;
    const bytes = (key?.length ?? 0) + (value?.length ?? 0) + recordOverheadBytes;
    let last = this.#line.at(-1);
    if (!last || last.sealed || last.writer.size + bytes > batchBytesMax) {
      last = { writer: new BatchWriter(this.#bytesAtFirst), items: [], sealed: null };
      this.#line.push(last);
    }
    last.writer.append(item.message, timestampMs);
    last.items.push(item);
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
    this.#nextSequence = (this.#nextSequence + first.items.length) % sequenceEnd;
    this.#bytesAtFirst = Math.max(batchBytesAtFirst, Math.min(batchBytesMax, first.sealed.length));
    return first.sealed;
  }

  /** The first batch is acknowledged: what was in it. */
  acknowledged(): readonly OutItem[] {
    return this.#line.shift()?.items ?? [];
  }
}
