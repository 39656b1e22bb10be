import { setImmediate as nextTurn } from 'node:timers/promises';
import type { SinkError } from '../sink.ts';
import { createBlocks, type Blocks, type Gap, type TopicKind } from './blocks.ts';
import { flushBlocks, type FlushOptions } from './flush.ts';
import { createTableSink } from './insert.ts';
import { sinkMetrics, type SinkMetrics } from './metrics.ts';
import { PartitionSet } from './partition-set.ts';
import type { RetryOptions } from './retry.ts';
import type { ClickHouseSinkOptions, ClickHouseSinkStatus, SinkLimits } from './sink.ts';

/**
 * Runs inside the service of `sink.ts`, for as long as that is not drained.
 * The sink's one loop: poll, collect, insert, commit. While one batch is inserted and committed the next is gathered; when that
 * is full, too, polling waits. Guarantees bounded memory: two batches, each with one poll more.
 * Redelivery: batches follow one another, and positions are committed only after the insert of all rows before them.
 */
const pollWaitMs = 100;
/** Rows are made for this long before others of the process have their turn: the insert under way, too, leaves piece by piece (4 ms: a tenth slower). */
const sliceMs = 1;
/** Beyond the drain's time-out: for a request in flight to end. */
const lastWordMs = 500;

/** See above; `sink.ts` makes it a service. */
export class SinkLoop {
  readonly #options: ClickHouseSinkOptions;
  readonly #limits: SinkLimits;
  readonly #metrics: SinkMetrics;
  readonly #partitions: PartitionSet;
  readonly #flushOptions: FlushOptions;
  readonly #stopping = new AbortController();
  readonly #readsToEnd: boolean;
  /** Rows of the next insert. */
  #gathered: Blocks;
  /** Rows of the insert that is under way; empty while there is none. */
  #underWay: Blocks;
  /** That insert and its commit; never rejects. */
  #flight: Promise<void> | null = null;
  #onLanding: () => void = () => {};
  #turnMs = 0;
  #state: ClickHouseSinkStatus['state'] = 'starting';
  #detail: string | undefined;
  #insertedRows = 0;
  #gaps = 0;
  #rejects = 0;
  #oldestRowMs = 0;
  #lastFlushMs = 0;
  #isCommitOwed = false;
  #isDraining = false;
  #isOpening = false;
  #drainTo: ReadonlyMap<string, bigint> | null = null;
  #running: Promise<void> = Promise.resolve();
  #draining: Promise<void> | null = null;

