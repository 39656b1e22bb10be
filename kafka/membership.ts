import { topicPartitionName, type TopicPartition } from '../sources/source.ts';
import {
  KafkaError,
  type Membership,
  type MembershipHandlers,
  type MembershipOptions,
  type NextOffset,
} from './contract.ts';
import { createCommitter, type Committer } from './commits.ts';
import {
  baseConfig,
  connect,
  countPartitions,
  disconnectBounded,
  leaveBehind,
  settlesWithin,
  type KafkaContext,
} from './connection.ts';
import type { NativeConfig, NativeConsumer, NativePartition } from './driver.ts';
import { kafkaError } from './errors.ts';
import { leaveUnassigned, startGroup } from './membership-group.ts';

const queryTimeoutMs = 5_000;
/** For a commit that is under way to be answered: without, it costs a repetition. */
const lastCommitMs = 3_000;
const servedTimeoutMs = 5_000;
/** The broker answers a leave only after the join before it; the library waits 5 s for it, and then ends without. */
const disconnectTimeoutMs = 8_000;
const sessionMs = 20_000;
/** Shorter ones never assign anything there. */
const embeddedSessionMs = 6_000;
/** Members hear of a rebalance by it: whoever joins waits that long for the others. */
const heartbeatMs = 1_000;
const servePollMs = 100;
/** Alone there is nobody to be heard by: only what commits answer, which is looked for by itself. */
const soloPollMs = 1_000;
/** The first look for a commit's answer; each next one after twice the time. */
const commitPollMs = 2;
const commitPollMaxMs = 32;
/** How often a solo member looks for new partitions. */
const growthCheckMs = 10_000;

/** A membership that is connected and not started; waits for a broker that is away. Never fetches a record. */
export async function openMembership(context: KafkaContext, options: MembershipOptions): Promise<Membership> {
  const callbacks: { committed: (error: unknown) => void; rebalanced: Rebalanced } = {
    committed: () => {},
    rebalanced: () => {},
  };
  const sessionTimeoutMs = context.isEmbedded ? embeddedSessionMs : (options.sessionTimeoutMs ?? sessionMs);
  const config: NativeConfig = {
    ...baseConfig(context),
    'group.id': options.groupId,
    'enable.auto.commit': false,
    'enable.auto.offset.store': false,
    'partition.assignment.strategy': 'cooperative-sticky',
    'session.timeout.ms': sessionTimeoutMs,
    'heartbeat.interval.ms': Math.min(heartbeatMs, Math.floor(sessionTimeoutMs / 4)),
    'queued.max.messages.kbytes': 64,
    offset_commit_cb: (error: unknown) => callbacks.committed(error),
    ...(options.kind === 'group'
      ? { rebalance_cb: (error: unknown, partitions: NativePartition[]) => callbacks.rebalanced(error, partitions) }
      : {}),
  };
  const { client } = await connect(context, `membership ${options.groupId}`, () =>
    context.driver.consumer({ ...config }, { 'auto.offset.reset': 'earliest' }),
  );
  const committer = createCommitter(context, client);
  callbacks.committed = (error) => committer.acknowledged(error);
  const member = new Member(context, options, client, committer);
  callbacks.rebalanced = (error, partitions) => member.rebalanced(error, partitions);
  return member;
}

type Rebalanced = (error: unknown, partitions: readonly NativePartition[]) => void;

class Member implements Membership {
  readonly kind: 'group' | 'solo';
  readonly #context: KafkaContext;
  readonly #options: MembershipOptions;
  readonly #client: NativeConsumer;
  readonly #committer: Committer;
  readonly #owned = new Set<string>();
  #handlers: MembershipHandlers | undefined;
  /** When it asked to join a group. */
  #startedMs: number | null = null;
  #rebalance: Rebalanced = () => {};
  #serveTimer: NodeJS.Timeout | undefined;
  #commitPollMs = commitPollMs;
  #growthTimer: NodeJS.Timeout | undefined;
  #serving: Promise<void> | null = null;
  #closing: Promise<void> | undefined;
  /** Closing, and nothing more is served. */
  #isLeaving = false;

  constructor(context: KafkaContext, options: MembershipOptions, client: NativeConsumer, committer: Committer) {
    this.kind = options.kind;
    this.#context = context;
    this.#options = options;
    this.#client = client;
    this.#committer = committer;
    this.#scheduleServe();
  }

