import type { Writer } from '@platformatic/kafka';
import type { KafkaContext } from '../connection.ts';
import { KafkaError } from '../contract.ts';
import { kafkaError, nativeCode, sourceError } from '../errors.ts';
import type { StreamSet } from '../reader-set.ts';
import { Asking } from './asking.ts';
import { Answer } from './answers.ts';
import { BatchError, scanBatches } from './batches.ts';
import type { Cluster } from './cluster.ts';
import { codecName, isCodecRead } from './codecs.ts';
import type { MemoryPool } from './memory-pool.ts';
import type { DirectStream } from './stream.ts';
import { api, readFetch, writeFetch, type FetchedPartition, type FetchLimits, type FetchQuestion } from './wire.ts';

export interface FetchLoopOptions {
  readonly context: KafkaContext;
  readonly cluster: Cluster;
  readonly streams: StreamSet<DirectStream>;
  readonly limits: FetchLimits;
  readonly memory: MemoryPool;
  /** With the embedded broker: from hearing of a record to asking for it. */
  readonly gatherMs: number;
  readonly checksCrc: boolean;
  /** A partition whose offset the broker refuses. */
  readonly outOfRange: (stream: DirectStream) => void;
  /** A stream whose leader is to be looked for again. */
  readonly leaderless: (stream: DirectStream) => void;
  /** A batch came that cannot be decompressed here: says whether somebody else reads on. */
  readonly unreadable: (stream: DirectStream, codec: string) => void;
}

/** Fetches from one broker, one request in flight: what came is queued as bytes, and the next request leaves before anyone decodes. */
export class FetchLoop {
  readonly #broker: number;
  readonly #options: FetchLoopOptions;
  readonly #queueBytes;
  /** Null: the broker wakes a fetch that waits. */
  readonly #asking: Asking | null;
  readonly #limits: FetchLimits;
  #rotation = 0;
  #isStopping = false;
  #wakeUp: () => void = () => {};
  #isNudged = false;

