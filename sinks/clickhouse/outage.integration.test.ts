import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { startEmbeddedClickHouse } from '../../embedded/clickhouse.ts';
import { resultTopics } from '../../events/topics.ts';
import { createMemorySource } from '../../sources/memory.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { freePort } from '../../tests/free-port.ts';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { connectClickHouse } from './connection.ts';
import { createClickHouseSink } from './sink.ts';
import { createTestMembership, eventually, testWindow } from './testbed-suite.ts';

// Restarts of the engine on a busy machine.
vi.setConfig({ testTimeout: 400_000 });

describeUnless([requireChdb()], 'the ClickHouse sink in trouble', () => {
  const payments = { topic: 'payments', partition: 0 };
  const windows = { topic: resultTopics.windows, partition: 0 };
  const database = 'millrace';
  const cleanUps: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  });

  const newFolder = (): string => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-outage-'));
    cleanUps.push(() => rmSync(folder, { recursive: true, force: true }));
    return folder;
  };
  const startServer = async (dataDir: string, port = 0) => {
    const server = await startEmbeddedClickHouse({ dataDir, port, logger: silentLogger, clock: systemClock });
    cleanUps.push(() => server.stop(0));
    return server;
  };
  const startSink = async (url: string) => {
    const client = connectClickHouse({ url, requestTimeoutMs: 30_000 });
    cleanUps.push(() => client.close());
    const source = createMemorySource({ batchRecordsMax: 100 });
    const membership = createTestMembership([payments, windows]);
    const sink = createClickHouseSink({
      client,
      database,
      reader: source.reader(),
      membership,
      topics: { inputs: ['payments'], orders: [], results: [windows.topic] },
      epoch: 1,
      limits: { batchRowsMax: 300, batchWaitMs: 5, insertsPerMinuteMax: 6_000, drainTimeoutMs: 60_000 },
      clock: systemClock,
      logger: silentLogger,
      metrics: createMetrics(),
    });
    await sink.start();
    cleanUps.push(() => sink.drain());
    const count = async (table: string): Promise<number> => {
      const result = await client.query({
        query: `SELECT count() FROM ${database}.${table}`,
        format: 'JSONCompactEachRow',
      });
      return Number((await result.json<[string]>())[0]?.[0]);
    };
    const committedOf = (name: string): bigint => membership.commits.get(name) ?? 0n;
    const committed = (): bigint => committedOf('payments-0');
    return { source, sink, count, committed, windowsCommitted: () => committedOf(`${windows.topic}-0`) };
  };
  const values = (count: number, bytes = 200) =>
    Array.from({ length: count }, (_, i) => ({ value: `${i}`.padEnd(bytes, '.') }));

  test('[H5] ClickHouse is away: the sink waits, holds two bounded batches, and resumes without loss', async () => {
    const dataDir = newFolder();
    const server = await startServer(dataDir, await freePort());
    const { source, sink, count, committed, windowsCommitted } = await startSink(server.url);
    source.append(payments, values(100));
    await eventually('the first are in', () => committed() === 100n);
    await server.stop();
    source.append(payments, values(5_000));
    source.append(
      windows,
      Array.from({ length: 50 }, (_, i) => ({ value: JSON.stringify(testWindow(i + 1, { key: `k${i}` })) })),
    );
    await eventually('it says why it waits', () => /ECONNREFUSED/.test(sink.status().detail ?? ''));
    await systemClock.sleep(2_000); // the outage itself
    expect(sink.status()).toMatchObject({ state: 'running' });
    expect(sink.status().bufferedRows).toBeLessThanOrEqual(2 * 400);
    expect(committed()).toBe(100n);
    await startServer(dataDir, Number(new URL(server.url).port));
    await eventually('all are in', () => committed() === 5_100n && windowsCommitted() === 50n);
    await eventually('it says no more', () => sink.status().detail === undefined);
    await sink.drain();
    expect(await count('events FINAL')).toBe(5_100);
    expect(await count('window_results_final')).toBe(50);
  });

  test('[H2] kill -9 of ClickHouse while the sink writes: counts are exact, in tables and views', async () => {
    const server = await startServer(newFolder());
    const { source, sink, count, committed, windowsCommitted } = await startSink(server.url);
    for (let round = 0; round < 3; round += 1) {
      source.append(payments, values(3_000));
      source.append(
        windows,
        Array.from({ length: 300 }, (_, i) => ({
          value: JSON.stringify(testWindow(round * 300 + i + 1, { key: `k${i}` })),
        })),
      );
      await eventually('it writes', () => committed() > BigInt(round * 3_000));
      const pid = server.pid();
      if (pid !== null) process.kill(pid, 'SIGKILL');
    }
    await eventually('all are in', () => committed() === 9_000n && windowsCommitted() === 900n, 120_000);
    await sink.drain();
    expect(server.restarts()).toBeGreaterThan(0);
    expect(await count('events FINAL')).toBe(9_000);
    expect(await count('window_results_final')).toBe(300);
    expect(await count('revenue_final WHERE count > 600')).toBe(300);
  });

  test('a full disk is waited out, and nothing acknowledged is lost', async (context) => {
    const disk = newFolder();
    try {
      execFileSync('sh', ['-c', 'mount -t tmpfs -o size=48m tmpfs "$0"', disk], { stdio: 'ignore' });
    } catch {
      return context.skip('may not mount a small tmpfs here');
    }
    cleanUps.push(() => execFileSync('sh', ['-c', 'umount -l "$0"', disk]));
    const filler = join(disk, 'filler');
    const dataDir = join(disk, 'clickhouse');
    mkdirSync(dataDir);
    const server = await startServer(dataDir);
    const { source, sink, count, committed } = await startSink(server.url);
    source.append(payments, values(500));
    await eventually('the first are in', () => committed() === 500n);
    fill(filler);
    source.append(payments, values(2_000, 2_000));
    await eventually('it says that the disk is full', () => /243/.test(sink.status().detail ?? ''));
    const acknowledged = committed();
    expect(acknowledged).toBeLessThan(2_500n);
    expect(await count('events FINAL')).toBeGreaterThanOrEqual(Number(acknowledged));
    rmSync(filler);
    await eventually('all are in', () => committed() === 2_500n);
    await sink.drain();
    expect(await count('events FINAL')).toBe(2_500);
    await server.stop();
  });
});

/** Writes until nothing more fits. */
function fill(path: string): void {
  for (let chunkBytes = 2 ** 20; chunkBytes >= 2 ** 12;) {
    try {
      writeFileSync(path, Buffer.alloc(chunkBytes), { flag: 'a' });
    } catch {
      chunkBytes /= 2;
    }
  }
}
