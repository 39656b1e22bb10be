import { SourceError } from '../sources/source.ts';
import type { Availability, KafkaContext } from './connection.ts';
import type { NativeConsumer, NativeMessage } from './driver.ts';
import { kafkaError, nativeCode, sourceError } from './errors.ts';
import { watchSilence } from './silence-watch.ts';
import { judgeRange, queryRange } from './reader-range.ts';
import type { StreamSet } from './reader-set.ts';
import type { ReaderStream } from './reader-stream.ts';
import { judgeIncarnation, watchTopics } from './topic-watch.ts';

/** The one loop that consumes; every native call that changes the assignment happens between two `consume` calls. */
export interface ConsumeLoop {
  assign(stream: ReaderStream): void;
  unassign(stream: ReaderStream): void;
  /** Something changed: look again now. */
  nudge(): void;
  /** Resolves when no `consume` is in flight any more. */
  stop(): Promise<void>;
}

/** How long one blocking wait for a message holds a libuv thread, and at most delays an assignment or a stop. */
const idleWaitMs = 50;
/** Messages made into objects at once: about 5 ms of the event loop. */
const messagesMax = 1_000;
const recheckMs = 50;
const probeMs = 500;

/** Starts consuming. Failures end up in the streams, never here. */
export function createConsumeLoop(
  context: KafkaContext,
  client: NativeConsumer,
  availability: Availability,
  streams: StreamSet<ReaderStream>,
): ConsumeLoop {
  const state = new LoopState(context, client, availability, streams);
  const done = state.run();
  const letGo = (stream: ReaderStream): void => {
    state.change(() => state.unassignNow(stream));
    streams.wake();
  };
  const watch = watchTopics(context, streams, letGo);
  return {
    assign: (stream) => {
      state.change(() => state.assignNow(stream));
      watchSilence(context, client, stream, letGo);
    },
    unassign: (stream) => state.change(() => state.unassignNow(stream)),
    nudge: () => state.nudge(),
    stop: () => {
      watch.stop();
      state.isStopping = true;
      state.nudge();
      return done;
    },
  };
}

class LoopState {
  isStopping = false;
  readonly #context: KafkaContext;
  readonly #client: NativeConsumer;
  readonly #availability: Availability;
  readonly #streams: StreamSet<ReaderStream>;
  readonly #recordsTotal;
  readonly #queueBytes;
  readonly #ends: { topic: string; partition: number; offset: number }[] = [];
  #changes: (() => void)[] = [];
  #wakeUp: () => void = () => {};
  #isBusy = false;
  #mustCheck = false;
  #isProbing = false;

