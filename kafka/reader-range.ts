import { SourceError, topicPartitionName, type SourceErrorCode, type TopicPartition } from '../sources/source.ts';
import { KafkaError } from './contract.ts';
import type { KafkaContext } from './connection.ts';
import type { NativeConsumer } from './driver.ts';
import { kafkaError, sourceError } from './errors.ts';

const queryTimeoutMs = 5_000;

/** The first offset held and the one after the last stable record, asked from the broker. Rejects with a `SourceError`. */
export async function queryBounds(
  context: KafkaContext,
  client: NativeConsumer,
  tp: TopicPartition,
): Promise<{ readonly lowOffset: bigint; readonly endOffset: bigint }> {
  const { low, high } = await queryRange(context, client, tp);
  return { lowOffset: BigInt(low), endOffset: BigInt(high) };
}

interface Range {
  readonly low: number;
  readonly high: number;
}

/** As `queryBounds`, as numbers. */
export async function queryRange(context: KafkaContext, client: NativeConsumer, tp: TopicPartition): Promise<Range> {
  try {
    return await askRange(context, client, tp);
  } catch (error) {
    if (!(error instanceof SourceError) || error.code !== 'topic_missing' || context.admin === null) throw error;
    // A topic that we may not see looks like one that is not there: the admin client is told which.
    const denied = await context.admin.incarnation(tp.topic).then(
      () => null,
      (failure: unknown) => failure,
    );
    if (denied instanceof KafkaError && denied.code === 'kafka_not_authorised') throw sourceError(denied);
    throw error;
  }
}

function askRange(context: KafkaContext, client: NativeConsumer, tp: TopicPartition): Promise<Range> {
  return new Promise((resolve, reject) => {
    if (!client.isConnected()) return reject(new SourceError('closed', 'the reader is closed'));
    client.queryWatermarkOffsets(tp.topic, tp.partition, queryTimeoutMs, (error, offsets) => {
      if (!error) return resolve({ low: offsets.lowOffset, high: offsets.highOffset });
      const doing = `offsets of ${topicPartitionName(tp)}`;
      reject(sourceError(kafkaError(context.driver.codeOf(error), doing, error)));
    });
  });
}

/** What a stream that the driver gave up on is to do, by what the partition holds now. */
export type RangeVerdict = 'read-again' | 'wait-for-growth' | 'failed';

/** What is judged of a stream. */
export interface RangedStream {
  readonly name: string;
  readonly nextOffset: number;
  readonly wasInRange: boolean;
  fail(code: SourceErrorCode, message: string): void;
}

/** Judges, and fails the stream where its records are gone or were never there. */
export function judgeRange(stream: RangedStream, low: number, high: number): RangeVerdict {
  const asked = stream.nextOffset;
  if (asked < low && stream.wasInRange) {
    stream.fail('gap', `records ${asked} to ${low - 1} of ${stream.name} are gone: it now begins at ${low}`);
    return 'failed';
  }
  if (asked < low) {
    stream.fail('offset_out_of_range', `${stream.name} begins at ${low}, asked for ${asked}`);
    return 'failed';
  }
  if (asked > high && stream.wasInRange) {
    stream.fail('log_truncated', `${stream.name} was cut: it ends at ${high}, was read up to ${asked}`);
    return 'failed';
  }
  return asked > high ? 'wait-for-growth' : 'read-again';
}
