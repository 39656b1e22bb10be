import { SourceError, type PartitionStream, type Source, type TopicPartition } from '../sources/source.ts';
import { KafkaError, type ReaderOptions } from './contract.ts';
import {
  baseConfig,
  connect,
  countPartitions,
  disconnectBounded,
  leaveBehind,
  settlesWithin,
  type Availability,
  type KafkaContext,
} from './connection.ts';
import { createConsumeLoop, type ConsumeLoop } from './reader-loop.ts';
import { queryBounds } from './reader-range.ts';
import { ReaderStream, type StreamOwner } from './reader-stream.ts';
import { createStreamSet } from './reader-set.ts';
import { sourceError } from './errors.ts';
import { createTopicFacts } from './topic-facts.ts';
import type { NativeConsumer } from './driver.ts';

const fetchWaitMsEmbedded = 20;
const fetchWaitMsReal = 100;
const queueBytesMaxDefault = 2 * 1024 * 1024;
const disconnectTimeoutMs = 5_000;

/**
 * The reader `client`: the driver's own `consume(n)` over manually assigned partitions, one call in flight. Waits for a
 * broker that is away. Memory: `queueBytesMax` of decoded records per partition, and what the driver had
 * fetched ahead when a partition got full: about 4 MiB or 20,000 records per reader, and one fetch of each partition.
 */
export async function openClientReader(context: KafkaContext, options: ReaderOptions): Promise<Source> {
  const { client, availability } = await connect(context, 'reader', () =>
    context.driver.consumer(readerConfig(context, options), { 'auto.offset.reset': 'error' }),
  );
  return createReader(context, client, availability, options.queueBytesMax ?? queueBytesMaxDefault);
}

function readerConfig(context: KafkaContext, options: ReaderOptions) {
  return {
    ...baseConfig(context),
    // Required by the driver; assigned partitions never join it and nothing is committed.
    'group.id': `${context.clientId}-reader`,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'enable.partition.eof': true,
    'topic.metadata.propagation.max.ms': 5_000,
    'isolation.level': 'read_committed',
    'allow.auto.create.topics': false,
    'fetch.wait.max.ms': options.fetchWaitMs ?? (context.isEmbedded ? fetchWaitMsEmbedded : fetchWaitMsReal),
    'fetch.min.bytes': context.isEmbedded ? 1 : (options.fetchBytesMin ?? 1),
    'fetch.error.backoff.ms': 100,
    'fetch.queue.backoff.ms': 5,
    'queued.max.messages.kbytes': 4_096,
    'queued.min.messages': 20_000,
  };
}

function createReader(
  context: KafkaContext,
  client: NativeConsumer,
  availability: Availability,
  queueBytesMax: number,
): Source {
  const streams = createStreamSet<ReaderStream>();
  const factsOf = createTopicFacts(context);
  const loop: ConsumeLoop = createConsumeLoop(context, client, availability, streams);
  const owner: StreamOwner = {
    queueBytesMax,
    holesAreLoss: context.isEmbedded,
    isAvailable: () => availability.isAvailable(),
    heardEnd: (stream) => heardEnd(client, stream),
    drained: () => loop.nudge(),
    closed: (stream) => {
      streams.wake();
      streams.remove(stream);
      loop.unassign(stream);
    },
    waitFor: (stream, maxWaitMs) => streams.wait(() => stream.isReady(), maxWaitMs),
  };
  let closing: Promise<void> | undefined;
  return {
    read(tp: TopicPartition, fromOffset: bigint): PartitionStream {
      if (closing) throw new SourceError('closed', 'the reader is closed');
      const stream = new ReaderStream(tp, fromOffset, owner);
      streams.add(stream);
      void factsOf(tp.topic).then(({ timestampType, incarnation }) => {
        stream.timestampType = timestampType;
        stream.incarnation = incarnation;
        loop.assign(stream);
      });
      return stream;
    },
    wait: (maxWaitMs) => streams.wait(() => streams.isAnyReady(), maxWaitMs),
    bounds: (tp) => queryBounds(context, client, tp),
    partitionCount: (topic) =>
      countPartitions(context, client, topic).catch((error: unknown) => {
        throw error instanceof KafkaError ? sourceError(error) : error;
      }),
    close: () =>
      (closing ??= (async () => {
        for (const stream of streams.all()) stream.close();
        streams.end();
        // A client that is still in a call could crash if it were disconnected beside it.
        if (!(await settlesWithin(disconnectTimeoutMs, loop.stop())))
          return leaveBehind(context, 'reader', disconnectTimeoutMs);
        await disconnectBounded(context, 'reader', disconnectTimeoutMs, (done) => client.disconnect(done));
      })()),
  };
}

function heardEnd(client: NativeConsumer, stream: ReaderStream): number {
  try {
    return Math.max(-1, client.getWatermarkOffsets(stream.topic, stream.partition).highOffset);
  } catch {
    return -1; // nothing fetched yet
  }
}
