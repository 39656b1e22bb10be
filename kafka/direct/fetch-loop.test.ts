import { expect, test } from 'vitest';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { systemClock } from '../../telemetry/clock.ts';
import type { KafkaContext } from '../connection.ts';
import { createStreamSet } from '../reader-set.ts';
import type { Cluster } from './cluster.ts';
import { FetchLoop } from './fetch-loop.ts';
import { encodeBatch } from './log-batch-suite.ts';
import { MemoryPool } from './memory-pool.ts';
import { DirectStream, type DirectStreamOwner } from './stream.ts';

const tp = { topic: 'payments', partition: 0 };
const broker = 1;

/** A loop whose broker answers when told to. */
function openLoop() {
  const streams = createStreamSet<DirectStream>();
  const answers: ((bytes: Buffer) => void)[] = [];
  const link = { request: () => new Promise<Buffer>((resolve) => void answers.push(resolve)), isOpen: () => true };
  const availability = { heard: () => {}, isAvailable: () => true };
  const context = {
    metrics: createMetrics(),
    clock: systemClock,
    logger: silentLogger,
    growth: null,
  } as unknown as KafkaContext;
  const loop = new FetchLoop(broker, {
    ...{
      context,
      streams,
      checksCrc: true,
      limits: { waitMs: 5, bytesMin: 1, bytesMax: 1e6, partitionBytesMax: 1e6 },
      gatherMs: 0,
    },
    cluster: { availability, link: () => Promise.resolve(link) } as unknown as Cluster,
    ...{ outOfRange: () => {}, leaderless: () => {}, unreadable: () => {}, memory: new MemoryPool(1e6) },
  });
  const owner: DirectStreamOwner = {
    ...{
      queueBytesMax: 1e6,
      columns: new MemoryPool(1e6),
      holesAreLoss: false,
      isAvailable: () => true,
      drained: () => {},
      read: () => {},
    },
    closed: (stream) => streams.remove(stream),
    waitFor: (stream, maxWaitMs) => streams.wait(() => stream.isReady(), maxWaitMs),
  };
  const open = (fromOffset: bigint): DirectStream => {
    const stream = new DirectStream(tp, fromOffset, owner);
    streams.add(Object.assign(stream, { leader: broker, leaderEpoch: 0, phase: 'reading' }));
    loop.nudge();
    return stream;
  };
  return { loop, open, answers };
}

/** The answer of a broker that has three records from `baseOffset` on, as Fetch v11 has it. */
function answerFrom(baseOffset: number): Buffer {
  const batch = encodeBatch({ baseOffset, records: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] });
  const head = Buffer.alloc(4 + 2 + 4 + 4 + 2 + tp.topic.length + 4 + 4 + 2 + 8 + 8 + 8 + 4 + 4 + 4);
  let at = head.writeInt32BE(1, 4 + 2 + 4); // one topic
  at = head.writeInt16BE(tp.topic.length, at);
  at += head.write(tp.topic, at);
  at = head.writeInt32BE(1, at); // one partition
  at = head.writeInt16BE(0, head.writeInt32BE(tp.partition, at)); // without error
  for (const offset of [baseOffset + 3, baseOffset + 3, 0]) at = head.writeBigInt64BE(BigInt(offset), at);
  at = head.writeInt32BE(-1, head.writeInt32BE(0, at)); // nothing aborted, no other replica
  head.writeInt32BE(batch.length, at);
  return Buffer.concat([head, batch]);
}

test('what was asked for before a partition was opened anew, elsewhere, is not taken for it', async () => {
  const { loop, open, answers } = openLoop();
  const before = open(100n);
  const running = loop.run();
  await expect.poll(() => answers).toHaveLength(1);
  before.close();
  const stream = open(50n);
  answers[0]?.(answerFrom(100));
  await expect.poll(() => answers).toHaveLength(2);
  expect(stream.poll()).toBeNull();
  answers[1]?.(answerFrom(50));
  await expect.poll(() => stream.isReady()).toBe(true);
  expect(stream.poll()).toMatchObject({ baseOffset: 50n, count: 3, nextOffset: 53n });
  loop.stop();
  answers[2]?.(answerFrom(53));
  await running;
});