  constructor(broker: number, options: FetchLoopOptions) {
    this.#broker = broker;
    this.#options = options;
    this.#queueBytes = options.context.metrics.gauge(
      'millrace_kafka_read_queue_bytes',
      'Decoded bytes that wait to be polled',
    );
    const { context, streams, limits, gatherMs } = options;
    const { growth, clock } = context;
    const onEarlier = (): void => this.#wake();
    this.#asking = growth && new Asking({ growth, streams, clock, gatherMs, fetchWaitMs: limits.waitMs, onEarlier });
    this.#limits = this.#asking ? { ...limits, waitMs: 0 } : limits;
  }

  /** Something changed: look again now. */
  nudge(): void {
    this.#asking?.now();
    this.#wake();
  }

  stop(): void {
    this.#isStopping = true;
    this.nudge();
  }

  /** Resolves when it is stopped, or when the broker cannot be reached: its streams are then leaderless. */
  async run(): Promise<void> {
    try {
      await this.#ask();
    } finally {
      this.#asking?.stop();
    }
  }

  async #ask(): Promise<void> {
    while (!this.#isStopping) {
      const hungry = this.#hungry();
      const asked = this.#asking?.due(hungry) ?? hungry;
      if (asked.length === 0) {
        await this.#untilNudged(hungry.length === 0 ? undefined : this.#asking?.waitMs());
        continue;
      }
      try {
        const { cluster } = this.#options;
        const link = await cluster.link(this.#broker);
        const questions = new Map(asked.map((stream) => [stream, questionOf(stream)]));
        const answer = new Answer(this.#options.memory);
        const write = (writer: Writer): Writer => writeFetch(writer, [...questions.values()], this.#limits);
        const bytes = await link.request(api.fetch, write, answer.room);
        this.#deliver(bytes, questions, answer);
        answer.release();
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        if (!this.#isStopping) this.#lost(error);
        return;
      }
    }
  }

  /** The streams to ask for, another one first each time: a broker fills its answer in the order of the question. */
  #hungry(): readonly DirectStream[] {
    const mine = this.#options.streams
      .all()
      .filter(({ leader, phase, isFull }) => leader === this.#broker && phase === 'reading' && !isFull);
    this.#rotation = mine.length === 0 ? 0 : (this.#rotation + 1) % mine.length;
    return [...mine.slice(this.#rotation), ...mine.slice(0, this.#rotation)];
  }

  #deliver(bytes: Buffer, questions: ReadonlyMap<DirectStream, FetchQuestion>, answer: Answer): void {
    const { cluster, streams } = this.#options;
    const { errorCode, partitions } = readFetch(bytes);
    if (errorCode !== 0) throw kafkaError(errorCode, 'fetch');
    cluster.availability.heard();
    for (const fetched of partitions) {
      const stream = streams.find(fetched.topic, fetched.partition);
      if (stream?.phase !== 'reading' || stream.leader !== this.#broker) continue;
      // Closed and opened anew meanwhile, it stands elsewhere: what comes would leave out what lies between. Its own answer will come.
      if (questions.get(stream)?.fetchOffset === stream.nextOffset) this.#take(stream, bytes, fetched, answer);
    }
    this.#queueBytes.set(streams.all().reduce((sum, stream) => sum + stream.queuedBytes, 0));
    streams.wake();
  }

  #take(stream: DirectStream, bytes: Buffer, fetched: FetchedPartition, answer: Answer): void {
    const { checksCrc, outOfRange, leaderless, unreadable } = this.#options;
    if (fetched.errorCode === nativeCode.offsetOutOfRange) return outOfRange(stream);
    if (fetched.errorCode !== 0) {
      const failure = kafkaError(fetched.errorCode, `fetch of ${stream.name}`);
      if (failure.retryable || failure.code === 'kafka_topic_missing') return leaderless(stream);
      const { code, message } = sourceError(failure);
      return stream.fail(code, message, failure);
    }
    try {
      const { batches, fetchOffset } = scanBatches(bytes, fetched, { fromOffset: stream.nextOffset, checksCrc });
      const strange = batches.findIndex(({ codec }) => !isCodecRead(codec));
      const readable = strange < 0 ? batches : batches.slice(0, strange);
      const askedOffset = stream.nextOffset;
      const goesOnAt = strange < 0 ? fetchOffset : (batches[strange]?.baseOffset ?? fetchOffset);
      stream.accept(bytes, readable, { fetchOffset: goesOnAt, endOffset: fetched.endOffset }, answer);
      this.#asking?.answered(stream, askedOffset, fetched.endOffset);
      if (strange >= 0) unreadable(stream, codecName(batches[strange]?.codec ?? 0));
    } catch (error) {
      if (!(error instanceof BatchError)) throw error;
      stream.fail('unavailable', `${stream.name}: ${error.message}`, error);
    }
  }

  #lost(error: KafkaError): void {
    const { cluster, streams, leaderless } = this.#options;
    if (error.retryable) cluster.availability.lost(error);
    for (const stream of streams.all()) {
      if (stream.leader !== this.#broker || stream.phase !== 'reading') continue;
      if (error.retryable) leaderless(stream);
      else stream.fail(sourceError(error).code, error.message, error);
    }
    streams.wake();
  }

  #wake(): void {
    this.#isNudged = true;
    this.#wakeUp();
  }

  #untilNudged(maxMs?: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = maxMs === undefined ? undefined : setTimeout(() => this.#wakeUp(), maxMs);
      this.#wakeUp = () => {
        clearTimeout(timer);
        this.#wakeUp = () => {};
        this.#isNudged = false;
        resolve();
      };
      if (this.#isNudged || this.#isStopping) this.#wakeUp();
    });
  }
}

const questionOf = ({ topic, partition, leaderEpoch, nextOffset }: DirectStream): FetchQuestion => ({
  ...{ topic, partition, leaderEpoch },
  fetchOffset: nextOffset,
});
