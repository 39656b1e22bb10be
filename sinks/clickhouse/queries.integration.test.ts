import { afterAll, beforeAll, expect, test } from 'vitest';
import { revisionOf, type DeadLetter, type LateRecord, type Quarantined, type Result } from '../../events/results.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { createMemorySource } from '../../sources/memory.ts';
import { createBlocks } from './blocks.ts';
import { createTableSink } from './insert.ts';
import { migrate } from './migrate.ts';
import { recentDeadLetters, recentLate, resultCounts, windowRows } from './queries.ts';
import { startTestClickHouse, testWindow, type TestClickHouse } from './testbed-suite.ts';

describeUnless([requireChdb()], 'queries', () => {
  let clickhouse: TestClickHouse;
  const database = 'millrace';
  const from = () => ({ client: clickhouse.client, database });

  const store = async (...results: Result[]): Promise<void> => {
    const source = createMemorySource();
    const place = { topic: 'results', partition: 0 };
    source.append(
      place,
      results.map((result) => ({ value: JSON.stringify(result) })),
    );
    const blocks = createBlocks(1, (_, reason) => {
      throw new Error(reason);
    });
    const batch = source.read(place, 0n).poll();
    if (batch) blocks.add(batch, 'result', -1n);
    const sink = createTableSink(clickhouse.client, database);
    for (const [table, block] of blocks.filled()) await sink.write([{ table, block }]);
  };
  const input = { topic: 'payments', partition: 2, inputOffset: '9007199254740993', timestampMs: 1_764_000_000_123 };
  const { pipeline, version, producer, output, key, windowStartMs, windowEndMs } = testWindow(7);
  const deadLetter: DeadLetter = {
    kind: 'dead-letter',
    pipeline,
    version,
    producer,
    revision: String(revisionOf(1, 7n)),
    input,
    reason: 'invalid',
    message: 'must be a number, <b>\u0000 "quoted"',
    fieldPath: '/amountMinor',
    source: null,
    keyBase64: null,
    valueBase64: Buffer.from([0, 255, 10, 10]).toString('base64'),
  };
  const late: LateRecord = {
    kind: 'late',
    pipeline,
    version,
    producer,
    revision: deadLetter.revision,
    output,
    key,
    windowStartMs,
    windowEndMs,
    eventId: 'e',
    source: 's',
    eventTimeMs: windowStartMs + 1,
    watermarkMs: windowEndMs + 10_000,
    lateByMs: 10_000,
    wouldAdd: { count: 1 },
    input,
  };
  const quarantined: Quarantined = {
    kind: 'quarantined',
    pipeline,
    version,
    producer,
    revision: deadLetter.revision,
    input,
    eventType: 'payment',
    eventVersion: 9,
    newestKnownVersion: 2,
    keyBase64: 'aw==',
    valueBase64: '',
  };

  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
    await migrate(clickhouse.client, { database, logger: silentLogger });
  });
  afterAll(() => clickhouse.stop());

  test('[C11] [C12] windows come back as they were on their topic, the highest revision of each', async () => {
    const provisional = testWindow(1, { state: 'provisional', key: 'open', watermarkMs: -Infinity });
    const corrected = testWindow(3, {
      state: 'corrected',
      values: { sumMinor: '12345678901234567890', nested: { a: [1.5] } },
    });
    const tombstone = testWindow(5, { state: 'tombstone', key: 'gone', complete: 0 });
    const tooOld = testWindow(6, { windowStartMs: 1, windowEndMs: 2 });
    const other = testWindow(6, { output: 'merchant_1m' });
    await store(testWindow(2), corrected, provisional, testWindow(4, { key: 'gone' }), tombstone, tooOld, other);
    const rows = await windowRows(from(), { pipeline, sinceMs: windowStartMs, outputs: ['country_1m'] });
    expect(rows).toEqual(expect.arrayContaining([corrected, provisional, tombstone]));
    expect(rows).toHaveLength(3);
    expect(await windowRows(from(), { pipeline, sinceMs: 0 })).toHaveLength(5);
    expect(await windowRows(from(), { pipeline, sinceMs: 0, version: 2 })).toEqual([]);
    expect(await windowRows(from(), { pipeline, sinceMs: 0, rowsMax: 1 })).toHaveLength(1);
  });

  test('dead letters, late and quarantined records come back, and are counted', async () => {
    await store(deadLetter, late, quarantined, deadLetter);
    expect(await recentDeadLetters(from(), 10)).toEqual([deadLetter]);
    expect(await recentLate(from(), 10)).toEqual([late]);
    expect(await resultCounts(from(), input.timestampMs)).toEqual({
      deadLetters: { invalid: 1 },
      late: { country_1m: 1 },
      quarantined: { payment: 1 },
    });
    expect(await resultCounts(from(), input.timestampMs + 1)).toEqual({ deadLetters: {}, late: {}, quarantined: {} });
    expect(
      await clickhouse.rows(`SELECT hex(key), hex(value), event_version FROM ${database}.quarantined_final`),
    ).toEqual([['6B', '', 9]]);
  });

  test('[B6] the final view shows the version that is live for the window start, without gap or overlap', async () => {
    const at = (start: number, v: number) =>
      testWindow(1, { pipeline: 'swap', version: v, windowStartMs: start, windowEndMs: start + 1, values: { v } });
    await store(...[1, 2].flatMap((v) => [0, 1_000, 2_000, 3_000].map((start) => at(start, v))));
    const shown = () =>
      clickhouse.rows(
        `SELECT toUnixTimestamp64Milli(window_start), version FROM ${database}.window_results_final WHERE pipeline = 'swap' ORDER BY window_start`,
      );
    expect(await shown()).toEqual([
      ['0', 2],
      ['1000', 2],
      ['2000', 2],
      ['3000', 2],
    ]);
    await clickhouse.client.command({
      query: `INSERT INTO ${database}.live_versions (pipeline, version, from_window_start, revision)
              VALUES ('swap', 1, 0, 1), ('swap', 2, toDateTime64(2, 3, 'UTC'), 2)`,
    });
    expect(await shown()).toEqual([
      ['0', 1],
      ['1000', 1],
      ['2000', 2],
      ['3000', 2],
    ]);
  });
});