  async start(handlers: MembershipHandlers): Promise<void> {
    this.#handlers = handlers;
    if (this.kind === 'solo') return this.#takeAll();
    const isClosing = (): boolean => this.#closing !== undefined;
    this.#startedMs = this.#context.clock.nowMs();
    this.#rebalance = startGroup(this.#context, this.#client, this.#options.topics, {
      owned: this.#owned,
      handlers,
      isClosing,
    });
  }

  rebalanced(error: unknown, partitions: readonly NativePartition[]): void {
    this.#rebalance(error, partitions);
  }

  async commit(offsets: readonly NextOffset[]): Promise<void> {
    if (this.#closing) throw new KafkaError('kafka_closed', 'the membership is closed');
    // The broker accepts a live member's commit for a partition that it no longer owns: we do not.
    const { topics } = this.#options;
    const ours = offsets.filter((tp) => this.#owned.has(topicPartitionName(tp)) || !topics.includes(tp.topic));
    if (ours.length === 0) return;
    const done = this.#committer.commit(ours);
    this.#commitPollMs = commitPollMs;
    this.#scheduleServe();
    return done;
  }

  committed(partitions: readonly TopicPartition[]): Promise<readonly NextOffset[]> {
    if (partitions.length === 0) return Promise.resolve([]);
    return new Promise((resolve, reject) => {
      if (this.#closing) return reject(new KafkaError('kafka_closed', 'the membership is closed'));
      const asked = partitions.map(({ topic, partition }) => ({ topic, partition }));
      this.#client.committed(asked, queryTimeoutMs, (error, found) => {
        if (error) return reject(kafkaError(this.#context.driver.codeOf(error), 'committed offsets', error));
        const byName = new Map(found.map((entry) => [topicPartitionName(entry), entry.offset ?? -1]));
        resolve(asked.map((tp) => ({ ...tp, nextOffset: committedOffset(byName.get(topicPartitionName(tp))) })));
      });
    });
  }

  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    clearTimeout(this.#growthTimer);
    await settlesWithin(lastCommitMs, this.#committer.idle());
    if (this.#startedMs !== null && this.#owned.size === 0)
      await leaveUnassigned(this.#context, this.#client, this.#startedMs);
    this.#isLeaving = true;
    clearTimeout(this.#serveTimer);
    const what = `membership ${this.#options.groupId}`;
    // Beside a `consume` a `disconnect` may crash.
    if (!(await settlesWithin(servedTimeoutMs, this.#serving ?? Promise.resolve())))
      return leaveBehind(this.#context, what, servedTimeoutMs);
    await disconnectBounded(this.#context, what, disconnectTimeoutMs, (done) => this.#client.disconnect(done));
  }

  /** An empty, non-waiting `consume` keeps the member alive and brings its callbacks. One at a time. */
  #scheduleServe(): void {
    clearTimeout(this.#serveTimer);
    if (this.#serving || this.#isLeaving) return;
    const calmMs = this.kind === 'solo' ? soloPollMs : servePollMs;
    const delayMs = this.#committer.isBusy() ? this.#commitPollMs : calmMs;
    this.#commitPollMs = Math.min(2 * this.#commitPollMs, commitPollMaxMs);
    this.#serveTimer = setTimeout(() => {
      this.#serving = this.#serve().finally(() => {
        this.#serving = null;
        this.#scheduleServe();
      });
    }, delayMs);
  }

  #serve(): Promise<void> {
    return new Promise((resolve) => {
      this.#client.setDefaultConsumeTimeout(0);
      this.#client.consume(1, (error) => {
        if (error) this.#failed(error);
        resolve();
      });
    });
  }

  #failed(error: unknown): void {
    const failure = kafkaError(this.#context.driver.codeOf(error), `membership ${this.#options.groupId}`, error);
    const isPassing = failure.retryable || failure.code === 'kafka_topic_missing' || failure.code === 'kafka_fenced';
    if (isPassing || this.#closing) this.#context.logger.debug({ code: failure.code }, failure.message);
    else this.#handlers?.failed(failure);
  }

  /** Solo: every partition of the topics, and those that appear later. */
  async #takeAll(): Promise<void> {
    try {
      const gained: TopicPartition[] = [];
      for (const topic of this.#options.topics) {
        const count = await countPartitions(this.#context, this.#client, topic);
        for (let partition = 0; partition < count; partition++) {
          const tp = { topic, partition };
          if (!this.#owned.has(topicPartitionName(tp))) gained.push(tp);
        }
      }
      for (const tp of gained) this.#owned.add(topicPartitionName(tp));
      if (gained.length > 0 && !this.#closing) this.#handlers?.assigned(gained);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      if (!error.retryable && !this.#closing) this.#handlers?.failed(error);
    }
    if (!this.#closing) this.#growthTimer = setTimeout(() => void this.#takeAll(), growthCheckMs);
  }
}

/** librdkafka's −1001 is "none". */
const committedOffset = (found: number | undefined): bigint => BigInt(found !== undefined && found >= 0 ? found : -1);
