// The live gateway: reads result topics once, folds them into one view a channel, and shows these to every socket on `/v1/live`.
// Guarantees: snapshot then deltas without a gap or a step back (docs/live-protocol.md); one computation whatever the number of
// viewers; bounded in rows, sockets and bytes; commits nothing. Redelivery: folds by identity and revision, so it changes nothing.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { closeCode } from '../../live/messages.ts';
import type { Authenticate } from '../../live/principal.ts';
import type { SystemStatus } from '../../live/system-status.ts';
import { SourceError, type RecordBatch, type Source, type TopicPartition } from '../../sources/source.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Service, ServiceStatus } from '../../telemetry/service.ts';
import type { Channel } from './channel.ts';
import { decodeResult } from './decode-result.ts';
import { createFeeds, type Feeds } from './feeds.ts';
import { sharedTopics, soonTopics, tailRecordsMax } from './gateway-topics.ts';
import { gatewayMetrics, type GatewayMetrics } from './gateway-metrics.ts';
import { defaultLimits, type GatewayLimits } from './limits.ts';
import { createPublisher, type Publisher } from './publisher.ts';
import { createProblemsChannel, type ProblemsChannel } from './problems-channel.ts';
import {
  createRecommendationChannels,
  type RecommendationChannels,
  type StoredLists,
} from './recommendation-channels.ts';
import { createSockets, refuseUpgrade, type Sockets } from './sockets.ts';
import { createSystemChannel, type SystemChannel } from './system-channel.ts';
import { topicChannels, type TopicChannel } from './topic-channel.ts';
import { createTopicStreams, type Bounds, type TopicStreams } from './topic-streams.ts';
import { tailStart, type CommittedPositions, type WindowRows } from './window-builder.ts';
import { createWindowsChannel } from './windows-channel.ts';
import { createWindows, windowTopics, type Windows } from './windows.ts';

export interface LiveGatewayOptions {
  /** Its own reader: one stream a partition and source. Closed by whoever made it. */
  readonly reader: Source;
  /** One for alerts and deliveries, which people wait for, so that `reader` may ask less often. Absent: `reader` reads them too. */
  readonly soonReader?: Source;
  /** Pipelines that have a channel `windows:<pipeline>`. */
  readonly pipelines: readonly string[];
  /** What the ClickHouse sink's group has committed; −1n or absent where nothing is. */
  readonly committedPositions: CommittedPositions;
  readonly windowRows: WindowRows;
  readonly storedLists: StoredLists;
  readonly systemStatus: () => SystemStatus;
  readonly authenticate: Authenticate;
  /** Unique to this instance and start: resume tokens hold it. No dots. */
  readonly instance: string;
  readonly clock: Clock;
  /** [0, 1). */
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly limits?: Partial<GatewayLimits>;
}

export interface LiveGateway extends Service {
  /**
   * Takes a socket over, whatever its path: path, Host and Origin are the server's to judge before. `isLocal`: the peer is this machine
   * and no proxy says otherwise.
   */
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, peer: { readonly isLocal: boolean }): void;
  status(): GatewayStatus;
  /** A recommendation list; null: there is none; undefined: it is not known here. */
  readonly heldList: RecommendationChannels['held'];
}

export interface GatewayStatus extends ServiceStatus {
  readonly clients: number;
  readonly subscriptions: number;
  readonly rows: number;
}

const pollBatchesMax = 16;
const lookEveryMs = 5_000; // for topics and partitions that are not there yet
const brokerRetryMs = 500;

export function createLiveGateway(options: LiveGatewayOptions): LiveGateway {
  return new Gateway(options);
}

class Gateway implements LiveGateway {
  readonly #options: LiveGatewayOptions;
  readonly #limits: GatewayLimits;
  readonly #metrics: GatewayMetrics;
  readonly #feeds: Feeds;
  readonly #sockets: Sockets;
  readonly #windows: Windows;
  readonly #problems: ProblemsChannel;
  readonly #byTopic: ReadonlyMap<string, readonly TopicChannel[]>;
  readonly #system: SystemChannel;
  readonly #channels: ReadonlyMap<string, Channel>;
  readonly #streams: TopicStreams;
  readonly heldList: RecommendationChannels['held'];
  readonly #stopping = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #state: ServiceStatus['state'] = 'starting';
  #failure: string | undefined;
  #brokerTrouble: string | undefined;
  #draining: Promise<void> | undefined;
  readonly #publisher: Publisher;
  readonly #readers: readonly Source[];
  #next = { tickMs: 0, systemMs: 0, beatMs: 0, lookMs: 0 };
  #hasOpened = false;

