// The demo's input as a service: sends what the model has due, five times a second. It waits for each send, so a slow broker or a
// closed gate slows it down; after a stall it catches up at twice its rate, after a long one it goes on from now. Event ids are never
// repeated, so that redelivery is seen as the duplicate that it is.
import type { OutMessage, Producer } from '../../kafka/contract.ts';
import { inputTopics } from '../../events/topics.ts';
import type { Clock } from '../../telemetry/clock.ts';
import type { Logger } from '../../telemetry/logger.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Service, ServiceStatus } from '../../telemetry/service.ts';
import { type Model, createModel } from './model.ts';
import type { GeneratedMessage, Shares } from './sending.ts';

export interface GeneratorOptions {
  readonly producer: Producer;
  /** Partition of a key, as every producer chooses it. */
  readonly partitionOf: (key: Uint8Array, partitions: number) => number;
  readonly clock: Clock;
  readonly ratePerSecond: number;
  readonly seed: number;
  readonly shares: Shares;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export interface Generator extends Service {
  status(): ServiceStatus & { readonly sentTotal: number; readonly behindMs: number };
}

const tickMs = 200;
const catchUpFactor = 2;
/** Behind by more, it leaves out what it missed. */
const skipBeyondMs = 30_000;
const drainMs = 5_000;
/** One send at most: keeps native queues short at high rates. */
const sendMessagesMax = 2_000;

export function createGenerator(options: GeneratorOptions): Generator {
  const { producer, clock, logger } = options;
  const eventsTotal = options.metrics.counter('millrace_generator_events_total', 'Events made by the demo generator', [
    'topic',
    'kind',
  ]);
  const stopping = new AbortController();
  let state: ServiceStatus['state'] = 'starting';
  let detail: string | undefined;
  let sentTotal = 0;
  let model: Model | null = null;
  let loop: Promise<void> = Promise.resolve();

  const sendAll = async (messages: readonly GeneratedMessage[], partitions: ReadonlyMap<string, number>) => {
    for (let from = 0; from < messages.length && !stopping.signal.aborted; from += sendMessagesMax) {
      const part = messages.slice(from, from + sendMessagesMax);
      await producer.send(part.map((message) => toOutMessage(message, partitions, options.partitionOf)));
      sentTotal += part.length;
      for (const { topic, kind } of part) eventsTotal.inc({ topic, kind });
    }
  };
  const run = async (running: Model, partitions: ReadonlyMap<string, number>): Promise<void> => {
    while (!stopping.signal.aborted) {
      const nowMs = clock.nowMs();
      if (nowMs - running.timeMs() > skipBeyondMs) running.skipTo(nowMs);
      await sendAll(running.advance(Math.min(nowMs, running.timeMs() + tickMs * catchUpFactor)), partitions);
      const leftMs = nowMs + tickMs - clock.nowMs();
      if (leftMs > 0) await clock.sleep(leftMs, stopping.signal);
    }
  };
  return {
    start: async () => {
      const counts = await Promise.all(
        inputTopics.map(async (topic) => [topic, await producer.partitionCount(topic)] as const),
      );
      const started = createModel({ ...options, startMs: clock.nowMs() });
      model = started;
      state = 'running';
      logger.info({ eventsPerSecond: options.ratePerSecond, seed: options.seed }, 'demo generator running');
      loop = run(started, new Map(counts)).catch((error: unknown) => {
        if (stopping.signal.aborted) return;
        state = 'failed';
        detail = error instanceof Error ? error.message : String(error);
      });
    },
    drain: async () => {
      stopping.abort();
      // A closed gate may hold the last send: not for longer than this.
      await Promise.race([loop, clock.sleep(drainMs)]);
      state = 'stopped';
    },
    status: () => ({
      state,
      ...(detail !== undefined && { detail }),
      sentTotal,
      behindMs: model && state === 'running' ? Math.max(0, clock.nowMs() - model.timeMs()) : 0,
    }),
  };
}

function toOutMessage(
  message: GeneratedMessage,
  partitions: ReadonlyMap<string, number>,
  partitionOf: GeneratorOptions['partitionOf'],
): OutMessage {
  const { topic } = message;
  const key = Buffer.from(message.key);
  return { topic, partition: partitionOf(key, partitions.get(topic) ?? 1), key, value: Buffer.from(message.text) };
}
