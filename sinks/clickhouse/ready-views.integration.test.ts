import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createRowBuffer } from './row-binary.ts';
import { createTableSink } from './insert.ts';
import { migrate } from './migrate.ts';
import { writeDecision } from './decision-rows.ts';
import { writePrediction, writeRecommendationList } from './insight-rows.ts';
import { storedLists } from './stored-lists.ts';
import { writeWindow, type TableName } from './tables.ts';
import { insightStartMs, testDecision, testList, testPrediction } from './testbed-insights-suite.ts';
import { startTestClickHouse, testWindow, type TestClickHouse } from './testbed-suite.ts';

const hour = '2025-11-24 16:00:00';
const minuteMs = 60_000;

describeUnless([requireChdb()], 'ready-made views', () => {
  let clickhouse: TestClickHouse;
  const rows = <T extends readonly unknown[]>(query: string) => clickhouse.rows<T>(query);
  const event = (topic: string, offset: number, fields: object) =>
    clickhouse.client.insert({
      table: 'millrace.events',
      columns: ['topic', 'epoch', 'partition', 'offset', 'value'],
      values: [
        [topic, 1, 0, offset, JSON.stringify({ source: 'shop', version: 1, id: `${topic}-${offset}`, ...fields })],
      ],
      format: 'JSONCompactEachRow',
    });
  const write = async <T>(
    table: TableName,
    put: (to: ReturnType<typeof createRowBuffer>, row: T) => void,
    all: T[],
  ) => {
    const block = createRowBuffer();
    for (const row of all) put(block, row);
    await createTableSink(clickhouse.client, 'millrace').write([{ table, block }]);
  };

  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
    await migrate(clickhouse.client, { database: 'millrace', logger: silentLogger });
  });
  afterAll(() => clickhouse.stop());

  test('fraud by country and hour counts a payment once, by its newest label', async () => {
    const decision = (paymentId: string, changes: object) => testDecision(1, { paymentId, ...changes });
    await write('decisions', writeDecision, [
      decision('p1', {}),
      decision('p1', {}),
      decision('p2', { outcome: 'approve' }),
      decision('p3', { outcome: 'approve', paymentSource: 'till' }),
      decision('p4', { outcome: 'review', rules: [{ ruleId: 'velocity', verdict: 'error', weight: 40, reason: 'x' }] }),
      decision('p5', { outcome: 'approve', country: null, eventTimeMs: insightStartMs + 60 * minuteMs, rules: [] }),
    ]);
    const label = (offset: number, fields: object) =>
      event('labels', offset, { type: 'label', cardId: 'card-1', paymentEventTimeMs: insightStartMs, ...fields });
    await label(0, { paymentId: 'p1', verdict: 'confirmed', eventTimeMs: 5 });
    await label(1, { paymentId: 'p2', verdict: 'confirmed', eventTimeMs: 7 });
    await label(2, { paymentId: 'p2', verdict: 'refuted', eventTimeMs: 6 });
    await label(3, { paymentId: 'p3', paymentSource: 'shop', verdict: 'confirmed', eventTimeMs: 5 });
    expect(
      await rows(
        `SELECT toString(hour), country, payments, declined, reviewed, confirmed, missed, decline_rate, fraud_rate
         FROM millrace.fraud_by_country_hour ORDER BY hour`,
      ),
    ).toEqual([
      [hour, 'FR', '4', '1', '1', '2', '1', 0.25, 0.5],
      ['2025-11-24 17:00:00', '', '1', '0', '0', '0', '0', 0, 0],
    ]);
    expect(
      await rows(
        `SELECT toString(hour), rule_id, judged, hits, hits_declined, errors, hit_rate FROM millrace.rule_hit_rates ORDER BY rule_id`,
      ),
    ).toEqual([
      [hour, 'distance', '3', '0', '0', '0', 0],
      [hour, 'velocity', '3', '3', '1', '1', 1],
    ]);
  });

  test('revenue per minute shows each country once, the newest row of a minute', async () => {
    await write('window_results', writeWindow, [
      testWindow(1, { state: 'provisional' }),
      testWindow(2),
      testWindow(3, { key: 'DE/EUR', values: { count: 3, sumMinor: 300, meanMinor: 100, maxMinor: 200 } }),
      testWindow(3, { output: 'country_1h' }),
      testWindow(3, { output: 'merchant_1m', key: 'm1/EUR' }),
    ]);
    expect(
      await rows(
        `SELECT toString(minute), country, currency, payments, revenue_minor, state FROM millrace.revenue_per_minute ORDER BY country`,
      ),
    ).toEqual([
      [`${hour}.000`, 'DE', 'EUR', '3', '300', 'final'],
      [`${hour}.000`, 'FR', 'EUR', '2', '100', 'final'],
    ]);
  });

  test('trending history shows the list of every minute by rank', async () => {
    const next = { eventTimeMs: insightStartMs + minuteMs };
    await write('recommendation_lists', writeRecommendationList, [
      testList(1),
      testList(2, { ...next, items: [{ itemId: 'i3', score: 4, reason: 'new' }] }),
      testList(3, { list: 'personal' }),
    ]);
    expect(
      await rows(
        'SELECT toString(minute), category, rank, item_id, score, reason FROM millrace.trending_history ORDER BY minute, rank',
      ),
    ).toEqual([
      [`${hour}.000`, 'all', 1, 'i1', 9.5, 'hot'],
      [`${hour}.000`, 'all', 2, 'i2', 3, 'warm'],
      ['2025-11-24 16:01:00.000', 'all', 1, 'i3', 4, 'new'],
    ]);
  });

  test('the session funnel counts steps in their order, and a repeated interaction once', async () => {
    const act = (offset: number, sessionId: string, action: string, atMs: number, id = `i${offset}`) =>
      event('interactions', offset, {
        ...{ id, type: 'interaction', action, userId: 'u', sessionId, itemId: 'x' },
        eventTimeMs: insightStartMs + atMs,
        attributionId: 'list-1',
      });
    await act(0, 's1', 'view', 0);
    await act(1, 's1', 'click', 1);
    await act(2, 's1', 'click', 1, 'i1');
    await act(3, 's1', 'purchase', 30);
    await act(4, 's1', 'cart', 20);
    await act(5, 's2', 'view', 10);
    await act(6, 's2', 'cart', 5);
    await act(7, 's3', 'click', 0);
    expect(
      await rows(
        'SELECT session_id, interactions, level, viewed, clicked, carted, purchased FROM millrace.session_funnel ORDER BY session_id',
      ),
    ).toEqual([
      ['s1', '4', 4, 1, 1, 1, 1],
      ['s2', '2', 1, 1, 0, 0, 0],
      ['s3', '1', 0, 0, 0, 0, 0],
    ]);
    expect(await rows('SELECT DISTINCT attribution_id FROM millrace.interactions')).toEqual([['list-1']]);
  });

  test('a served list is readable', async () => {
    await event('interactions', 8, {
      ...{ type: 'served', attributionId: 'list-1', userId: 'u', list: 'personal', items: ['x', 'y'] },
      ...{ eventTimeMs: insightStartMs, atMs: insightStartMs },
    });
    expect(await rows('SELECT attribution_id, user_id, list, items, toString(served_at) FROM millrace.served')).toEqual(
      [['list-1', 'u', 'personal', ['x', 'y'], `${hour}.000`]],
    );
  });

  test('[F12] what came of the lists that were shown is counted once a list, and by what was clicked in it', async () => {
    const shown = (offset: number, attributionId: string, list: string) =>
      event('interactions', offset, {
        ...{ type: 'served', attributionId, userId: 'u', list, items: ['x'], eventTimeMs: 0, atMs: insightStartMs },
      });
    await shown(9, 'list-2', 'personal');
    await shown(10, 'list-3', 'trending');
    const act = (offset: number, action: string) =>
      event('interactions', offset, {
        ...{ type: 'interaction', action, userId: 'u', sessionId: 's9', itemId: 'x', attributionId: 'list-2' },
        eventTimeMs: insightStartMs,
      });
    await act(11, 'click');
    await act(12, 'click');
    const outcomes = 'SELECT list, lists, clicked, purchased, click_rate, purchase_rate FROM millrace.served_outcomes';
    expect(await rows(`${outcomes} ORDER BY list`)).toEqual([
      ['personal', '2', '2', '1', 1, 0.5],
      ['trending', '1', '0', '0', 0, 0],
    ]);
  });

  test('of two lists of a key at one revision the later output is the newest, and stored lists are given as published', async () => {
    const twice = testList(20, { key: 'books', eventTimeMs: insightStartMs });
    const later = { ...twice, eventTimeMs: insightStartMs + minuteMs, producer: { ...twice.producer, index: 3 } };
    await write('recommendation_lists', writeRecommendationList, [later, twice]);
    expect(await rows(`SELECT output_index FROM millrace.recommendation_lists_final WHERE key = 'books'`)).toEqual([
      [3],
    ]);
    const from = { client: clickhouse.client, database: 'millrace' };
    const query = { pipeline: twice.pipeline, version: twice.version, list: 'trending' as const };
    expect(await storedLists(from, { ...query, key: 'books' })).toEqual([later]);
    expect((await storedLists(from, query)).map(({ key }) => key).toSorted()).toEqual(['all', 'books']);
    expect(await storedLists(from, { ...query, list: 'personal', key: 'nobody' })).toEqual([]);
    const after = async (key: string) => (await storedLists(from, { ...query, after: key })).map((list) => list.key);
    expect([await after(''), await after('all'), await after('books')]).toEqual([['all', 'books'], ['books'], []]);
    expect(await storedLists(from, { ...query, after: 'all' })).toEqual([later]);
  });

  test('a forecast stands beside what the minute was, wherever that was said', async () => {
    const next = { targetMs: insightStartMs + minuteMs };
    await write('predictions', writePrediction, [
      testPrediction(1, { actual: 110.5 }),
      testPrediction(1, { horizonMinutes: 0, forecast: 0, low: 0, high: 0, ...next, actual: 130.5, isAnomaly: true }),
      testPrediction(1, { horizonMinutes: 5, ...next }),
      testPrediction(1, { targetMs: insightStartMs + 2 * minuteMs }),
    ]);
    expect(
      await rows(
        `SELECT toString(minute), horizon_minutes, forecast, actual, error, is_inside FROM millrace.forecast_against_actual ORDER BY minute`,
      ),
    ).toEqual([
      [`${hour}.000`, 1, 100.5, 110.5, -10, 1],
      ['2025-11-24 16:01:00.000', 5, 100.5, 130.5, -30, 0],
    ]);
  });

  test('[H6] every example of docs/sql.md runs and finds something', async () => {
    const text = await readFile(new URL('../../docs/sql.md', import.meta.url), 'utf8');
    const examples = [...text.matchAll(/```sql\n([^]*?)```/g)].map(([, sql]) => sql ?? '');
    expect(examples.length).toBeGreaterThan(6);
    const { client } = clickhouse;
    for (const query of examples) {
      const result = await client.query({
        query,
        format: 'JSONCompactEachRow',
        http_headers: { 'x-clickhouse-database': 'millrace' },
      });
      expect((await result.json()).length, query).toBeGreaterThan(0);
    }
  });
});
