// All windows channels together: folds what is pushed, and brings them to what ClickHouse holds (window-builder.ts says how).
// Guarantees: with ClickHouse away pushing goes on and snapshots are marked partial; once it is back, or a gap is bridged, viewers
// get everything anew. Redelivery: everything folds by identity and revision.
import type { WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import { topicPartitionName, type TopicPartition } from '../../sources/source.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import { backOffMs } from '../../live/backoff.ts';
import type { Feeds } from './feeds.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';
import type { TopicStreams } from './topic-streams.ts';
import { build, type BuildOptions, type Built } from './window-builder.ts';
import type { WindowsChannel } from './windows-channel.ts';

export const windowTopics: readonly string[] = [resultTopics.windows, resultTopics.provisional];

export interface WindowsOptions {
  readonly channels: readonly WindowsChannel[];
  readonly source: Omit<BuildOptions, 'topics' | 'pipelines' | 'neededUpTo'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly logger: Logger;
  readonly metrics: GatewayMetrics;
}

export interface Windows {
  add(row: WindowResult): void;
  /** Records of a partition before `resumedAt` are gone. */
  gap(tp: TopicPartition, resumedAt: bigint): void;
  /** Goes on with a build: to be called often. Never waits. */
  step(streams: TopicStreams, feeds: Feeds): void;
  /** Why snapshots are not complete; undefined: they are. */
  trouble(): string | undefined;
}

type BuildState =
  | { readonly kind: 'due'; readonly atMs: number; readonly attempt: number }
  | { readonly kind: 'asking'; readonly attempt: number }
  | { readonly kind: 'built'; readonly built: Built }
  | { readonly kind: 'folding'; readonly ends: ReadonlyMap<string, bigint> }
  | { readonly kind: 'complete' };

const retry = { firstMs: 500, maxMs: 15_000 };
const buildTimeoutMs = 20_000;

export function createWindows(options: WindowsOptions): Windows {
  return new BuiltWindows(options);
}

class BuiltWindows implements Windows {
  readonly #options: WindowsOptions;
  readonly #byPipeline: ReadonlyMap<string, WindowsChannel>;
  #state: BuildState = { kind: 'due', atMs: 0, attempt: 0 };
  /** Gaps that ClickHouse must have come past. */
  readonly #neededUpTo = new Map<string, bigint>();
  #trouble: string | undefined;

  constructor(options: WindowsOptions) {
    this.#options = options;
    this.#byPipeline = new Map(options.channels.map((channel) => [channel.pipeline, channel]));
  }

  add(row: WindowResult): void {
    this.#byPipeline.get(row.pipeline)?.add(row);
  }

  gap(tp: TopicPartition, resumedAt: bigint): void {
    if (!windowTopics.includes(tp.topic)) return;
    this.#neededUpTo.set(topicPartitionName(tp), resumedAt);
    this.#becomePartial(`records of ${topicPartitionName(tp)} are gone: waiting for ClickHouse`);
    // A build that is under way may have asked before the gap: it is not waited for.
    this.#state = { kind: 'due', atMs: 0, attempt: 0 };
  }

  trouble(): string | undefined {
    return this.#trouble;
  }

  step(streams: TopicStreams, feeds: Feeds): void {
    const state = this.#state;
    switch (state.kind) {
      case 'due':
        if (this.#options.clock.nowMs() >= state.atMs) this.#ask(state.attempt);
        return;
      case 'built':
        for (const row of state.built.rows) this.add(row);
        for (const start of state.built.starts) streams.rewind(start, start.nextOffset);
        this.#state = { kind: 'folding', ends: state.built.ends };
        return;
      case 'folding':
        if (isReached(state.ends, streams.positions())) this.#complete(feeds);
        return;
      case 'asking':
      case 'complete':
        return;
    }
  }

  #ask(attempt: number): void {
    const asking: BuildState = { kind: 'asking', attempt };
    this.#state = asking;
    const { channels, source, metrics, clock, random } = this.#options;
    const pipelines = channels.map(({ pipeline }) => pipeline);
    const timeOut = new AbortController();
    const late = clock.sleep(buildTimeoutMs, timeOut.signal).then(() => {
      throw new Error('ClickHouse or the broker does not answer');
    });
    const building = build({ ...source, topics: windowTopics, pipelines, neededUpTo: new Map(this.#neededUpTo) });
    const first = Promise.race([building, late]).finally(() => timeOut.abort());
    first.then(
      (built) => {
        metrics.builds.inc({ outcome: 'built' });
        if (this.#state === asking) this.#state = { kind: 'built', built };
      },
      (error: unknown) => {
        metrics.builds.inc({ outcome: 'failed' });
        if (this.#state !== asking) return;
        this.#becomePartial(error instanceof Error ? error.message : String(error));
        this.#state = {
          kind: 'due',
          atMs: clock.nowMs() + backOffMs(attempt, retry, random),
          attempt: attempt + 1,
        };
      },
    );
  }

  #becomePartial(why: string): void {
    if (this.#trouble !== why)
      this.#options.logger.warn({ err: why }, 'live snapshots are partial: only what is pushed from now on');
    this.#trouble = why;
    for (const { view } of this.#options.channels) view.readiness = 'partial';
  }

  #complete(feeds: Feeds): void {
    this.#state = { kind: 'complete' };
    this.#neededUpTo.clear();
    if (this.#trouble !== undefined) this.#options.logger.info({}, 'live snapshots are complete again');
    this.#trouble = undefined;
    for (const { view } of this.#options.channels) {
      const wasServed = view.readiness === 'partial';
      view.readiness = 'complete';
      if (wasServed) feeds.rebuilt(view);
    }
  }
}

const isReached = (ends: ReadonlyMap<string, bigint>, positions: ReadonlyMap<string, bigint>): boolean =>
  [...ends].every(([name, end]) => (positions.get(name) ?? -1n) >= end);
