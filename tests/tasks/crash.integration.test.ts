import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { startEmbeddedBroker } from '../../embedded/broker.ts';
import { connectGate } from '../../embedded/gate-client.ts';
import type { Kafka, KafkaDriver } from '../../kafka/contract.ts';
import { openKafka } from '../../kafka/open.ts';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { Source } from '../../sources/source.ts';
import { failpointNames } from '../../tasks/failpoint.ts';
import { valueAt } from '../../tasks/range.ts';
import type { TaskServiceStatus } from '../../tasks/service.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { describeUnless, requireKafkaDriver } from '../requirements.ts';
import { resultTopic } from '../simulation/counting-fold.ts';
import type { SimEvent, SimResult } from '../simulation/counting-fold.ts';
import type { TaskProcessSetup } from './task-process.ts';

const driver: KafkaDriver = 'node-rdkafka';
const groupId = 'millrace.counting.v1';
const orderTopic = 'millrace.order.counting.v1';
const kills = 2;
/** Where the process kills itself, after it was killed from outside; a revoke needs a group. */
const failpoints = failpointNames
  .filter((name) => name !== 'in-revoke')
  .map((name) => `${name}:${name === 'in-assign' || name === 'after-claim' ? 1 : 2}`);

describeUnless([requireKafkaDriver(driver)], 'a task on the embedded broker', () => {
  const closing: (() => Promise<unknown>)[] = [];
  afterAll(async () => {
    for (const close of closing.reverse()) await close();
  });

  it(
    `[D1] counts every event once though its process is killed ${kills} times, and at every failpoint`,
    { timeout: 600_000 },
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'millrace-crash-'));
      closing.push(() => rm(folder, { recursive: true, force: true }));
      const groups = [{ groupId, topics: ['in', orderTopic] }];
      const broker = await startEmbeddedBroker({ logger: silentLogger, driver, gate: { groups } });
      closing.push(() => broker.stop());
      const { brokers, gateAddress } = broker;
      const kafka = await openKafka({
        driver,
        brokers,
        clientId: 'test',
        logger: silentLogger,
        metrics: createMetrics(),
        clock: systemClock,
        isEmbedded: true,
      });
      closing.push(() => kafka.close());
      const gate = await connectGate(gateAddress);
      const producer = await kafka.producer({ gate });
      const resultPartitions = await producer.partitionCount(resultTopic);
      const setup: TaskProcessSetup = { driver, brokers, gateAddress, folder, groupId, orderTopic, resultPartitions };

      const feeding = new AbortController();
      closing.push(async () => feeding.abort());
      const producing = produce(kafka, gate, feeding.signal);
      let task = startTask(setup);
      closing.push(() => stop(task));
      for (let kill = 0; kill < kills; kill++) {
        await task.until(
          ({ shards }) => (shards[0]?.state === 'owner' && (shards[0]?.totals.records ?? 0) > 200 * kill) || false,
        );
        await systemClock.sleep(100 + Math.random() * 500);
        task.child.kill('SIGKILL');
        await once(task.child, 'exit');
        task = startTask(setup);
      }
      for (const failpoint of failpoints) {
        task.child.kill('SIGKILL');
        await once(task.child, 'exit');
        task = startTask({ ...setup, failpoint });
        const [, signal] = (await once(task.child, 'exit')) as [number | null, string | null];
        expect([failpoint, signal]).toEqual([failpoint, 'SIGKILL']);
        task = startTask(setup);
      }
      feeding.abort();
      const expected = await producing;
      const events = Object.values(expected).reduce((sum, [count = 0]) => sum + count, 0);
      await task.until(({ shards }) => shards[0]?.totals.records === events && shards[0].outputsPending === 0);
      expect(await totals(await kafka.reader(), resultPartitions)).toEqual(expected);
      task.child.send('drain');
      const [code] = (await once(task.child, 'exit')) as [number];
      expect(code).toBe(0);
      expect((await readdir(folder)).filter((file) => file.endsWith('.snapshot'))).toHaveLength(3);
    },
  );
});

interface RunningTask {
  readonly child: ChildProcess;
  /** Resolves once the process reports a status that fits. */
  until(fits: (status: TaskServiceStatus) => boolean): Promise<void>;
}

function startTask(setup: TaskProcessSetup): RunningTask {
  const path = fileURLToPath(new URL('task-process.ts', import.meta.url));
  const child = fork(path, [JSON.stringify(setup)], { execArgv: ['--import', 'tsx'] });
  return {
    child,
    until: (fits) =>
      new Promise((resolve, reject) => {
        const exited = (): void => reject(new Error('the task process ended'));
        child.once('exit', exited);
        child.on('message', function look(status: TaskServiceStatus) {
          if (status.state === 'parked') reject(new Error(status.detail));
          if (!fits(status)) return;
          child.off('message', look);
          child.off('exit', exited);
          resolve();
        });
      }),
  };
}

async function stop({ child }: RunningTask): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** Produces events until told to stop; gives the totals that there ought to be. */
async function produce(
  kafka: Kafka,
  gate: Awaited<ReturnType<typeof connectGate>>,
  signal: AbortSignal,
): Promise<Record<string, number[]>> {
  const producer = await kafka.producer({ gate });
  const partitions = await producer.partitionCount('in');
  const sums: Record<string, number[]> = {};
  const baseMs = systemClock.nowMs();
  for (let i = 0; !signal.aborted; i += 100) {
    const batch = Array.from({ length: 100 }, (_, j) => {
      const event: SimEvent = { key: `k${(i + j) % 7}`, amount: (i + j) % 1_000, eventTimeMs: baseMs + i + j };
      const [count = 0, sum = 0] = sums[event.key] ?? [];
      sums[event.key] = [count + 1, sum + event.amount];
      const key = Buffer.from(event.key);
      return { topic: 'in', partition: partitionOf(key, partitions), key, value: Buffer.from(JSON.stringify(event)) };
    });
    await producer.send(batch);
    await systemClock.sleep(100);
  }
  return sums;
}

/** The last result of every key, by its position. */
async function totals(reader: Source, partitions: number): Promise<Record<string, number[]>> {
  const last = new Map<string, SimResult>();
  for (let partition = 0; partition < partitions; partition++) {
    const tp = { topic: resultTopic, partition };
    const { lowOffset, endOffset } = await reader.bounds(tp);
    expect(lowOffset).toBe(0n);
    const stream = reader.read(tp, 0n);
    for (let next = 0n; next < endOffset;) {
      const batch = await stream.next(1_000);
      if (!batch) continue;
      next = batch.nextOffset;
      for (let i = 0; i < batch.count; i++) {
        const result = JSON.parse(Buffer.from(valueAt(batch, i) ?? []).toString()) as SimResult;
        if (result.orderOffset >= (last.get(result.key)?.orderOffset ?? -1)) last.set(result.key, result);
      }
    }
    stream.close();
  }
  return Object.fromEntries([...last].map(([key, { count, sum }]) => [key, [count, sum]]));
}
