import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { disconnectBounded, type KafkaContext } from './connection.ts';
import type { Driver } from './driver.ts';
import { openMembership } from './membership.ts';
import { openProducer } from './producer.ts';
import { openClientReader } from './reader-client.ts';

/** The longest that a client is waited for, in ms; as in `membership.ts`, `producer.ts` and `reader-client.ts`. */
const waits = { producer: 5_000, reader: 5_000, membership: 8_000, served: 5_000 };

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
afterEach(() => void vi.useRealTimers());

interface Hangs {
  readonly disconnect?: boolean;
  readonly consume?: boolean;
}

/** A native client that connects, and of what it is asked to answer answers all but `hangs`. */
function createRig(hangs: Hangs) {
  const calls = { disconnect: 0, consume: 0, leftBehind: 0 };
  const answer = (what: keyof Hangs, done: () => void): void => {
    calls[what]++;
    if (!hangs[what]) queueMicrotask(done);
  };
  const native = Object.assign(new EventEmitter(), {
    connect: (_options: unknown, done: (error: null) => void) => done(null),
    disconnect: (...args: readonly unknown[]) => answer('disconnect', args.at(-1) as () => void),
    consume: (_count: number, done: (error: null, messages: readonly never[]) => void) =>
      answer('consume', () => done(null, [])),
    setDefaultConsumeTimeout: () => {},
    incrementalAssign: () => {},
    incrementalUnassign: () => {},
    isConnected: () => true,
    poll: () => {},
  });
  const driver = { consumer: () => native, producer: () => native, codeOf: () => undefined };
  const context: KafkaContext = {
    ...{ driver: driver as unknown as Driver, brokers: '127.0.0.1:1', clientId: 'test', isEmbedded: false },
    ...{ security: undefined, admin: null, growth: null, closing: new AbortController().signal },
    ...{ logger: silentLogger, metrics: createMetrics(), clock: systemClock },
    leftBehind: () => void calls.leftBehind++,
  };
  return { calls, context };
}

const parts = {
  producer: (context: KafkaContext) => openProducer(context, {}),
  reader: (context: KafkaContext) => openClientReader(context, {}),
  membership: (context: KafkaContext) => openMembership(context, { kind: 'group', groupId: 'g', topics: ['t'] }),
};
type PartName = keyof typeof parts;

/** Begins to close, and says after how many ms that has ended, looked at each 500. */
async function closingMs(part: { close(): Promise<void> }): Promise<number> {
  let hasEnded = false;
  void part.close().then(() => (hasEnded = true));
  for (let ms = 0; ms <= 60_000; ms += 500) {
    if (hasEnded) return ms;
    await vi.advanceTimersByTimeAsync(500);
  }
  throw new Error('it has not ended within a minute');
}

test.each(Object.keys(parts) as PartName[])('a %s whose client ends leaves nothing behind', async (name) => {
  const { calls, context } = createRig({});
  expect(await closingMs(await parts[name](context))).toBeLessThanOrEqual(500);
  expect(calls).toMatchObject({ disconnect: 1, leftBehind: 0 });
});

test.each(Object.keys(parts) as PartName[])(
  'a %s whose client never ends is left behind in time, once',
  async (name) => {
    const { calls, context } = createRig({ disconnect: true });
    const part = await parts[name](context);
    expect(await closingMs(part)).toBe(waits[name]);
    await part.close();
    expect(calls).toMatchObject({ disconnect: 1, leftBehind: 1 });
  },
);

test('a membership whose client is still in a call is left behind without a disconnect, which could crash beside it', async () => {
  const { calls, context } = createRig({ consume: true });
  const member = await parts.membership(context);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(calls.consume).toBe(1);
  expect(await closingMs(member)).toBe(waits.served);
  expect(calls).toMatchObject({ consume: 1, disconnect: 0, leftBehind: 1 });
});

test('a reader whose client is still in a call is left behind like that too', async () => {
  const { calls, context } = createRig({ consume: true });
  const reader = await parts.reader(context);
  reader.read({ topic: 't', partition: 0 }, 0n);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(calls.consume).toBe(1);
  expect(await closingMs(reader)).toBe(waits.reader);
  expect(calls).toMatchObject({ consume: 1, disconnect: 0, leftBehind: 1 });
});

test('a client that ends too late was left behind all the same, and said so once', async () => {
  const { calls, context } = createRig({});
  const warn = vi.fn();
  let end = (): void => {};
  const closed = disconnectBounded({ ...context, logger: { ...silentLogger, warn } as never }, 'it', 1_000, (done) => {
    end = done;
  });
  await vi.advanceTimersByTimeAsync(1_000);
  await closed;
  end();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(calls.leftBehind).toBe(1);
  expect(warn).toHaveBeenCalledOnce();
  expect(warn.mock.calls[0]?.[0]).toEqual({ what: 'it', timeoutMs: 1_000 });
});
