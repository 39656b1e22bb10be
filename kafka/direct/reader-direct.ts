import { SourceError, type PartitionStream, type Source, type TopicPartition } from '../../sources/source.ts';
import type { KafkaContext } from '../connection.ts';
import { KafkaError, type ReaderOptions } from '../contract.ts';
import { sourceError } from '../errors.ts';
import { judgeRange } from '../reader-range.ts';
import { createStreamSet, type StreamSet } from '../reader-set.ts';
import { judgeIncarnation, watchTopics } from '../topic-watch.ts';
import { type Cluster, openCluster } from './cluster.ts';
import { FetchLoop } from './fetch-loop.ts';
import { Leaders } from './leaders.ts';
import { MemoryPool } from './memory-pool.ts';
import { DirectStream, type DirectStreamOwner } from './stream.ts';
import { offsetKind } from './wire.ts';

const fetchWaitMsEmbedded = 20;
const fetchWaitMsReal = 100;
const queueBytesMaxDefault = 2 * 1024 * 1024;
const partitionBytesMin = 64 * 1024;
const partitionBytesMax = 1024 * 1024;
const answerBytesMax = 8 * 1024 * 1024;
/** Memory of answers that is kept to be used again: as much as four partitions read ahead, or each burst would make what the lull before let go. */
const freeBytesMax = 32 * 1024 * 1024;
/** The same for columns of batches. */
const freeColumnBytesMax = 4 * 1024 * 1024;
const recheckMs = 50;
const relayPauseMs = 5;

export interface DirectReaderOptions extends ReaderOptions {
  /** Opens the reader that takes a topic whose codec cannot be read here. */
  readonly openOther: () => Promise<Source>;
}

/**
 * The reader `direct`: records by Fetch requests, one in flight for each leader, decoded into columns over the bytes of the answer
 * when they are polled. Read committed; waits for a broker that is away. Memory: `queueBytesMax` and one answer of each partition.
 */
export async function openDirectReader(context: KafkaContext, options: DirectReaderOptions): Promise<Source> {
  return new DirectReader(context, await openCluster(context), options);
}

class DirectReader implements Source {
  readonly #context: KafkaContext;
  readonly #cluster: Cluster;
  readonly #options: DirectReaderOptions;
  readonly #streams: StreamSet<DirectStream> = createStreamSet<DirectStream>();
  readonly #loops = new Map<number, { readonly loop: FetchLoop; readonly done: Promise<void> }>();
  readonly #leaders: Leaders;
  readonly #memory = new MemoryPool(freeBytesMax);
  readonly #owner: DirectStreamOwner;
  readonly #watch: { stop(): void };
  #other: Promise<Source> | undefined;
  #closing: Promise<void> | undefined;

