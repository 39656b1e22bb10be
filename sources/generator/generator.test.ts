import { describe, expect, it } from 'vitest';
import type { OutMessage, Producer } from '../../kafka/contract.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { Clock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createGenerator } from './generator.ts';

const startMs = Date.UTC(2026, 0, 14, 14);

/** A clock that goes on only by sleeping, up to `endMs`; then sleeps last until aborted. */
function fakes(endMs: number) {
  let nowMs = startMs;
  let reachEnd = (): void => {};
  const atEnd = new Promise<void>((resolve) => void (reachEnd = resolve));
  const clock: Clock = {
    nowMs: () => nowMs,
    sleep: async (ms, signal) => {
      nowMs += ms;
      if (nowMs < endMs) return;
      reachEnd();
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
    },
  };
  const sends: { readonly atMs: number; readonly messages: readonly OutMessage[] }[] = [];
  const producer: Producer = {
    partitionCount: () => Promise.resolve(4),
    send: (messages) => {
      sends.push({ atMs: nowMs, messages });
      return Promise.resolve([]);
    },
    isGated: () => false,
    pendingMessages: () => 0,
    close: () => Promise.resolve(),
  };
  const options = {
    clock,
    producer,
    partitionOf,
    ratePerSecond: 200,
    seed: 1,
    shares: { late: 0, duplicate: 0, malformed: 0 },
    logger: silentLogger,
    metrics: createMetrics(),
  };
  return { options, sends, atEnd, stall: (ms: number) => void (nowMs += ms) };
}

describe('the generator', () => {
  it('[K7] sends keyed events to the partitions that every producer would choose, and counts them', async () => {
    const { options, sends, atEnd } = fakes(startMs + 10_000);
    const generator = createGenerator(options);
    await generator.start();
    await atEnd;
    const messages = sends.flatMap((send) => send.messages);
    expect(generator.status()).toMatchObject({ state: 'running', sentTotal: messages.length });
    expect(messages.length).toBeGreaterThan(1_500);
    for (const { key, partition } of messages) expect(partition).toBe(partitionOf(key ?? new Uint8Array(), 4));
    expect(await options.metrics.text()).toContain('millrace_generator_events_total{topic="payments",kind="normal"}');
    await generator.drain();
    expect(generator.status().state).toBe('stopped');
  });

  it('catches up after a stall at no more than twice its rate, and leaves out a long one', async () => {
    const { options, sends, atEnd, stall } = fakes(startMs + 60_000);
    let calls = 0;
    const producer: Producer = {
      ...options.producer,
      send: (messages) => {
        if (++calls === 10) stall(8_000);
        if (calls === 400) stall(7_200_000);
        return options.producer.send(messages);
      },
    };
    const generator = createGenerator({ ...options, producer });
    await generator.start();
    await atEnd;
    const largest = Math.max(...sends.map(({ messages }) => messages.length));
    expect(largest).toBeLessThan(3 * 2 * 24);
    expect(generator.status().behindMs).toBeLessThan(500);
    await generator.drain();
  });

  it('fails, to be restarted, when the producer does', async () => {
    const { options } = fakes(startMs + 60_000);
    const generator = createGenerator({
      ...options,
      producer: { ...options.producer, send: () => Promise.reject(new Error('fenced')) },
    });
    await generator.start();
    await expect.poll(() => generator.status()).toMatchObject({ state: 'failed', detail: 'fenced' });
    await generator.drain();
  });
});