  constructor(options: LiveGatewayOptions) {
    const { clock, reader, metrics, logger, random, instance, authenticate } = options;
    this.#options = options;
    this.#limits = { ...defaultLimits, ...options.limits };
    this.#metrics = gatewayMetrics(metrics);
    this.#feeds = createFeeds(instance);
    const windowsChannels = options.pipelines.map((pipeline) => createWindowsChannel(pipeline, this.#limits));
    const { rowsPerOutputMax, shortHorizonMs, longHorizonMs } = this.#limits;
    this.#windows = createWindows({
      channels: windowsChannels,
      source: {
        reader,
        committedPositions: options.committedPositions,
        windowRows: options.windowRows,
        query: { rowsPerOutputMax, shortHorizonMs, longHorizonMs },
      },
      ...{ clock, random, logger, metrics: this.#metrics },
    });
    this.#problems = createProblemsChannel(this.#limits, clock.nowMs());
    this.#system = createSystemChannel(this.#limits);
    const lists = createRecommendationChannels({ ...options, limits: this.#limits, metrics: this.#metrics });
    this.heldList = lists.held.bind(lists);
    const ofTopics = [...topicChannels(this.#limits, clock.nowMs()), lists.trending];
    this.#byTopic = new Map(
      ofTopics.map(({ topic }) => [topic, ofTopics.filter((channel) => channel.topic === topic)]),
    );
    const channels: readonly Channel[] = [
      ...windowsChannels,
      this.#problems,
      ...ofTopics,
      lists.visitors,
      this.#system,
    ];
    this.#channels = new Map(channels.map((channel) => [channel.name, channel]));
    this.#publisher = createPublisher(channels, this.#feeds, this.#limits.tickMs);
    this.#readers = [reader, ...(options.soonReader ? [options.soonReader] : [])];
    this.#streams = createTopicStreams({
      reader,
      readerOf: (topic) => (soonTopics.includes(topic) ? options.soonReader : undefined),
      topics: [...sharedTopics, ...this.#byTopic.keys()],
      onBatch: (batch) => this.#fold(batch),
      onGap: (tp, resumedAt, error) => {
        this.#metrics.gaps.inc();
        logger.warn({ ...tp, err: error.message }, 'live gateway missed records: views are built again');
        this.#windows.gap(tp, resumedAt);
        this.#readsFrom(tp, resumedAt);
      },
    });
    this.#sockets = createSockets({
      instance,
      limits: this.#limits,
      metrics: this.#metrics,
      feeds: this.#feeds,
      authenticate,
      nowMs: () => clock.nowMs(),
      findChannel: (name) => this.#channels.get(name) ?? lists.ofVisitor(name),
    });
  }

  /** Resolves at once: a broker or ClickHouse that is away is waited for. */
  start(): Promise<void> {
    this.#state = 'running';
    this.#running = this.#run().catch((error: unknown) => this.#fail(error));
    return Promise.resolve();
  }

  drain(): Promise<void> {
    return (this.#draining ??= this.#drain());
  }

  status(): GatewayStatus {
    const detail = this.#failure ?? this.#brokerTrouble ?? this.#windows.trouble();
    const rows = [...this.#channels.values()].reduce((sum, { view }) => sum + view.size, 0);
    return {
      state: this.#state,
      ...(detail !== undefined && { detail }),
      clients: this.#sockets.size(),
      subscriptions: this.#feeds.viewers(),
      rows,
    };
  }

  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, peer: { readonly isLocal: boolean }): void {
    if (this.#state === 'running' && !this.#draining) return this.#sockets.accept(request, socket, head, peer);
    this.#metrics.refused.inc();
    refuseUpgrade(socket);
  }

  async #run(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      const read = await this.#read();
      this.#windows.step(this.#streams, this.#feeds);
      this.#keepTime();
      // Sockets and timers get their turn between two reads, however much there is to read.
      if (read > 0) await nextTurn();
      else {
        const waitMs = Math.max(1, this.#next.tickMs - this.#options.clock.nowMs());
        await Promise.race(this.#readers.map((reader) => reader.wait(waitMs)));
      }
    }
  }

  /** Batches read; 0 also while the broker is away, after a pause. */
  async #read(): Promise<number> {
    const { clock, logger } = this.#options;
    try {
      if (clock.nowMs() >= this.#next.lookMs) await this.#openMissing();
      const read = await this.#streams.poll(pollBatchesMax);
      this.#brokerTrouble = undefined;
      return read;
    } catch (error) {
      if (!(error instanceof SourceError && error.retryable)) throw error;
      if (this.#brokerTrouble !== error.message)
        logger.warn({ err: error.message }, 'live gateway waits for the broker');
      this.#brokerTrouble = error.message;
      await clock.sleep(brokerRetryMs, this.#stopping.signal);
      return 0;
    }
  }

  async #openMissing(): Promise<void> {
    const isFirst = !this.#hasOpened;
    await this.#streams.openMissing((tp, bounds) => this.#readsFrom(tp, this.#startOf(tp.topic, bounds, isFirst)));
    this.#hasOpened = true;
    this.#next.lookMs = this.#options.clock.nowMs() + lookEveryMs;
  }

  /** At the start the tail, as the builder says later where to read again from; what appears later, all of it. */
  #startOf(topic: string, bounds: Bounds, isFirst: boolean): bigint {
    if (!isFirst) return bounds.lowOffset;
    if (windowTopics.includes(topic)) return tailStart(bounds, tailRecordsMax);
    return tailStart(bounds, BigInt(this.#byTopic.get(topic)?.[0]?.tailRecords ?? this.#limits.problemsMax));
  }

  #readsFrom(tp: TopicPartition, fromOffset: bigint): bigint {
    for (const channel of this.#byTopic.get(tp.topic) ?? []) channel.readsFrom?.(tp, fromOffset);
    return fromOffset;
  }

  #fold(batch: RecordBatch): void {
    const channels = this.#byTopic.get(batch.topic);
    for (let i = 0; i < batch.count; i++) {
      if (channels) {
        for (const channel of channels) if (!channel.add(batch, i)) this.#metrics.undecodable.inc();
        continue;
      }
      const result = decodeResult(batch, i);
      if (!result) this.#metrics.undecodable.inc();
      else if (result.kind === 'window') this.#windows.add(result);
      else this.#problems.add(result);
    }
  }

  #keepTime(): void {
    const nowMs = this.#options.clock.nowMs();
    const { tickMs, systemEveryMs } = this.#limits;
    if (nowMs >= this.#next.systemMs) {
      this.#next.systemMs = nowMs + systemEveryMs;
      this.#system.set(this.#options.systemStatus());
      this.#observe();
    }
    if (nowMs >= this.#next.tickMs) {
      this.#next.tickMs = nowMs + tickMs;
      for (const channel of [...this.#byTopic.values()].flat()) channel.keepTime?.(nowMs);
      this.#publisher.all(nowMs);
    } else this.#publisher.rested(nowMs);
    if (nowMs >= this.#next.beatMs) {
      this.#next.beatMs = nowMs + Math.min(1_000, this.#limits.heartbeatMs);
      this.#sockets.beat();
    }
  }

  #observe(): void {
    this.#metrics.clients.set(this.#sockets.size());
    this.#metrics.subscriptions.set(this.#feeds.viewers());
    for (const { name, view } of this.#channels.values()) this.#metrics.rows.set({ channel: name }, view.size);
  }

  async #drain(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#sockets.close(closeCode.goingAway, 'shutting_down');
    this.#streams.close();
    this.#state = 'stopped';
  }

  #fail(error: unknown): void {
    if (this.#stopping.signal.aborted) return;
    this.#failure = error instanceof Error ? error.message : String(error);
    this.#state = 'failed';
    this.#options.logger.error({ err: this.#failure }, 'live gateway failed');
  }
}