  constructor(context: KafkaContext, cluster: Cluster, options: DirectReaderOptions) {
    this.#context = context;
    this.#cluster = cluster;
    this.#options = options;
    const streams = this.#streams;
    this.#leaders = new Leaders({ context, cluster, streams, found: ({ leader }) => this.#loopOf(leader).nudge() });
    this.#watch = watchTopics(context, streams, () => streams.wake());
    const records = context.metrics.counter('millrace_kafka_read_records_total', 'Records read from Kafka');
    this.#owner = {
      queueBytesMax: options.queueBytesMax ?? queueBytesMaxDefault,
      columns: new MemoryPool(freeColumnBytesMax),
      holesAreLoss: context.isEmbedded,
      isAvailable: () => cluster.availability.isAvailable(),
      drained: () => this.#nudge(),
      read: (count) => records.inc(count),
      closed: (stream) => {
        streams.wake();
        streams.remove(stream);
      },
      waitFor: (stream, maxWaitMs) => streams.wait(() => stream.isReady(), maxWaitMs),
    };
  }

  read(tp: TopicPartition, fromOffset: bigint): PartitionStream {
    if (this.#closing) throw new SourceError('closed', 'the reader is closed');
    const stream = new DirectStream(tp, fromOffset, this.#owner);
    this.#streams.add(stream);
    void this.#context.admin?.incarnation(stream.topic).then(
      (incarnation) => (stream.incarnation = incarnation),
      () => {}, // What is wrong with it, fetching tells.
    );
    this.#leaders.look();
    return stream;
  }

  wait(maxWaitMs: number): Promise<boolean> {
    return this.#streams.wait(() => this.#streams.isAnyReady(), maxWaitMs);
  }

  async bounds(tp: TopicPartition): Promise<{ readonly lowOffset: bigint; readonly endOffset: bigint }> {
    if (this.#closing) throw new SourceError('closed', 'the reader is closed');
    const [low = 0, end = 0] = await this.#cluster.offsets(tp, [offsetKind.earliest, offsetKind.end]);
    return { lowOffset: BigInt(low), endOffset: BigInt(end) };
  }

  async partitionCount(topic: string): Promise<number> {
    try {
      const [found] = (await this.#cluster.metadata([topic])).topics;
      return found?.partitions.length ?? 0;
    } catch (error) {
      throw error instanceof KafkaError ? sourceError(error) : error;
    }
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    this.#watch.stop();
    for (const stream of this.#streams.all()) stream.close();
    this.#streams.end();
    for (const { loop } of this.#loops.values()) loop.stop();
    await this.#cluster.close();
    await Promise.all([...this.#loops.values()].map(({ done }) => done));
    await this.#other?.then((source) => source.close()).catch(() => undefined);
  }

  #nudge(): void {
    for (const { loop } of this.#loops.values()) loop.nudge();
  }

  #loopOf(broker: number): FetchLoop {
    const known = this.#loops.get(broker);
    if (known) return known.loop;
    const { queueBytesMax = queueBytesMaxDefault } = this.#options;
    const fetchWaitMs = this.#options.fetchWaitMs ?? (this.#context.isEmbedded ? fetchWaitMsEmbedded : fetchWaitMsReal);
    const loop = new FetchLoop(broker, {
      ...{
        context: this.#context,
        cluster: this.#cluster,
        streams: this.#streams,
        checksCrc: true,
        memory: this.#memory,
      },
      limits: {
        waitMs: fetchWaitMs,
        bytesMin: this.#options.fetchBytesMin ?? 1,
        bytesMax: answerBytesMax,
        partitionBytesMax: Math.min(partitionBytesMax, Math.max(partitionBytesMin, queueBytesMax)),
      },
      gatherMs: this.#options.gatherMs ?? fetchWaitMs,
      outOfRange: (stream) => void this.#check(stream),
      leaderless: (stream) => this.#seekLeader(stream),
      unreadable: (stream, codec) => void this.#handOver(stream, codec),
    });
    const done = loop.run().finally(() => this.#loops.delete(broker));
    this.#loops.set(broker, { loop, done });
    return loop;
  }

  #seekLeader(stream: DirectStream): void {
    stream.phase = 'opening';
    stream.leader = -1;
    this.#leaders.look();
  }

  /** The broker refused the offset: gone, cut, or not there yet. */
  async #check(stream: DirectStream): Promise<void> {
    stream.phase = 'checking';
    try {
      const { lowOffset, endOffset } = await this.bounds(stream);
      const isShorter = Number(endOffset) < stream.nextOffset;
      if (isShorter && stream.incarnation !== null) await this.#judgeIncarnation(stream);
      if (isDone(stream)) return this.#streams.wake();
      const verdict = judgeRange(stream, Number(lowOffset), Number(endOffset));
      if (verdict === 'read-again') this.#seekLeader(stream);
      if (verdict === 'wait-for-growth') {
        stream.phase = 'beyond';
        await this.#context.clock.sleep(recheckMs, this.#context.closing);
        if (!isDone(stream) && !this.#closing) void this.#check(stream);
      }
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      if (isDone(stream)) return;
      if (error.retryable) this.#seekLeader(stream);
      else stream.fail(error.code, error.message, error);
    }
    this.#streams.wake();
  }

  /** What looks cut may be another topic of the same name. */
  async #judgeIncarnation(stream: DirectStream): Promise<void> {
    const { admin, clock } = this.#context;
    const found = await admin?.incarnation(stream.topic).catch(() => null);
    if (found && !isDone(stream)) judgeIncarnation(stream, found, clock.nowMs());
  }

  async #handOver(stream: DirectStream, codec: string): Promise<void> {
    stream.phase = 'checking';
    const { logger } = this.#context;
    logger.warn(
      { topic: stream.topic, codec },
      `${codec} cannot be read here: the client package reads ${stream.name}`,
    );
    try {
      const other = await (this.#other ??= this.#options.openOther());
      if (isDone(stream)) return;
      stream.goOnWith((fromOffset) => other.read(stream, BigInt(fromOffset)));
      void this.#relay(other);
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      stream.fail('unavailable', `${stream.name}: ${text}`, error);
    }
    this.#streams.wake();
  }

  #isRelaying = false;

  /** Who waits here hears of what came there. */
  async #relay(other: Source): Promise<void> {
    if (this.#isRelaying) return;
    this.#isRelaying = true;
    while (!this.#closing) {
      if (!(await other.wait(1_000))) continue;
      this.#streams.wake();
      // What is there may wait to be polled for long.
      await this.#context.clock.sleep(relayPauseMs, this.#context.closing);
    }
  }
}

const isDone = ({ phase }: DirectStream): boolean => phase === 'closed' || phase === 'failed';
