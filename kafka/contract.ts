import type { Header, RecordBatch, Source, TopicPartition } from '../sources/source.ts';

/**
 * What the client packages look like from outside `kafka/`. One driver is loaded per process (two would share one
 * librdkafka); `openKafka` imports it lazily. Readers are `Source`s; producer and membership are below.
 */
export type KafkaDriver = 'node-rdkafka' | 'confluent';

/** Where record bytes come from: the client package's `consume`, or Fetch requests of our own (`kafka/direct`). */
export type KafkaReader = 'client' | 'direct';

/** Who sends records: the client package, or Produce requests of our own (`kafka/direct`). */
export type KafkaSender = 'client' | 'direct';

export interface OutMessage {
  readonly topic: string;
  readonly partition: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  /** Create time in ms; the producer's clock when absent. */
  readonly timestampMs?: number;
  readonly headers?: readonly Header[];
}

/** A message without headers whose value is `[start, end)` of a block that many share, and whose key is text. */
export interface OutText {
  readonly topic: string;
  readonly key: string;
  readonly block: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** The same as a message by itself. */
export const messageOf = ({ topic, key, block, start, end }: OutText, partition: number): OutMessage => ({
  ...{ topic, partition, key: Buffer.from(key), value: block.subarray(start, end) },
});

export interface SentMessage {
  readonly topic: string;
  readonly partition: number;
  readonly messageOffset: bigint;
}

/**
 * Idempotent, acks = all, in order per partition. It never gives up on one message and goes on with the next: a message
 * that the broker refuses for good fails this and every later `send` of the producer with a `KafkaError`.
 */
export interface Producer {
  /**
   * Partitions of a topic, at least one, creating it where the broker does so by itself. Rejects where within 10 s it does not exist
   * (`kafka_topic_missing`) or a partition has no leader.
   */
  partitionCount(topic: string): Promise<number>;
  /** Resolves when every message is acknowledged, positions in the order given. Waits for the gate. An empty list resolves at once. */
  send(messages: readonly OutMessage[]): Promise<readonly SentMessage[]>;
  /**
   * As `send`, for many at once, message i to partition `partitions[i]`: nothing is made for each, and nobody hears where they went.
   * Absent: `send` does it. The blocks may be read until it resolves.
   */
  sendTexts?(messages: readonly OutText[], partitions: ArrayLike<number>): Promise<void>;
  /** True while the gate of that partition is closed: an edge that may refuse (HTTP 429) asks first. */
  isGated(topicPartition: TopicPartition): boolean;
  /** Messages handed over and not yet acknowledged. */
  pendingMessages(): number;
  /** Flushes (bounded by `timeoutMs`), then disconnects. */
  close(timeoutMs?: number): Promise<void>;
}

/** Bounds what the embedded broker must keep (design: under 3 MB a partition unread). Absent with a real broker. */
export interface ProduceGate {
  /** Takes `bytes` of room in a partition: true when there was room, false when the caller must wait for `whenOpen`. */
  tryTake(topicPartition: TopicPartition, bytes: number): boolean;
  whenOpen(topicPartition: TopicPartition): Promise<void>;
  /** False while a partition is known to have no room. */
  isOpen(topicPartition: TopicPartition): boolean;
  /** Tells the gate where acknowledged bytes ended up. */
  delivered(topicPartition: TopicPartition, messageOffset: bigint, bytes: number): void;
  close(): Promise<void>;
}

export interface MembershipHandlers {
  /** Called with newly assigned partitions (incremental). */
  assigned(partitions: readonly TopicPartition[]): void;
  /** Called with partitions taken away; `lost`: another member may own them already. Nothing has to happen in time. */
  revoked(partitions: readonly TopicPartition[], kind: 'revoked' | 'lost'): void;
  /** The membership cannot go on; retryable ones are retried inside first. */
  failed(error: KafkaError): void;
}

export interface NextOffset extends TopicPartition {
  readonly nextOffset: bigint;
}

/**
 * Who reads what. `group`: Kafka's consumer group, cooperative-sticky; `solo`: every partition of the topics at once, for
 * one instance. Both commit and read back offsets under `groupId`. Fetches no records.
 */
export interface Membership {
  readonly kind: 'group' | 'solo';
  start(handlers: MembershipHandlers): Promise<void>;
  /**
   * Commits. Of the membership's own topics, partitions that this member does not own now are left out; other topics
   * (the inputs of a task, whose membership is over its order topic) are committed as given.
   */
  commit(offsets: readonly NextOffset[]): Promise<void>;
  /** The group's committed next offsets; −1n where there is none. Any partition may be asked for. */
  committed(partitions: readonly TopicPartition[]): Promise<readonly NextOffset[]>;
  /** Leaves the group. Commit what must be committed before. */
  close(): Promise<void>;
}

export interface ReaderOptions {
  /** How long the broker may hold a fetch with nothing to send. On the embedded broker this is the latency: 5–10 for order topics, more elsewhere. */
  readonly fetchWaitMs?: number;
  /** A real broker answers a fetch early only with so many bytes: who can wait for `fetchWaitMs` asks less often. 1 unless given. */
  readonly fetchBytesMin?: number;
  /** On the embedded broker, of records that this process produced: from hearing of one to fetching it. Reader `direct` only; `fetchWaitMs` unless given. */
  readonly gatherMs?: number;
  /** Native and decoded bytes waiting to be polled, per partition. */
  readonly queueBytesMax?: number;
}

export interface MembershipOptions {
  readonly groupId: string;
  readonly topics: readonly string[];
  readonly kind: 'group' | 'solo';
  readonly sessionTimeoutMs?: number;
}

/** A topic to be made. */
export interface NewTopic {
  readonly topic: string;
  readonly partitions: number;
  /** Absent: the broker's default. */
  readonly replicas?: number;
  /** Topic settings by Kafka's own names, e.g. `retention.ms`. */
  readonly settings: Readonly<Record<string, string | number>>;
}

/** Topics and their settings on a real broker. Waits for one that is away; rejects with a `KafkaError` where it refuses. */
export interface Admin {
  /** Makes those that are missing; those that exist stay as they are. */
  createTopics(topics: readonly NewTopic[]): Promise<void>;
  /** What the topic's timestamps are, as it is configured now. */
  timestampType(topic: string): Promise<RecordBatch['timestampType']>;
  /** The identity of this incarnation of the topic: another one when it was deleted and made anew; null where it does not exist. */
  incarnation(topic: string): Promise<string | null>;
  /** One try, without waiting: null when a broker answers, else why not. */
  check(): Promise<KafkaError | null>;
  /** The first readable offset whose timestamp is `timeMs` or later; null where there is none. */
  offsetAt(topicPartition: TopicPartition, timeMs: number): Promise<bigint | null>;
  close(): Promise<void>;
}

export interface KafkaFeatures {
  readonly driver: KafkaDriver;
  readonly packageVersion: string;
  readonly librdkafkaVersion: string;
  /** librdkafka's built-in features: gzip, snappy, ssl, sasl, lz4, zstd, … */
  readonly features: readonly string[];
}

export interface Kafka {
  readonly features: KafkaFeatures;
  reader(options?: ReaderOptions): Promise<Source>;
  producer(options?: { readonly lingerMs?: number; readonly gate?: ProduceGate }): Promise<Producer>;
  membership(options: MembershipOptions): Promise<Membership>;
  /** Null with the embedded broker, which has no admin calls. One for all; closed with the `Kafka`. */
  readonly admin: Admin | null;
  /** True once a client did not end in time: it may hold up the end of this process for ever (`process.exit` waits for libuv's threads). */
  isAnyLeftBehind(): boolean;
  /** Closes what is still open, bounded in time. */
  close(): Promise<void>;
}

/** From one table, by the driver's numeric code, never by message text. */
export type KafkaErrorCode =
  | 'kafka_driver_missing'
  | 'kafka_unavailable'
  | 'kafka_timed_out'
  | 'kafka_not_authorised'
  | 'kafka_topic_missing'
  | 'kafka_message_too_large'
  | 'kafka_fenced'
  | 'kafka_fatal'
  | 'kafka_closed';

export class KafkaError extends Error {
  readonly code: KafkaErrorCode;
  readonly retryable: boolean;
  constructor(
    code: KafkaErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly retryable?: boolean } = {},
  ) {
    super(message, { cause: options.cause });
    this.name = 'KafkaError';
    this.code = code;
    this.retryable = options.retryable ?? (code === 'kafka_unavailable' || code === 'kafka_timed_out');
  }
}
