import type { Writer } from '@platformatic/kafka';
import type { ProducerIdentity } from './batch-writer.ts';
import { Cursor } from './wire.ts';

/** The two requests of the direct producer, in the newest versions that have no tagged fields (Apache Kafka protocol guide). */
export const produceApi = {
  produce: { key: 0, version: 7 },
  initProducerId: { key: 22, version: 1 },
} as const;

/** Idempotent, without transactions. */
export function writeInitProducerId(writer: Writer): Writer {
  return writer.appendString(null, false).appendInt32(-1);
}

export function readInitProducerId(bytes: Buffer): ProducerIdentity & { readonly errorCode: number } {
  const at = new Cursor(bytes);
  at.skip(4); // throttle
  return { errorCode: at.int16(), producerId: at.bigint64(), producerEpoch: at.int16() };
}

export interface ProduceAsk {
  readonly topic: string;
  readonly partition: number;
  /** One record batch. */
  readonly batch: Buffer;
}

/** All in-sync replicas must have it. */
export function writeProduce(writer: Writer, asked: readonly ProduceAsk[], timeoutMs: number): Writer {
  writer.appendString(null, false).appendInt16(-1).appendInt32(timeoutMs).appendInt32(asked.length);
  for (const { topic, partition, batch } of asked) {
    writer.appendString(topic, false).appendInt32(1).appendInt32(partition).appendInt32(batch.length);
    writer.append(batch);
  }
  return writer;
}

export interface Produced {
  readonly topic: string;
  readonly partition: number;
  readonly errorCode: number;
  readonly baseOffset: number;
}

export function readProduce(bytes: Buffer): readonly Produced[] {
  const at = new Cursor(bytes);
  return at
    .list(() => {
      const topic = at.text() ?? '';
      return at.list((): Produced => {
        const partition = at.int32();
        const errorCode = at.int16();
        const baseOffset = at.int64();
        at.skip(16); // append time, first offset
        return { topic, partition, errorCode, baseOffset };
      });
    })
    .flat();
}
