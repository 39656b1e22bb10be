import type { OutMessage, Producer } from '../kafka/contract.ts';
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

interface Waiting {
  readonly orderOffset: bigint;
  readonly message: OutMessage;
  readonly bytes: number;
}

const sendMessagesMax = 2_000;
const retryMs = 250;

export function createOutputs(options: OutputsOptions): Outputs {
  const { producer, clock, failpoint } = options;
  const wake = createWake(clock);
  let queue: Waiting[] = [];
  let bytes = 0;
  let failure: Error | null = null;
  let isClosed = false;

  const sendFirst = async (chunk: readonly Waiting[]): Promise<void> => {
    const sent = producer.send(chunk.map((waiting) => waiting.message));
    sent.catch(() => undefined);
    await failpoint('mid-output');
    await sent;
    await failpoint('after-output');
    queue = queue.slice(chunk.length);
    for (const waiting of chunk) bytes -= waiting.bytes;
    options.onAcked(chunk.length);
  };
  const sender = async (): Promise<void> => {
    while (!isClosed && !failure) {
      const chunk = queue.slice(0, sendMessagesMax);
      if (chunk.length === 0) {
        await wake.wait(60_000);
        continue;
      }
      try {
        await sendFirst(chunk);
      } catch (error) {
        if (isRetryable(error)) await clock.sleep(retryMs);
        else failure = new ParkError('produce_failed', 'results cannot be produced', error);
        options.onAcked(0);
      }
    }
  };
  void sender();

  return {
    push(orderOffset, outputs) {
      for (const { topic, key, value, partition = options.partitionFor(topic, key) } of outputs) {
        const message = { topic, partition, key: Buffer.from(key), value };
        const size = value.length + key.length + 100;
        queue.push({ orderOffset, message, bytes: size });
        bytes += size;
      }
      if (outputs.length > 0) wake.wake();
    },
    hasRoom: () => queue.length < options.messagesMax && bytes < options.bytesMax,
    isAckedBefore: (orderOffset) => queue.length === 0 || (queue[0]?.orderOffset ?? orderOffset) >= orderOffset,
    pending: () => queue.length,
    failure: () => failure,
    close() {
      isClosed = true;
      wake.wake();
    },
  };
}
