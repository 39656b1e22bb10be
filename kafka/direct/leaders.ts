import type { KafkaContext } from '../connection.ts';
import { KafkaError } from '../contract.ts';
import { kafkaError, sourceError } from '../errors.ts';
import type { StreamSet } from '../reader-set.ts';
import type { Cluster } from './cluster.ts';
import type { DirectStream } from './stream.ts';
import type { Metadata } from './wire.ts';

const retryMs = 100;
/** A partition that is not there for so long does not exist: topics may be on their way when they are first read. */
const missingAfterMs = 5_000;

export interface LeadersParts {
  readonly context: KafkaContext;
  readonly cluster: Cluster;
  readonly streams: StreamSet<DirectStream>;
  /** Its leader is known: it is being read. */
  readonly found: (stream: DirectStream) => void;
}

/** Finds who leads the partitions of streams that are `opening`, asking again until all are found or failed. */
export class Leaders {
  readonly #parts: LeadersParts;
  readonly #missingSinceMs = new WeakMap<DirectStream, number>();
  #isLooking = false;

  constructor(parts: LeadersParts) {
    this.#parts = parts;
  }

  look(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    void this.#run().finally(() => (this.#isLooking = false));
  }

  async #run(): Promise<void> {
    const { context, cluster, streams } = this.#parts;
    // Streams that are opened in one turn are asked for together.
    await Promise.resolve();
    for (;;) {
      const opening = streams.all().filter(({ phase }) => phase === 'opening');
      if (opening.length === 0 || context.closing.aborted) return;
      try {
        this.#settle(opening, await cluster.metadata([...new Set(opening.map(({ topic }) => topic))]));
      } catch (error) {
        if (!(error instanceof KafkaError)) throw error;
        if (error.code === 'kafka_closed') return;
        const { code, message } = sourceError(error);
        if (!error.retryable) for (const stream of opening) stream.fail(code, message, error);
      }
      streams.wake();
      if (streams.all().some(({ phase }) => phase === 'opening')) await context.clock.sleep(retryMs, context.closing);
    }
  }

  #settle(opening: readonly DirectStream[], { topics }: Metadata): void {
    for (const stream of opening) {
      const topic = topics.find(({ name }) => name === stream.topic);
      const partition = topic?.partitions.find((one) => one.partition === stream.partition);
      if (stream.phase !== 'opening') continue;
      if (partition && partition.leader >= 0) {
        Object.assign(stream, { leader: partition.leader, leaderEpoch: partition.leaderEpoch, phase: 'reading' });
        stream.mayHaveMore = true;
        this.#missingSinceMs.delete(stream);
        this.#parts.found(stream);
        continue;
      }
      const failure = kafkaError(topic?.errorCode || partition?.errorCode || 3, `${stream.name}`);
      if (failure.code === 'kafka_topic_missing') this.#missing(stream, topic?.partitions.length ?? 0);
      else if (!failure.retryable) stream.fail(sourceError(failure).code, failure.message, failure);
    }
  }

  #missing(stream: DirectStream, partitions: number): void {
    const nowMs = this.#parts.context.clock.nowMs();
    const sinceMs = this.#missingSinceMs.get(stream) ?? nowMs;
    this.#missingSinceMs.set(stream, sinceMs);
    if (nowMs - sinceMs < missingAfterMs) return;
    stream.fail('topic_missing', `${stream.name} does not exist: ${stream.topic} has ${partitions} partitions`);
  }
}
