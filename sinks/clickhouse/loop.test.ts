import { expect, test } from 'vitest';
import type { Membership, MembershipHandlers, NextOffset } from '../../kafka/contract.ts';
import { KafkaError } from '../../kafka/contract.ts';
import { createMemorySource, type MemorySource } from '../../sources/memory.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { SinkError } from '../sink.ts';
import { SinkLoop } from './loop.ts';
import { defaultLimits, type ClickHouseSinkStatus, type SinkLimits } from './sink.ts';
import { eventually, testWindow } from './testbed-suite.ts';

const tp = { topic: 'payments', partition: 0 };
const batchRecordsMax = 10;
/** Two polls fill a batch: however long they take, it does not leave before unless that is told (`soon`). */
const limits: SinkLimits = { ...defaultLimits, batchWaitMs: 600_000, batchRowsMax: 20, insertsPerMinuteMax: 6_000 };
const soon = { batchWaitMs: 10 };

/** An insert that waits to be told how it ends. */
interface Insert {
  readonly rows: number;
  readonly end: (error?: SinkError) => void;
}

/** A loop over a broker of its own, before a ClickHouse whose inserts end when the test says so. */
function createRig(options: Partial<SinkLimits> = {}, broker: MemorySource = createMemorySource({ batchRecordsMax })) {
  const errors: unknown[] = [];
  const committed: bigint[] = [];
  const inserts: Insert[] = [];
  let commitsToFail = 0;
  let handlers: MembershipHandlers | undefined;
  const membership: Membership = {
    kind: 'solo',
    start: (given) => {
      handlers = given;
      return Promise.resolve(given.assigned([tp]));
    },
    commit(offsets: readonly NextOffset[]) {
      if (commitsToFail-- > 0) return Promise.reject(new KafkaError('kafka_timed_out', 'away'));
      for (const { nextOffset } of offsets) committed.push(nextOffset);
      return Promise.resolve();
    },
    committed: (of) => Promise.resolve(of.map((one) => ({ ...one, nextOffset: -1n }))),
    close: () => Promise.resolve(),
  };
  const metrics = createMetrics();
  const reader = broker.reader();
  let isBroken = false;
  const loop = new SinkLoop(
    {
      client: {} as never,
      database: 'd',
      reader: {
        ...reader,
        read: (place, nextOffset) => {
          const stream = reader.read(place, nextOffset);
          const poll = stream.poll.bind(stream);
          stream.poll = () => {
            if (isBroken) throw new Error('a bug');
            return poll();
          };
          return stream;
        },
      },
      membership,
      topics: { inputs: ['payments'], orders: [], results: ['windows'] },
      epoch: 0,
      clock: systemClock,
      logger: { ...silentLogger, error: (...said: readonly unknown[]) => errors.push(...said) } as never,
      metrics,
      sink: {
        name: 'held',
        write: ([one]) =>
          new Promise((resolve, reject) => {
            const end = (error?: SinkError): void => (error ? reject(error) : resolve());
            inserts.push({ rows: one?.block.rows ?? 0, end });
          }),
        close: () => Promise.resolve(),
      },
    },
    { ...limits, ...options },
  );
  /** The n-th insert, from 1, once it is asked for. */
  const insert = async (n: number): Promise<Insert> => {
    await eventually(`insert ${n}`, () => inserts.length >= n);
    return inserts[n - 1] as Insert;
  };
  return {
    ...{ loop, broker, committed, inserts, insert, metrics, errors },
    ...{ failCommits: (times: number) => (commitsToFail = times), failPolls: () => (isBroken = true) },
    ...{ handlers: () => handlers as MembershipHandlers },
  };
}

const records = (count: number) => Array.from({ length: count }, (_, i) => ({ value: `${i}` }));
/** Until nothing moves any more: the loop would have polled again within its longest wait. */
async function still(status: () => ClickHouseSinkStatus): Promise<ClickHouseSinkStatus> {
  for (let before = -1, same = 0; same < 10; await systemClock.sleep(20)) {
    const { bufferedRows } = status();
    same = bufferedRows === before ? same + 1 : 0;
    before = bufferedRows;
  }
  return status();
}

test('a commit that fails is tried again though no record follows', async () => {
  const rig = createRig(soon);
  rig.failCommits(2);
  rig.broker.append(tp, records(2));
  await rig.loop.start();
  (await rig.insert(1)).end();
  await expect.poll(() => rig.committed).toEqual([2n]);
  await rig.loop.drain();
});

test('[H5] while an insert is held one more batch is gathered, then polling waits', async () => {
  const rig = createRig();
  rig.broker.append(tp, records(500));
  await rig.loop.start();
  expect((await rig.insert(1)).rows).toBe(20);
  const held = await still(() => rig.loop.status());
  expect(held).toMatchObject({ state: 'running', bufferedRows: 40, insertedRows: 0 });
  expect(rig.inserts).toHaveLength(1);
  expect(rig.committed).toEqual([]);
  expect(await rig.metrics.text()).toContain(`millrace_clickhouse_buffered_bytes ${held.bufferedBytes}`);
  (await rig.insert(1)).end();
  expect((await rig.insert(2)).rows).toBe(20);
  await eventually('the first is committed', () => rig.committed.length === 1);
  expect(rig.committed).toEqual([20n]);
  expect((await still(() => rig.loop.status())).bufferedRows).toBe(40);
  for (let n = 2; n <= 25; n++) (await rig.insert(n)).end();
  await eventually('all are committed', () => rig.committed.at(-1) === 500n);
  expect(rig.committed).toEqual(Array.from({ length: 25 }, (_, i) => BigInt(20 * (i + 1))));
  await rig.loop.drain();
});

