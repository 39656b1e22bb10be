import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '../../telemetry/logger.ts';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { writeAlert, writeDecision } from './decision-rows.ts';
import { createTableSink } from './insert.ts';
import { migrate } from './migrate.ts';
import { createRowBuffer } from './row-binary.ts';
import { alertsOn } from './stored-alerts.ts';
import { writeWindow, type TableName } from './tables.ts';
import { insightStartMs, testAlert, testDecision } from './testbed-insights-suite.ts';
import { startTestClickHouse, testWindow, type TestClickHouse } from './testbed-suite.ts';

const minuteStartMs = Math.floor(insightStartMs / 60_000) * 60_000;

describeUnless([requireChdb()], 'what is stored on one payment', () => {
  let clickhouse: TestClickHouse;
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
    const value = JSON.stringify({
      ...{ id: 'p1', source: 'shop', type: 'payment', version: 2, eventTimeMs: insightStartMs, cardId: 'card-1' },
      ...{ amountMinor: 1_250, currency: 'EUR', country: 'FR', key: 'card-1' },
    });
    await clickhouse.client.insert({
      table: 'millrace.events',
      columns: ['topic', 'epoch', 'partition', 'offset', 'value'],
      values: [['payments', 1, 3, '9007199254740993', value]],
      format: 'JSONCompactEachRow',
    });
    await write('decisions', writeDecision, [testDecision(1), testDecision(2), testDecision(3, { paymentId: 'p2' })]);
    const windowEndMs = minuteStartMs + 60_000;
    await write('window_results', writeWindow, [
      testWindow(1, { output: 'country_1m', key: 'FR/EUR', windowStartMs: minuteStartMs, windowEndMs, state: 'final' }),
    ]);
  });
  afterAll(() => clickhouse.stop());

  test('[H6] raw event, decision, feature, rule and window are joined by the same ids, one row each', async () => {
    expect(
      await clickhouse.rows(
        `SELECT p.id, p.offset = d.offset, d.outcome, f.name, f.value, v.rule_id, w.state
         FROM millrace.payments AS p
         INNER JOIN millrace.decisions_final AS d ON d.payment_source = p.source AND d.payment_id = p.id
         INNER JOIN millrace.features AS f ON f.payment_source = p.source AND f.payment_id = p.id
         INNER JOIN millrace.rule_verdicts AS v ON v.payment_source = p.source AND v.payment_id = p.id
         INNER JOIN millrace.revenue_final AS w ON w.country = p.country AND w.currency = p.currency
           AND w.window_start = toStartOfMinute(p.event_time)
         WHERE f.name = 'cardCount1m' AND v.verdict = 'hit' AND w.output = 'country_1m'`,
      ),
    ).toEqual([['p1', 1, 'decline', 'cardCount1m', 6, 'velocity', 'final']]);
  });

  test('[H6] the alerts of a payment are found by its id, each as it stands now, also when it names newer payments only', async () => {
    await write('alerts', writeAlert, [
      testAlert(1, { decisionPaymentIds: ['p1'] }),
      testAlert(2, { transition: 'updated', hits: 2, decisionPaymentIds: ['p2'], paymentId: 'p2' }),
      testAlert(3, { alertId: 'other', decisionPaymentIds: ['p9'] }),
    ]);
    const from = { client: clickhouse.client, database: 'millrace' };
    expect(await alertsOn(from, 'p1')).toEqual([
      testAlert(2, { transition: 'updated', hits: 2, decisionPaymentIds: ['p2'], paymentId: 'p2' }),
    ]);
    expect(await alertsOn(from, 'unknown')).toEqual([]);
  });
});
