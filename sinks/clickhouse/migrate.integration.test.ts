import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../telemetry/logger.ts';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { loadMigrations, migrate, statementsOf, type Migration } from './migrate.ts';
import { startTestClickHouse, type TestClickHouse } from './testbed-suite.ts';
import { applyTtl } from './ttl.ts';

describeUnless([requireChdb()], 'migrations', () => {
  let clickhouse: TestClickHouse;
  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
  });
  afterAll(() => clickhouse.stop());
  const run = (database: string, migrations?: readonly Migration[]) =>
    migrate(clickhouse.client, { database, logger: silentLogger, ...(migrations && { migrations }) });

  test('[H4] a fresh ClickHouse gets every table and view, once', async () => {
    const files = await loadMigrations();
    expect(await run('fresh')).toEqual(files.map(({ name }) => name));
    expect(await run('fresh')).toEqual([]);
    const tables = await clickhouse.rows<[string]>(`SELECT name FROM system.tables WHERE database = 'fresh'`);
    expect(tables.flat()).toEqual(
      expect.arrayContaining([
        'events',
        'order_log',
        'window_results',
        'window_results_final',
        'revenue_final',
        'payments',
        'labels',
      ]),
    );
    for (const [view] of await clickhouse.rows<[string]>(
      `SELECT name FROM system.tables WHERE database = 'fresh' AND engine = 'View'`,
    ))
      expect(await clickhouse.rows(`SELECT * FROM fresh.${view}`), view).toEqual([]);
  });

  test('a migration that stopped half-way is run again', async () => {
    const create = {
      number: 1,
      name: '0001_a.sql',
      sql: 'CREATE TABLE IF NOT EXISTS {database}.a (x UInt8) ENGINE = Memory;\n',
    };
    const broken = { ...create, sql: `${create.sql}CREATE TABLE {database}.b (x Nope) ENGINE = Memory;\n` };
    await expect(run('half', [broken])).rejects.toThrow();
    expect(await run('half', [create])).toEqual(['0001_a.sql']);
  });

  test('an edited migration and a newer database are refused', async () => {
    const one = { number: 1, name: '0001_a.sql', sql: 'SELECT 1;\n' };
    const two = { number: 2, name: '0002_b.sql', sql: 'SELECT 2;\n' };
    await run('edited', [one, two]);
    await expect(run('edited', [{ ...one, sql: 'SELECT 3;\n' }, two])).rejects.toMatchObject({ code: 'edited' });
    await expect(run('edited', [one])).rejects.toMatchObject({ code: 'newer' });
    await expect(run('a b')).rejects.toMatchObject({ code: 'name' });
  });

  test('rows are kept as many days as told, counted from when they were written', async () => {
    await run('ttl');
    const unlimited = { decisions: 0, alerts: 0, deliveries: 0, recommendations: 0 };
    const days = { events: 30, orderLog: 1, windows: 365, deadLetters: 7, late: 0, ...unlimited, predictions: 9 };
    await applyTtl(clickhouse.client, 'ttl', days);
    await applyTtl(clickhouse.client, 'ttl', days);
    const ttl = async (table: string) =>
      (
        await clickhouse.rows<[string]>(
          `SELECT extract(create_table_query, ' TTL (.*?)(?: SETTINGS|$)') FROM system.tables WHERE database = 'ttl' AND name = '${table}'`,
        )
      )[0]?.[0];
    expect(await ttl('events')).toBe('toDateTime(ingested_at) + toIntervalDay(30)');
    expect(await ttl('order_log'), 'never shorter than events').toBe('toDateTime(ingested_at) + toIntervalDay(30)');
    expect(await ttl('late_records')).toBe('');
    expect(await ttl('decisions')).toBe('');
    expect(await ttl('forecast_scores')).toBe('toDateTime(inserted_at) + toIntervalDay(9)');
    await applyTtl(clickhouse.client, 'ttl', { ...days, events: 0 });
    expect([await ttl('events'), await ttl('order_log')]).toEqual(['', '']);
  });

  test('[H6] raw events are readable rows, of every version', async () => {
    await run('views');
    const insert = (topic: string, offset: number, event: object | string) =>
      clickhouse.client.insert({
        table: 'views.events',
        columns: ['topic', 'epoch', 'partition', 'offset', 'value'],
        values: [[topic, 1, 0, offset, typeof event === 'string' ? event : JSON.stringify(event)]],
        format: 'JSONCompactEachRow',
      });
    const base = { source: 'shop', eventTimeMs: 1_700_000_000_123, key: 'c' };
    await insert('payments', 0, {
      ...base,
      id: 'p1',
      type: 'payment',
      version: 1,
      amount: '57.16',
      currency: 'EUR',
      cardId: 'c',
    });
    await insert('payments', 1, {
      ...base,
      id: 'p2',
      type: 'payment',
      version: 1,
      amount: 1999,
      currency: 'JPY',
      cardId: 'c',
    });
    await insert('payments', 2, {
      ...base,
      id: 'p3',
      type: 'payment',
      version: 2,
      amountMinor: 5716,
      currency: 'EUR',
      cardId: 'c',
      country: 'DE',
    });
    await insert('payments', 3, 'not json');
    await insert('interactions', 0, {
      ...base,
      id: 'i1',
      type: 'interaction',
      version: 1,
      action: 'view',
      userId: 'u',
      sessionId: 's',
      itemId: 'x',
    });
    await insert('labels', 0, {
      ...base,
      id: 'l1',
      type: 'label',
      version: 1,
      verdict: 'confirmed',
      paymentId: 'p1',
      paymentEventTimeMs: 5,
      cardId: 'c',
    });
    expect(
      await clickhouse.rows(
        'SELECT id, amount_minor, currency, country, toString(event_time) FROM views.payments ORDER BY id',
      ),
    ).toEqual([
      ['p1', '5716', 'EUR', null, '2023-11-14 22:13:20.123'],
      ['p2', '1999', 'JPY', null, '2023-11-14 22:13:20.123'],
      ['p3', '5716', 'EUR', 'DE', '2023-11-14 22:13:20.123'],
    ]);
    expect(await clickhouse.rows('SELECT id, action, price_minor FROM views.interactions')).toEqual([
      ['i1', 'view', null],
    ]);
    expect(
      await clickhouse.rows(
        'SELECT p.id, l.verdict FROM views.labels AS l JOIN views.payments AS p ON p.id = l.payment_id',
      ),
    ).toEqual([['p1', 'confirmed']]);
  });
});

test('statements end at a semicolon that ends a line', () => {
  expect(statementsOf("-- a;\nSELECT ';' AS x;\n\n-- only a comment;\n;\nSELECT 2")).toEqual([
    "SELECT ';' AS x",
    'SELECT 2',
  ]);
});