  constructor(options: ClickHouseSinkOptions, limits: SinkLimits) {
    const { clock, logger } = options;
    this.#options = options;
    this.#limits = limits;
    this.#readsToEnd = options.readsToEndOnDrain ?? true;
    this.#metrics = sinkMetrics(options.metrics);
    const blocks = (): Blocks => createBlocks(options.epoch, (topic, reason) => this.#onReject(topic, reason));
    this.#gathered = blocks();
    this.#underWay = blocks();
    const retry: RetryOptions = {
      clock,
      signal: this.#stopping.signal,
      onRetry: (error, waitMs) => this.#onRetry(error, waitMs),
    };
    const sink = options.sink ?? createTableSink(options.client, options.database);
    this.#flushOptions = { ...retry, sink, epoch: options.epoch, logger, metrics: this.#metrics };
    const kindOf = topicKinds(options.topics);
    this.#partitions = new PartitionSet({ ...options, kindOf }, retry, logger, (gap) => this.#onGap(gap));
  }

  async start(): Promise<void> {
    await this.#options.membership.start(this.#partitions.handlers((error) => this.#fail(error)));
    this.#state = 'running';
    this.#running = this.#run()
      .catch((error: unknown) => this.#fail(error))
      .then(() => this.#flight ?? undefined);
  }

  /** Inserts and commits what was read, or everything up to the ends seen now, within the drain's time-out, then leaves the group. */
  drain(): Promise<void> {
    return (this.#draining ??= this.#drain());
  }

  status(): ClickHouseSinkStatus {
    const parkedWhy = this.#partitions.parkedWhy();
    const isParked = this.#state === 'running' && parkedWhy !== '';
    const detail = isParked ? parkedWhy : this.#detail;
    return {
      state: isParked ? 'parked' : this.#state,
      ...(detail !== undefined && { detail }),
      partitions: this.#partitions.all().length,
      bufferedRows: this.#gathered.rows() + this.#underWay.rows(),
      bufferedBytes: this.#bufferedBytes(),
      insertedRows: this.#insertedRows,
      lagRecords: [...this.#partitions.lag().values()].reduce((total, records) => total + records, 0),
      gaps: this.#gaps,
      rejects: this.#rejects,
    };
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      if (this.#partitions.hasChanges()) await this.#applyChanges();
      if (this.#isDraining) this.#drainTo ??= this.#readsToEnd ? await this.#partitions.ends() : new Map();
      const hasMore = this.#isDraining && !this.#readsToEnd ? false : await this.#collect();
      if (this.#flight === null && this.#isDue(hasMore)) {
        this.#takeOff();
        continue;
      }
      // The next batch would cover it, and may never come: producers may be waiting for this very commit.
      if (this.#isCommitOwed && this.#isEmpty()) await this.#commit(this.#partitions.positions());
      if (this.#isDrained()) return;
      if (hasMore && !this.#isFull()) continue;
      await (this.#isFull() ? this.#flight : this.#moreOrLanding());
      this.#turnMs = this.#options.clock.nowMs();
    }
  }

  /** Nothing is under way meanwhile: what is committed of a partition and where it is read from are never at odds. */
  async #applyChanges(): Promise<void> {
    await this.#flight;
    this.#isOpening = true;
    await this.#partitions.applyChanges();
    this.#isOpening = false;
  }

  /** Takes what the partitions have until the batch is full. True when there may be more. */
  async #collect(): Promise<boolean> {
    const { clock } = this.#options;
    let hasMore = false;
    for (const partition of this.#partitions.all()) {
      if (this.#isFull()) return true;
      try {
        const batch = partition.stream.poll();
        if (!batch) continue;
        if (this.#gathered.rows() === 0) this.#oldestRowMs = clock.nowMs();
        partition.previousOffset = this.#gathered.add(batch, partition.kind, partition.previousOffset);
        partition.nextOffset = batch.nextOffset;
        batch.release?.();
        hasMore = true;
        if (clock.nowMs() - this.#turnMs < sliceMs) continue;
        await nextTurn();
        this.#turnMs = clock.nowMs();
      } catch (error) {
        await this.#partitions.recover(partition, error);
      }
    }
    if (hasMore) this.#metrics.bufferedBytes.set(this.#bufferedBytes());
    return hasMore;
  }

  #isFull(): boolean {
    return this.#gathered.rows() >= this.#limits.batchRowsMax || this.#gathered.bytes() >= this.#limits.batchBytesMax;
  }

  #isEmpty(): boolean {
    return this.#flight === null && this.#gathered.rows() === 0;
  }

  #bufferedBytes(): number {
    return this.#gathered.bytes() + this.#underWay.bytes();
  }

  #isDue(hasMore: boolean): boolean {
    if (this.#gathered.rows() === 0) return false;
    if (this.#isFull() || (this.#drainTo !== null && !hasMore)) return true;
    const nowMs = this.#options.clock.nowMs();
    const isOld = nowMs - this.#oldestRowMs >= this.#limits.batchWaitMs;
    return isOld && nowMs - this.#lastFlushMs >= 60_000 / this.#limits.insertsPerMinuteMax;
  }

  #isDrained(): boolean {
    return this.#drainTo !== null && this.#isEmpty() && this.#partitions.hasRead(this.#drainTo);
  }

  /** What is gathered is inserted while the next is gathered. Only while no other insert is under way. */
  #takeOff(): void {
    [this.#gathered, this.#underWay] = [this.#underWay, this.#gathered];
    this.#lastFlushMs = this.#options.clock.nowMs();
    this.#flight = this.#flush(this.#underWay, this.#partitions.positions())
      .catch((error: unknown) => this.#fail(error))
      .finally(() => {
        this.#flight = null;
        this.#onLanding();
      });
  }

  async #flush(blocks: Blocks, positions: ReturnType<PartitionSet['positions']>): Promise<void> {
    const rows = blocks.rows();
    await flushBlocks(blocks, this.#flushOptions);
    this.#insertedRows += rows;
    this.#metrics.bufferedBytes.set(this.#bufferedBytes());
    for (const [topic, records] of this.#partitions.lag()) this.#metrics.lagRecords.set({ topic }, records);
    await this.#commit(positions);
  }

  /** Resolves when there may be more to read, or when the insert that is under way has ended; it may be long, so nothing is left hanging on it. */
  #moreOrLanding(): Promise<void> {
    const waitMs = Math.min(pollWaitMs, this.#limits.batchWaitMs);
    return new Promise((resolve, reject) => {
      this.#onLanding = resolve;
      this.#options.reader.wait(waitMs).then(() => resolve(), reject);
    });
  }

  /** Failing to commit costs a repetition only; it is tried again with the next batch, or while there is none. */
  async #commit(positions: ReturnType<PartitionSet['positions']>): Promise<void> {
    try {
      await this.#options.membership.commit(positions);
      this.#isCommitOwed = false;
      this.#detail = undefined;
    } catch (error) {
      this.#isCommitOwed = true;
      this.#detail = `offsets are not committed: ${messageOf(error)}`;
      this.#options.logger.warn({ err: this.#detail }, 'ClickHouse sink could not commit; it tries again');
    }
  }

  async #drain(): Promise<void> {
    const { clock, membership } = this.#options;
    const timer = new AbortController();
    this.#isDraining = true;
    // Nothing was read: what is being opened need not be.
    if (!this.#readsToEnd && this.#isOpening && this.#isEmpty()) this.#stopping.abort();
    const late = clock.sleep(this.#limits.drainTimeoutMs, timer.signal).then(() => this.#stopping.abort());
    // Who has failed or is stopped has but the insert under way to wait for.
    if (this.#stopping.signal.aborted) await Promise.race([this.#flight, clock.sleep(lastWordMs, timer.signal)]);
    else await Promise.race([this.#running, late.then(() => clock.sleep(lastWordMs))]);
    timer.abort();
    if (this.#readsToEnd && !this.#isDrained()) this.#onLeft();
    this.#partitions.close();
    await membership.close();
    this.#state = 'stopped';
  }

  #onRetry(error: SinkError, retryInMs: number): void {
    this.#metrics.retries.inc({ code: error.code });
    if (this.#detail !== error.message)
      this.#options.logger.warn(
        { err: error.message, retryInMs },
        'ClickHouse sink waits: reading stops, nothing is lost',
      );
    this.#detail = error.message;
  }

  /** Who goes on from its commits on a broker that stays reads it again; one that ends with this process had it alone. */
  #onLeft(): void {
    const { lagRecords, bufferedRows } = this.status();
    this.#options.logger.error(
      { lagRecords, bufferedRows },
      'ClickHouse sink ended before all was stored: what is left is lost with a broker that ends too',
    );
  }

  #onReject(topic: string, reason: string): void {
    this.#rejects += 1;
    this.#metrics.rejects.inc({ topic });
    this.#options.logger.error({ topic, reason }, 'a record of a result topic is no result: kept in sink_rejects');
  }

  #onGap(gap: Gap): void {
    this.#gaps += 1;
    this.#metrics.gaps.inc({ topic: gap.topic });
    this.#gathered.addGap(gap);
    const fields = { ...gap, fromOffset: `${gap.fromOffset}`, toOffset: `${gap.toOffset}` };
    this.#options.logger.error(fields, 'records are gone before they were archived: noted in archive_gaps');
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    this.#state = 'failed';
    this.#detail = messageOf(error);
    this.#stopping.abort();
    this.#options.logger.error({ err: this.#detail }, 'ClickHouse sink failed');
  }
}

function topicKinds(topics: ClickHouseSinkOptions['topics']): (topic: string) => TopicKind {
  const kinds = new Map<string, TopicKind>([
    ...topics.inputs.map((topic) => [topic, 'input'] as const),
    ...topics.orders.map((topic) => [topic, 'order'] as const),
    ...topics.results.map((topic) => [topic, topics.inputs.includes(topic) ? 'read-result' : 'result'] as const),
  ]);
  return (topic) => {
    const kind = kinds.get(topic);
    if (!kind) throw new Error(`the ClickHouse sink was assigned ${topic}, which it does not know`);
    return kind;
  };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