test('what is gathered follows only once the insert before it has succeeded, however often that fails', async () => {
  const rig = createRig();
  rig.broker.append(tp, records(40));
  await rig.loop.start();
  for (let n = 1; n <= 2; n++) (await rig.insert(n)).end(new SinkError('unavailable', 'away'));
  const again = await rig.insert(3);
  expect(rig.loop.status()).toMatchObject({ detail: 'away', insertedRows: 0, bufferedRows: 40 });
  expect(rig.committed).toEqual([]);
  again.end();
  const second = await rig.insert(4);
  expect(rig.committed).toEqual([20n]);
  second.end();
  await eventually('both are committed', () => rig.committed.length === 2);
  expect(rig.committed).toEqual([20n, 40n]);
  expect(rig.loop.status().detail).toBeUndefined();
  await rig.loop.drain();
});

test('a drain ends with what is under way and what is gathered', async () => {
  const rig = createRig();
  rig.broker.append(tp, records(30));
  await rig.loop.start();
  const first = await rig.insert(1);
  await eventually('ten are gathered', () => rig.loop.status().bufferedRows === 30);
  const drained = rig.loop.drain();
  first.end();
  const second = await rig.insert(2);
  expect(second.rows).toBe(10);
  second.end();
  await drained;
  expect(rig.committed).toEqual([20n, 30n]);
  expect(rig.loop.status()).toMatchObject({ state: 'stopped', insertedRows: 30, bufferedRows: 0 });
  expect(rig.errors).toEqual([]);
});

test('a drain that takes too long gives up both, and who comes next reads them again', async () => {
  const rig = createRig({ drainTimeoutMs: 50 });
  rig.broker.append(tp, records(30));
  await rig.loop.start();
  await rig.insert(1);
  await eventually('ten are gathered', () => rig.loop.status().bufferedRows === 30);
  await rig.loop.drain();
  expect(rig.inserts).toHaveLength(1);
  expect(rig.committed).toEqual([]);
  expect(rig.errors).toEqual([{ lagRecords: 0, bufferedRows: 30 }, expect.stringContaining('lost with a broker')]);
  const next = createRig({}, rig.broker);
  await next.loop.start();
  expect((await next.insert(1)).rows).toBe(20);
  (await next.insert(1)).end();
  await eventually('ten are gathered', () => next.loop.status().bufferedRows === 10);
  const drained = next.loop.drain();
  (await next.insert(2)).end();
  await drained;
  expect(next.committed.at(-1)).toBe(30n);
});

test('partitions change hands between two inserts', async () => {
  const rig = createRig();
  rig.broker.append(tp, records(20));
  await rig.loop.start();
  const first = await rig.insert(1);
  rig.handlers().revoked([tp], 'revoked');
  await still(() => rig.loop.status());
  expect(rig.loop.status().partitions).toBe(1);
  first.end();
  await eventually('it is let go', () => rig.loop.status().partitions === 0);
  expect(rig.committed).toEqual([20n]);
  await rig.loop.drain();
});

test('a sink that fails ends once the insert under way has ended', async () => {
  const rig = createRig();
  rig.broker.append(tp, records(30));
  await rig.loop.start();
  const first = await rig.insert(1);
  rig.failPolls();
  await eventually('it fails', () => rig.loop.status().state === 'failed');
  let isDrained = false;
  const drained = rig.loop.drain().then(() => (isDrained = true));
  await systemClock.sleep(50);
  expect(isDrained).toBe(false);
  first.end();
  await drained;
  expect(rig.inserts).toHaveLength(1);
  expect(rig.committed).toEqual([20n]);
});

test('counts by topic which results were copied from their bytes and which were parsed, once they are stored', async () => {
  const rig = createRig(soon);
  const window = (i: number, key = 'k') => ({ value: JSON.stringify(testWindow(i, { key })) });
  const windows = { topic: 'windows', partition: 0 };
  rig.broker.append(windows, [window(1), window(2), window(3), window(4, 'a"b'), { value: 'no result' }]);
  await rig.loop.start();
  rig.handlers().assigned([windows]);
  const stored = await rig.insert(1);
  const counted = async (): Promise<readonly string[]> =>
    (await rig.metrics.text()).split('\n').filter((line) => line.startsWith('millrace_clickhouse_results_total{'));
  expect(await counted()).toEqual([]);
  stored.end();
  (await rig.insert(2)).end();
  await eventually('all are stored', () => rig.loop.status().insertedRows === 5);
  expect(await counted()).toEqual([
    'millrace_clickhouse_results_total{topic="windows",way="direct"} 2',
    'millrace_clickhouse_results_total{topic="windows",way="parsed"} 2',
  ]);
  await rig.loop.drain();
});
