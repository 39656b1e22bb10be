import { messageOf, type OutText, type Producer } from '../kafka/contract.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { FoldOutput } from './contract.ts';
import type { Failpoint } from './failpoint.ts';
import { ParkError, isRetryable } from './park.ts';
import { createWake } from './wake.ts';

/** Our own partitioner: the same key always goes to the same partition of a topic. */
export type PartitionFor = (topic: string, key: string) => number;

/**
 * The outputs of a task on their way out: one send in flight, in fold order, so that consumers which keep the highest
 * position of a producer lose nothing. What fails and may pass is sent again, the same messages in the same order.
 */
export interface Outputs {
  push(orderOffset: bigint, outputs: readonly FoldOutput[]): void;
  /** False while more than `messagesMax` or `bytesMax` wait: folding pauses. */
  hasRoom(): boolean;
  /** True when every output of the entries before `orderOffset` is acknowledged. */
  isAckedBefore(orderOffset: bigint): boolean;
  pending(): number;
  /** What ended the sending for good, or null. */
  failure(): Error | null;
  /** Nothing more is sent; what is in flight is left to the producer. */
  close(): void;
}

export interface OutputsOptions {
  readonly producer: Producer;
  readonly partitionFor: PartitionFor;
  readonly clock: Clock;
  readonly failpoint: Failpoint;
  readonly messagesMax: number;
  readonly bytesMax: number;
  readonly onAcked: (messages: number) => void;
}

/** The outputs of one entry that are not acknowledged: those from `next` on. */
interface Waiting {
  readonly orderOffset: bigint;
  readonly outputs: readonly FoldOutput[];
  next: number;
}

/** At most so much goes by one call: the more, the fewer times one waits for the broker; what is under way is memory. */
const sendMessagesMax = 5_000;
const sendBytesMax = 8 * 1024 * 1024;
const retryMs = 250;
/** What the broker and the line keep around a message. */
const overheadBytes = 100;

export function createOutputs(options: OutputsOptions): Outputs {
  const { clock, failpoint } = options;
  const wake = createWake(clock);
  const queue = new Queue();
  let failure: Error | null = null;
  let isClosed = false;

  /** What a producer that takes parts of blocks has acknowledged, it reads no more; unless an earlier try failed, which may still lie somewhere. */
  let isReusing = options.producer.sendTexts !== undefined;

  const sendFirst = async (chunk: readonly Text[]): Promise<void> => {
    const sent = send(options, chunk);
    sent.catch(() => undefined);
    await failpoint('mid-output');
    await sent;
    await failpoint('after-output');
    queue.shift(chunk.length);
    if (isReusing) for (let i = 0; i < chunk.length; i++) (chunk[i] as Text).release?.();
    options.onAcked(chunk.length);
  };
  const sender = async (): Promise<void> => {
    while (!isClosed && !failure) {
      const chunk = queue.first(sendMessagesMax, sendBytesMax);
      if (chunk.length === 0) {
        await wake.wait(60_000);
        continue;
      }
      try {
        await sendFirst(chunk);
      } catch (error) {
        isReusing = false;
        if (isRetryable(error)) await clock.sleep(retryMs);
        else failure = new ParkError('produce_failed', 'results cannot be produced', error);
        options.onAcked(0);
      }
    }
  };
  void sender();

  return {
    push(orderOffset, outputs) {
      if (outputs.length === 0) return;
      queue.push(orderOffset, outputs);
      wake.wake();
    },
    hasRoom: () => queue.messages < options.messagesMax && queue.bytes < options.bytesMax,
    isAckedBefore: (orderOffset) => (queue.firstOffset() ?? orderOffset) >= orderOffset,
    pending: () => queue.messages,
    failure: () => failure,
    close() {
      isClosed = true;
      wake.wake();
    },
  };
}

/** Outputs as they were folded, entry by entry: nothing is made for each. */
class Queue {
  messages = 0;
  bytes = 0;
  private entries: Waiting[] = [];

  push(orderOffset: bigint, outputs: readonly FoldOutput[]): void {
    this.entries.push({ orderOffset, outputs, next: 0 });
    this.messages += outputs.length;
    for (const output of outputs) this.bytes += waitingBytes(output);
  }

  /** The first `most` messages, fewer where they have more than `mostBytes`; at least one where one waits. */
  first(most: number, mostBytes: number): Text[] {
    const chunk: Text[] = [];
    let bytes = 0;
    for (const { outputs, next } of this.entries)
      for (let i = next; i < outputs.length; i++) {
        if (chunk.length === most) return chunk;
        const text = textOf(outputs[i] as FoldOutput);
        bytes += sizeOf(text);
        if (bytes > mostBytes && chunk.length > 0) return chunk;
        chunk.push(text);
      }
    return chunk;
  }

  /** So many, the first ones, are acknowledged. */
  shift(acknowledged: number): void {
    this.messages -= acknowledged;
    for (let left = acknowledged; left > 0;) {
      const [entry] = this.entries as [Waiting];
      const taken = Math.min(left, entry.outputs.length - entry.next);
      for (const end = entry.next + taken; entry.next < end; entry.next++)
        this.bytes -= waitingBytes(entry.outputs[entry.next] as FoldOutput);
      left -= taken;
      if (entry.next === entry.outputs.length) this.entries.shift();
    }
  }

  firstOffset(): bigint | undefined {
    return this.entries[0]?.orderOffset;
  }
}

/** An output whose value lies in a block. */
interface Text extends OutText {
  readonly partition?: number | undefined;
  release?(): void;
}

function textOf(output: FoldOutput): Text {
  if (isText(output)) return output;
  const { topic, key, partition, value } = output;
  return { topic, key, partition, block: value, start: 0, end: value.length };
}

const isText = (output: FoldOutput): output is FoldOutput & OutText => output.block !== undefined;

/** What the bound counts, the same for as long as it waits. What is written only when it is sent takes little until then, and is sent some MB at a time. */
export const waitingBytes = (output: FoldOutput): number => output.unwrittenBytes ?? sizeOf(output);

function sizeOf(output: FoldOutput | Text): number {
  const { start, end } = output;
  const length = start === undefined || end === undefined ? (output as FoldOutput).value.length : end - start;
  return length + output.key.length + overheadBytes;
}

async function send({ producer, partitionFor }: OutputsOptions, chunk: readonly Text[]): Promise<void> {
  const partitions = new Int32Array(chunk.length);
  for (let i = 0; i < chunk.length; i++) {
    const { topic, key, partition } = chunk[i] as Text;
    partitions[i] = partition ?? partitionFor(topic, key);
  }
  if (producer.sendTexts) return producer.sendTexts(chunk, partitions);
  await producer.send(chunk.map((text, i) => messageOf(text, partitions[i] as number)));
}
