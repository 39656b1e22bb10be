import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { resultTopics, orderTopic } from '../../events/topics.ts';
import { createMemorySource, type MemorySource } from '../../sources/memory.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { SinkError, type Sink } from '../sink.ts';
import { highestArchivedEpoch } from './archived.ts';
import { createTableSink, type TableRows } from './insert.ts';
import { createClickHouseSink, type ClickHouseSink, type ClickHouseSinkOptions } from './sink.ts';
import {
  createTestMembership,
  eventually,
  startTestClickHouse,
  testWindow,
  type TestClickHouse,
} from './testbed-suite.ts';

describeUnless([requireChdb()], 'the ClickHouse sink', () => {
  let clickhouse: TestClickHouse;
  let database = '';
  let source: MemorySource;
  let commits: Map<string, bigint>;
  let databases = 0;
  const order = orderTopic('revenue', 1);
  const payments = { topic: 'payments', partition: 0 };
  const windows = { topic: resultTopics.windows, partition: 0 };
  const orders = { topic: order, partition: 0 };

  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
  });
  afterAll(() => clickhouse.stop());
  beforeEach(() => {
    database = `millrace_${databases++}`;
    source = createMemorySource({ batchRecordsMax: 50 });
    commits = new Map();
  });

  const create = (changes: Partial<ClickHouseSinkOptions> = {}): ClickHouseSink =>
    createClickHouseSink({
      client: clickhouse.client,
      database,
      reader: source.reader(),
      membership: createTestMembership([payments, windows, orders], commits),
      topics: { inputs: ['payments'], orders: [order], results: Object.values(resultTopics) },
      epoch: 3,
      limits: { batchWaitMs: 5, insertsPerMinuteMax: 6_000, drainTimeoutMs: 60_000 },
      clock: systemClock,
      logger: silentLogger,
      metrics: createMetrics(),
      ...changes,
    });
  const appendWindow = (...results: object[]): void => {
    source.append(
      windows,
      results.map((result) => ({ value: JSON.stringify(result) })),
    );
  };
  const count = async (table: string): Promise<number> =>
    Number((await clickhouse.rows<[string]>(`SELECT count() FROM ${database}.${table}`))[0]?.[0]);

  test('drains everything that was there and commits behind it', async () => {
    const values = Array.from({ length: 200 }, (_, i) => randomBytes(i));
    source.append(
      payments,
      values.map((value, i) => ({
        key: i % 3 === 0 ? null : `k${i}`,
        value,
        timestampMs: i,
        headers: [['h', Buffer.from([i])]],
      })),
    );
    source.append(payments, [{ value: null }]);
    source.append(orders, [{ value: '{"kind":"claim","id":"c1"}' }, { value: 'not json' }]);
    appendWindow(testWindow(1));
    const sink = create();
    await sink.start();
    await sink.drain();
    expect(sink.status()).toMatchObject({ state: 'stopped', insertedRows: 204, bufferedRows: 0 });
    expect(commits).toEqual(
      new Map([
        ['payments-0', 201n],
        [`${order}-0`, 2n],
        [`${windows.topic}-0`, 1n],
      ]),
    );
    const archived = await clickhouse.rows<[string | null, string | null, string, string[], string, string]>(
      `SELECT key, base64Encode(value), toUnixTimestamp64Milli(timestamp), arrayMap(h -> hex(h.2), headers), offset, previous_offset
       FROM ${database}.events ORDER BY offset`,
    );
    expect(archived.slice(0, 200)).toEqual(
      values.map((value, i) => [
        i % 3 === 0 ? null : `k${i}`,
        value.toString('base64'),
        String(i),
        [i.toString(16).padStart(2, '0').toUpperCase()],
        String(i),
        String(i - 1),
      ]),
    );
    expect(archived[200]?.slice(0, 2)).toEqual([null, null]);
    expect(
      await clickhouse.rows(
        `SELECT pipeline, version, shard, epoch, offset, kind, id FROM ${database}.order_log ORDER BY offset`,
      ),
    ).toEqual([
      ['revenue', 1, 0, 3, '0', 'claim', 'c1'],
      ['revenue', 1, 0, 3, '1', '', ''],
    ]);
    expect(await highestArchivedEpoch(clickhouse.client, database)).toBe(3);
  });

  test('[H3] a late correction shows its new value once, whatever order rows arrive in', async () => {
    appendWindow(testWindow(3, { state: 'corrected' }), testWindow(1, { state: 'provisional' }), testWindow(2));
    appendWindow(testWindow(4, { key: 'DE/EUR' }), testWindow(5, { key: 'DE/EUR', state: 'tombstone' }));
    const sink = create();
    await sink.start();
    await sink.drain();
    expect(
      await clickhouse.rows(
        `SELECT country, currency, state, count, sum_minor, mean_minor, max_minor, revision FROM ${database}.revenue_final`,
      ),
    ).toEqual([['FR', 'EUR', 'corrected', '3', '100', 50.5, '60', testWindow(3).revision]]);
  });

  test('[D6] [H2] inserts whose acknowledgement is lost are repeated and counted once, in tables and views', async () => {
    const real = createTableSink(clickhouse.client, database);
    let writes = 0;
    const lossy: Sink<TableRows> = {
      ...real,
      write: async (rows) => {
        await real.write(rows);
        writes += 1;
        if (writes % 2 === 1) throw new SinkError('unavailable', 'timed out after commit');
        await real.write(rows);
      },
    };
    source.append(
      payments,
      Array.from({ length: 500 }, (_, i) => ({ value: `{"type":"payment","id":"p${i}"}` })),
    );
    appendWindow(...Array.from({ length: 300 }, (_, i) => testWindow(i + 1, { key: `K${i % 100}/EUR` })));
    const sink = create({ sink: lossy });
    await sink.start();
    await sink.drain();
    expect(writes).toBeGreaterThan(2);
    expect(await count('payments')).toBe(500);
    expect(await count('window_results_final')).toBe(100);
    expect(await count('revenue_final WHERE count > 200')).toBe(100);
    await clickhouse.client.command({ query: `OPTIMIZE TABLE ${database}.events FINAL` });
    expect(await count('events')).toBe(500);
  });

  test('a sink that dies before its commit repeats rows that change nothing', async () => {
    source.append(
      payments,
      Array.from({ length: 120 }, (_, i) => ({ value: `${i}` })),
    );
    const membership = createTestMembership([payments], commits);
    membership.failCommits(true);
    const first = create({ membership });
    await first.start();
    await first.drain();
    expect(commits.size).toBe(0);
    source.append(payments, [{ value: 'more' }]);
    const second = create();
    await second.start();
    await second.drain();
    expect(commits.get('payments-0')).toBe(121n);
    expect(await count('events FINAL')).toBe(121);
    expect(await count('events FINAL WHERE previous_offset != offset - 1')).toBe(0);
  });

  test('a record that is no result is kept in sink_rejects and blocks nothing', async () => {
    source.append(windows, [
      { value: 'not json' },
      { value: null },
      { value: '{"kind":"constructor"}' },
      { value: JSON.stringify(testWindow(1, { revision: '18446744073709551616' })) },
      { value: JSON.stringify({ ...testWindow(1), windowStartMs: 'x' }) },
    ]);
    appendWindow(testWindow(2));
    const sink = create();
    await sink.start();
    await sink.drain();
    expect(await clickhouse.rows(`SELECT offset, reason FROM ${database}.sink_rejects ORDER BY offset`)).toEqual([
      ['0', 'not JSON'],
      ['1', 'no value'],
      ['2', 'not a result'],
      ['3', 'window: revision is not as it must be'],
      ['4', 'window: windowStartMs is not as it must be'],
    ]);
    expect(await count('window_results')).toBe(1);
    expect(sink.status().rejects).toBe(5);
    expect(commits.get(`${windows.topic}-0`)).toBe(6n);
  });

  test('a row that ClickHouse refuses stands alone in sink_rejects', async () => {
    const first = create({ membership: createTestMembership([]) });
    await first.start();
    await first.drain();
    await clickhouse.client.command({
      query: `ALTER TABLE ${database}.window_results ADD CONSTRAINT c CHECK key != 'bad'`,
    });
    appendWindow(
      ...Array.from({ length: 20 }, (_, i) => testWindow(i, { key: i === 7 || i === 12 ? 'bad' : `k${i}` })),
    );
    const sink = create();
    await sink.start();
    await sink.drain();
    expect(await count('window_results FINAL')).toBe(18);
    expect(await count(`sink_rejects FINAL WHERE topic = 'table window_results' AND reason LIKE '%469%'`)).toBe(2);
  });

  test('a gap is counted, kept and passed; the chain shows it', async () => {
    source.append(
      payments,
      Array.from({ length: 10 }, (_, i) => ({ value: `${i}` })),
    );
    const sink = create();
    await sink.start();
    await eventually('committed', () => commits.get('payments-0') === 10n);
    await sink.drain();
    source.append(
      payments,
      Array.from({ length: 10 }, (_, i) => ({ value: `${i + 10}` })),
    );
    source.trim(payments, 15n);
    const next = create();
    await next.start();
    await next.drain();
    expect(next.status().gaps).toBe(1);
    expect(
      await clickhouse.rows(`SELECT topic, epoch, partition, from_offset, to_offset FROM ${database}.archive_gaps`),
    ).toEqual([['payments', 3, 0, '10', '15']]);
    expect(await clickhouse.rows(`SELECT previous_offset FROM ${database}.events WHERE offset = 15`)).toEqual([['14']]);
  });

  test('holes of control records do not break the chain', async () => {
    source.append(payments, [{ value: 'a' }]);
    source.skip(payments, 3);
    source.append(payments, [{ value: 'b' }]);
    source.skip(payments, 1);
    const first = create();
    await first.start();
    await first.drain();
    expect(commits.get('payments-0')).toBe(6n);
    source.append(payments, [{ value: 'c' }]);
    const second = create();
    await second.start();
    await second.drain();
    expect(await clickhouse.rows(`SELECT offset, previous_offset FROM ${database}.events ORDER BY offset`)).toEqual([
      ['0', '-1'],
      ['4', '0'],
      ['6', '4'],
    ]);
  });

  test('a topic that was made anew parks its partition alone', async () => {
    commits.set('payments-0', 100n);
    source.append(payments, [{ value: 'other incarnation' }]);
    appendWindow(testWindow(1));
    const sink = create();
    await sink.start();
    await eventually('the other topic goes on', () => commits.get(`${windows.topic}-0`) === 1n);
    await eventually('its own is parked', () => sink.status().state === 'parked');
    expect(sink.status().detail).toContain('payments-0 ends at 1');
    await sink.drain();
    expect(await count('events')).toBe(0);
  });

  test('takes over partitions while it runs and lets go of revoked ones', async () => {
    const membership = createTestMembership([], commits);
    source.append(payments, [{ value: 'a' }]);
    const sink = create({ membership });
    await sink.start();
    membership.handlers().assigned([payments]);
    await eventually('committed', () => commits.get('payments-0') === 1n);
    membership.handlers().revoked([payments], 'revoked');
    await eventually('closed', () => sink.status().partitions === 0);
    await sink.drain();
  });
});
