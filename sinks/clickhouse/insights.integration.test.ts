import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { resultTopics } from '../../events/topics.ts';
import { createMemorySource, type MemorySource } from '../../sources/memory.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createClickHouseSink } from './sink.ts';
import { decisionColumns, decisionsOn, differingColumns, storedDecisions } from './stored-decisions.ts';
import {
  insightStartMs,
  testAlert,
  testDecision,
  testDelivery,
  testList,
  testPrediction,
  testScore,
} from './testbed-insights-suite.ts';
import { createTestMembership, startTestClickHouse, type TestClickHouse } from './testbed-suite.ts';

describeUnless([requireChdb()], 'decisions, alerts, deliveries, lists and predictions in ClickHouse', () => {
  let clickhouse: TestClickHouse;
  let database = '';
  let source: MemorySource;
  let databases = 0;
  const places = [
    resultTopics.decisions,
    resultTopics.alerts,
    resultTopics.deliveries,
    resultTopics.recommendations,
    resultTopics.predictions,
  ].map((topic) => ({ topic, partition: 0 }));

  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
  });
  afterAll(() => clickhouse.stop());
  beforeEach(() => {
    database = `insights_${databases++}`;
    source = createMemorySource({ batchRecordsMax: 50 });
  });

  const append = (topic: string, ...results: object[]): void => {
    source.append(
      { topic, partition: 0 },
      results.map((result) => ({ value: JSON.stringify(result) })),
    );
  };
  /** Reads everything from the first offset on: a second call is a redelivery. */
  const drain = async (): Promise<void> => {
    const sink = createClickHouseSink({
      client: clickhouse.client,
      database,
      reader: source.reader(),
      membership: createTestMembership(places),
      topics: { inputs: [], orders: [], results: Object.values(resultTopics) },
      epoch: 1,
      limits: { batchWaitMs: 5, insertsPerMinuteMax: 6_000, drainTimeoutMs: 60_000 },
      clock: systemClock,
      logger: silentLogger,
      metrics: createMetrics(),
    });
    await sink.start();
    await sink.drain();
  };
  const rows = <T extends readonly unknown[]>(select: string) => clickhouse.rows<T>(select.replaceAll('$', database));

  test('a decision comes out as it was made: every feature and rule', async () => {
    const decision = testDecision(1);
    append(resultTopics.decisions, decision);
    await drain();
    expect(
      await rows(
        `SELECT pipeline, version, payment_source, payment_id, toUnixTimestamp64Milli(event_time), card_id, terminal_id, device_id,
           merchant_id, country, amount_minor, currency, outcome, score, review_score, decline_score, rule_set_version, rules, features,
           toUnixTimestamp64Milli(clock), topic, partition, offset, revision, shard, epoch, order_offset, output_index, entry_id
         FROM $.decisions`,
      ),
    ).toEqual([
      [
        ...['fraud', 1, 'shop', 'p1', String(decision.eventTimeMs), 'card-1', 't1', null, 'm1', 'FR'],
        ...['9007199254740991', 'EUR', 'decline', 0.1, 0.05, 0.1, 'abc.2'],
        ...[JSON.stringify(decision.rules), JSON.stringify(decision.features), String(decision.clockMs)],
        ...['payments', 3, '9007199254740993', decision.revision, 0, 1, '1', 0, 'e-1'],
      ],
    ]);
    expect(await rows('SELECT name, value FROM $.features ORDER BY name')).toEqual([
      ['cardCount1m', 6],
      ['cardMean1h', 0.1 + 0.2],
      ['isFirstSeen', 1],
      ['sinceLastMs', null],
    ]);
    expect(await rows("SELECT feature_values['cardCount1m'] FROM $.decisions_final")).toEqual([[6]]);
    expect(await rows('SELECT rule_id, verdict, weight, reason FROM $.rule_verdicts ORDER BY rule_id')).toEqual([
      ['distance', 'miss', 30, ''],
      ['velocity', 'hit', 40, "6 payments in 1 min, \t'quoted'"],
    ]);
  });

  test('a stored decision is held against the same one made again, column by column', async () => {
    const decision = testDecision(1);
    append(
      resultTopics.decisions,
      decision,
      testDecision(2, { paymentId: 'p2' }),
      testDecision(3, { paymentId: 'p3' }),
    );
    await drain();
    const query = { pipeline: 'fraud', version: 1, rowsMax: 10 };
    const [stored] = await storedDecisions({ client: clickhouse.client, database }, { ...query, paymentId: 'p1' });
    if (!stored) throw new Error('p1 is not stored');
    expect([stored.paymentSource, stored.paymentId, stored.epoch, stored.orderOffset]).toEqual(['shop', 'p1', 1, 1n]);
    expect(differingColumns(stored.columns, decisionColumns(decision))).toEqual([]);
    const other = { ...decision, score: 0.2, features: { ...decision.features, cardCount1m: 7 } };
    expect(differingColumns(stored.columns, decisionColumns(other))).toEqual(['score', 'features']);
    const one = { pipeline: 'fraud', version: 1, paymentId: 'p1' };
    expect(await decisionsOn({ client: clickhouse.client, database }, one)).toEqual([decision]);
    expect(await decisionsOn({ client: clickhouse.client, database }, { ...one, paymentId: 'p9' })).toEqual([]);
    const two = () => storedDecisions({ client: clickhouse.client, database }, { ...query, rowsMax: 2 });
    expect(await two()).toHaveLength(2);
    expect(await two()).toEqual(await two());
  });

  test('[H2] every kind may be delivered again: no row is added, whatever came last', async () => {
    append(
      resultTopics.decisions,
      testDecision(2, { outcome: 'approve' }),
      testDecision(1),
      testDecision(3, { paymentId: 'p2' }),
    );
    append(
      resultTopics.alerts,
      testAlert(2, { transition: 'retracted', hits: 2 }),
      testAlert(1),
      testAlert(1, { alertId: 'a2' }),
    );
    append(
      resultTopics.deliveries,
      testDelivery(),
      testDelivery({ attempt: 2, outcome: 'delivered', status: null, nextAtMs: null }),
    );
    append(
      resultTopics.recommendations,
      testList(2, { items: [] }),
      testList(1),
      testList(1, { list: 'personal', key: 'u1' }),
    );
    append(
      resultTopics.predictions,
      testPrediction(2, { actual: 90.5, anomalyScore: 4, isAnomaly: true }),
      testPrediction(1),
      testScore(1),
    );
    await drain();
    await drain();
    expect(await rows('SELECT payment_id, outcome FROM $.decisions_final ORDER BY payment_id')).toEqual([
      ['p1', 'approve'],
      ['p2', 'decline'],
    ]);
    expect(await rows('SELECT alert_id, transition, hits, reasons FROM $.alerts_final ORDER BY alert_id')).toEqual([
      ['a1', 'retracted', 2, ['one', 'two']],
      ['a2', 'raised', 1, ['one', 'two']],
    ]);
    expect(await rows('SELECT alert_id, transition FROM $.alerts FINAL ORDER BY alert_id, revision')).toEqual([
      ['a1', 'raised'],
      ['a1', 'retracted'],
      ['a2', 'raised'],
    ]);
    expect(
      await rows(
        'SELECT attempt, outcome, status, toUnixTimestamp64Milli(next_at) FROM $.deliveries_final ORDER BY attempt',
      ),
    ).toEqual([
      [1, 'failed', 503, String(insightStartMs + 5_000)],
      [2, 'delivered', null, null],
    ]);
    expect(await rows('SELECT list, key, items FROM $.recommendation_lists_final ORDER BY list')).toEqual([
      ['personal', 'u1', JSON.stringify(testList(1).items)],
      ['trending', 'all', '[]'],
    ]);
    expect(
      await rows('SELECT target, forecast, low, high, actual, anomaly_score, is_anomaly FROM $.predictions_final'),
    ).toEqual([['2025-11-24 16:00:00.000', 100.5, 80, 120, 90.5, 4, 1]]);
    expect(
      await rows(
        'SELECT mean_absolute_error, naive_mean_absolute_error, coverage, samples FROM $.forecast_scores_final',
      ),
    ).toEqual([[4.25, 8, 0.9, 1_440]]);
    expect(await rows('SELECT count() FROM $.sink_rejects')).toEqual([['0']]);
  });

  test('a trending list keeps one a minute, another list only the newest', async () => {
    const at = (minutes: number) => ({ eventTimeMs: insightStartMs + minutes * 60_000 });
    for (const list of ['trending', 'co_visited'] as const)
      append(
        resultTopics.recommendations,
        testList(1, { list }),
        testList(2, { list, ...at(0.5) }),
        testList(3, { list, ...at(1) }),
      );
    await drain();
    expect(
      await rows('SELECT list, order_offset FROM $.recommendation_lists FINAL ORDER BY list, order_offset'),
    ).toEqual([
      ['co_visited', '3'],
      ['trending', '2'],
      ['trending', '3'],
    ]);
    expect(await rows('SELECT list, order_offset FROM $.recommendation_lists_final ORDER BY list')).toEqual([
      ['co_visited', '3'],
      ['trending', '3'],
    ]);
  });

  test('of two versions the views show the one that is live', async () => {
    append(resultTopics.decisions, testDecision(1), testDecision(2, { version: 2, outcome: 'review' }));
    append(resultTopics.alerts, testAlert(5), testAlert(2, { version: 2, transition: 'updated' }));
    await drain();
    expect(await rows('SELECT version, outcome FROM $.decisions_final')).toEqual([[2, 'review']]);
    expect(await rows('SELECT version, transition FROM $.alerts_final')).toEqual([[2, 'updated']]);
    await clickhouse.client.command({
      query: `INSERT INTO ${database}.live_versions (pipeline, version, from_window_start, revision) VALUES ('fraud', 1, 0, 1)`,
    });
    expect(await rows('SELECT version, outcome FROM $.decisions_final')).toEqual([[1, 'decline']]);
    expect(await rows('SELECT version, transition FROM $.alerts_final')).toEqual([[1, 'raised']]);
  });
});