  constructor(
    context: KafkaContext,
    client: NativeConsumer,
    availability: Availability,
    streams: StreamSet<ReaderStream>,
  ) {
    this.#context = context;
    this.#client = client;
    this.#availability = availability;
    this.#streams = streams;
    const { metrics } = context;
    this.#recordsTotal = metrics.counter('millrace_kafka_read_records_total', 'Records read from Kafka');
    this.#queueBytes = metrics.gauge('millrace_kafka_read_queue_bytes', 'Decoded bytes that wait to be polled');
    client.on('partition.eof', (end: { topic: string; partition: number; offset: number }) => this.#ends.push(end));
  }

  change(apply: () => void): void {
    this.#changes.push(apply);
    this.nudge();
  }

  nudge(): void {
    this.#wakeUp();
  }

  async run(): Promise<void> {
    while (!this.isStopping) {
      const changes = this.#changes;
      this.#changes = [];
      for (const apply of changes) apply();
      if (this.#mustCheck) await this.#check();
      if (!this.#availability.isAvailable()) void this.#probe();
      if (this.#control()) this.#deliver(await this.#consume());
      else await this.#untilNudged();
    }
  }

  assignNow(stream: ReaderStream): void {
    if (stream.phase === 'closed' || stream.phase === 'failed') return;
    const { topic, partition, nextOffset } = stream;
    stream.phase = 'reading';
    stream.isAssigned = true;
    this.#native(() => this.#client.incrementalAssign([{ topic, partition, offset: nextOffset }]));
  }

  unassignNow(stream: ReaderStream): void {
    if (!stream.isAssigned) return;
    if (stream.isPaused) this.#setPaused(stream, false); // the pause would outlive the assignment
    stream.isAssigned = false;
    this.#native(() => this.#client.incrementalUnassign([{ topic: stream.topic, partition: stream.partition }]));
  }

  /** Pauses what is full while others want more. False: nothing to consume for. */
  #control(): boolean {
    const all = this.#streams.all();
    const isAnyHungry = all.some((stream) => !stream.isFull);
    for (const stream of all) {
      const shouldPause = stream.isFull && isAnyHungry;
      if (stream.isAssigned && stream.isPaused !== shouldPause) this.#setPaused(stream, shouldPause);
    }
    return isAnyHungry;
  }

  #setPaused(stream: ReaderStream, isPaused: boolean): void {
    stream.isPaused = isPaused;
    const partitions = [{ topic: stream.topic, partition: stream.partition }];
    this.#native(() => (isPaused ? this.#client.pause(partitions) : this.#client.resume(partitions)));
  }

  /** `consume(n)` waits for all n, so: wait for one, then take what is there; under load only the latter. */
  async #consume(): Promise<readonly NativeMessage[]> {
    if (this.#isBusy) {
      const many = await this.#consumeUpTo(messagesMax, 0);
      if (many.length > 0) return many;
    }
    const first = await this.#consumeUpTo(1, idleWaitMs);
    if (first.length === 0) return first;
    const rest = await this.#consumeUpTo(messagesMax - 1, 0);
    this.#isBusy = rest.length > 0;
    return rest.length > 0 ? [...first, ...rest] : first;
  }

  #consumeUpTo(count: number, waitMs: number): Promise<readonly NativeMessage[]> {
    return new Promise((resolve) => {
      this.#client.setDefaultConsumeTimeout(waitMs);
      this.#client.consume(count, (error, messages) => {
        if (error) this.#failed(error);
        resolve(error ? [] : messages);
      });
    });
  }

  #deliver(messages: readonly NativeMessage[]): void {
    const touched = new Set<ReaderStream>();
    for (const message of messages) {
      const stream = this.#streams.find(message.topic, message.partition);
      if (stream === undefined) continue;
      stream.accept(message);
      touched.add(stream);
    }
    let records = 0;
    for (const stream of touched) records += stream.seal();
    for (const end of this.#ends) this.#streams.find(end.topic, end.partition)?.endSeen(end.offset);
    if (messages.length > 0 || this.#ends.length > 0) this.#availability.heard();
    this.#ends.length = 0;
    if (touched.size === 0) return;
    this.#recordsTotal.inc(records);
    this.#queueBytes.set(this.#streams.all().reduce((sum, stream) => sum + stream.queuedBytes, 0));
    this.#streams.wake();
  }

  /** The driver does not say which partition an error is about: each is looked at. */
  #failed(error: unknown): void {
    const code = this.#context.driver.codeOf(error);
    const failure = kafkaError(code, 'consume', error);
    this.#isBusy = false;
    if (code === nativeCode.autoOffsetReset || code === nativeCode.offsetOutOfRange) this.#mustCheck = true;
    else if (failure.code === 'kafka_topic_missing' || failure.code === 'kafka_not_authorised') this.#mustCheck = true;
    else if (failure.code === 'kafka_unavailable') this.#availability.lost(failure);
    else if (!failure.retryable && !this.isStopping) this.#failAll(sourceError(failure));
  }

  async #check(): Promise<void> {
    this.#mustCheck = false;
    const open = this.#streams.all().filter(({ phase }) => phase === 'reading' || phase === 'beyond');
    const isSettled = await Promise.all(open.map((stream) => this.#checkOne(stream)));
    this.#streams.wake();
    if (isSettled.every(Boolean)) return;
    setTimeout(() => {
      this.#mustCheck = true;
      this.nudge();
    }, recheckMs);
  }

  /** Silent partitions say nothing when the broker is back: ask, beside the loop. */
  async #probe(): Promise<void> {
    const [stream] = this.#streams.all();
    if (this.#isProbing || stream === undefined) return;
    this.#isProbing = true;
    try {
      await queryRange(this.#context, this.#client, stream);
      this.#availability.heard();
    } catch {
      await this.#context.clock.sleep(probeMs, this.#context.closing);
    } finally {
      this.#isProbing = false;
    }
  }

  /** False: look again later. */
  async #checkOne(stream: ReaderStream): Promise<boolean> {
    try {
      const { low, high } = await queryRange(this.#context, this.#client, stream);
      const same = await this.#isSame(stream);
      this.#availability.heard();
      if (stream.phase === 'closed') return true; // meanwhile
      if (same === 'missing') return false;
      const verdict = same === 'failed' ? same : judgeRange(stream, low, high);
      if (verdict !== 'wait-for-growth' || stream.phase !== 'beyond') this.unassignNow(stream);
      if (verdict === 'read-again') this.assignNow(stream);
      if (verdict === 'wait-for-growth') stream.phase = 'beyond';
      return verdict !== 'wait-for-growth';
    } catch (error) {
      if (!(error instanceof SourceError)) throw error;
      if (error.retryable || this.#isMissingForNow(stream, error)) return false;
      stream.fail(error.code, error.message, error);
      this.unassignNow(stream);
      return true;
    }
  }

  /** A broker that has just started may not know its topics yet. */
  #isMissingForNow(stream: ReaderStream, error: SourceError): boolean {
    if (error.code !== 'topic_missing' || stream.incarnation === null) return false;
    return judgeIncarnation(stream, null, this.#context.clock.nowMs()) === 'missing';
  }

  /** Whether the topic is still the one that the stream began with, as far as that is known. */
  async #isSame(stream: ReaderStream): Promise<'fine' | 'missing' | 'failed'> {
    const { admin, clock } = this.#context;
    if (stream.incarnation === null || admin === null) return 'fine';
    try {
      return judgeIncarnation(stream, await admin.incarnation(stream.topic), clock.nowMs());
    } catch {
      return 'fine'; // Told by who watches.
    }
  }

  /** Changing the assignment fails only where the client is closed or broken: then nothing can go on. */
  #native(call: () => unknown): void {
    try {
      call();
    } catch (error) {
      this.#failAll(sourceError(kafkaError(this.#context.driver.codeOf(error), 'assign', error)));
    }
  }

  #failAll(error: SourceError): void {
    this.#context.logger.error({ code: error.code, cause: error.message }, 'the kafka reader cannot go on');
    for (const stream of this.#streams.all()) stream.fail(error.code, error.message, error);
    this.#streams.wake();
  }

  #untilNudged(): Promise<void> {
    if (this.isStopping || this.#changes.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wakeUp = () => {
        this.#wakeUp = () => {};
        resolve();
      };
    });
  }
}
