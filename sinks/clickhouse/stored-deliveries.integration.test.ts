import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { resultTopics } from '../../events/topics.ts';
import { createMemorySource } from '../../sources/memory.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { messageOf } from '../webhook/message.ts';
import { createClickHouseSink } from './sink.ts';
import { deliveryLog, endpointNotes, lastAttempts, newestAlerts, unsettledTransitions } from './stored-deliveries.ts';
import { insightStartMs, testAlert, testDelivery } from './testbed-insights-suite.ts';
import { createTestMembership, startTestClickHouse, type TestClickHouse } from './testbed-suite.ts';

describeUnless([requireChdb()], 'what is stored about webhooks', () => {
  let clickhouse: TestClickHouse;
  const source = createMemorySource();
  const from = () => ({ client: clickhouse.client, database: 'webhooks' });
  const append = (topic: string, ...records: object[]) =>
    source.append(
      { topic, partition: 0 },
      records.map((record) => ({ value: JSON.stringify(record) })),
    );

  const raised = testAlert(1, { alertId: 'a1', paymentId: 'p"\n' });
  const resolved = testAlert(5, { alertId: 'a1', transition: 'resolved', hits: 9 });
  const settled = testAlert(2, { alertId: 'a2' });
  const failing = testAlert(3, { alertId: 'a3' });
  const dead = testAlert(4, { alertId: 'a4' });
  const idOf = (alert: typeof raised) => messageOf(alert).webhookId;
  const attempts = [
    testDelivery({ webhookId: idOf(raised), outcome: 'delivered', status: 200, nextAtMs: null }),
    testDelivery({ webhookId: idOf(settled), alertId: 'a2' }),
    testDelivery({ webhookId: idOf(settled), alertId: 'a2', attempt: 2, outcome: 'delivered', status: 204 }),
    testDelivery({ webhookId: idOf(failing), alertId: 'a3', status: null }),
    testDelivery({ webhookId: idOf(dead), alertId: 'a4', attempt: 10, outcome: 'dead', atMs: insightStartMs + 7 }),
    testDelivery({ webhookId: idOf(failing), alertId: 'a3', endpoint: 'other', outcome: 'disabled', status: 410 }),
  ];

  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
    append(resultTopics.alerts, raised, settled, failing, dead, resolved);
    append(resultTopics.deliveries, ...attempts);
    append(
      resultTopics.deliveries,
      { kind: 'endpoint-note', endpoint: 'ops', note: 'added', webhookId: '', atMs: insightStartMs },
      { kind: 'endpoint-note', endpoint: 'ops', note: 'resend', webhookId: idOf(dead), atMs: insightStartMs + 9 },
    );
    const sink = createClickHouseSink({
      ...from(),
      reader: source,
      membership: createTestMembership(
        [resultTopics.alerts, resultTopics.deliveries].map((topic) => ({ topic, partition: 0 })),
      ),
      topics: { inputs: [], orders: [], results: Object.values(resultTopics) },
      ...{
        epoch: 1,
        limits: { drainTimeoutMs: 60_000 },
        clock: systemClock,
        logger: silentLogger,
        metrics: createMetrics(),
      },
    });
    await sink.start();
    await sink.drain();
  });
  afterAll(() => clickhouse.stop());

  test('[H6] a transition has the same webhook id in SQL as on the wire', async () => {
    const rows = await clickhouse.rows(`SELECT webhook_id, alert_id FROM webhooks.alert_webhooks ORDER BY revision`);
    expect(rows).toEqual([raised, settled, failing, dead, resolved].map((alert) => [idOf(alert), alert.alertId]));
  });

  test('[D7] what is not settled comes back with every transition of its alert, its newest record, and the same bytes', async () => {
    const query = { endpoint: 'ops', sinceMs: insightStartMs, rowsMax: 100 };
    const found = await unsettledTransitions(from(), query);
    expect(found.map(({ alert, last }) => [alert, last])).toEqual([
      [raised, attempts[0]],
      [failing, attempts[3]],
      [dead, attempts[4]],
      [resolved, null],
    ]);
    expect(found.map(({ alert }) => messageOf(alert).body())).toEqual(
      [raised, failing, dead, resolved].map((alert) => messageOf(alert).body()),
    );
    expect(await unsettledTransitions(from(), { ...query, sinceMs: insightStartMs + 2 })).toEqual([]);
    const ofNew = await unsettledTransitions(from(), { ...query, endpoint: 'new', rowsMax: 2 });
    expect(ofNew.map(({ alert, last }) => [alert.alertId, last])).toEqual([
      ['a4', null],
      ['a1', null],
    ]);
  });

  test('the newest record by webhook and endpoint, the log, the dead, the notes', async () => {
    const newest = await lastAttempts(from(), [idOf(settled), idOf(failing), 'msg_unknown']);
    expect(newest).toHaveLength(3);
    expect(newest).toEqual(expect.arrayContaining([attempts[2], attempts[3], attempts[5]]));
    expect(await deliveryLog(from(), { isDead: true, rowsMax: 10 })).toEqual([attempts[4]]);
    expect(await deliveryLog(from(), { endpoint: 'ops', isDead: false, rowsMax: 10 })).toHaveLength(5);
    expect(await endpointNotes(from())).toMatchObject({
      notes: [
        { endpoint: 'ops', note: 'added', webhookId: '' },
        { endpoint: 'ops', note: 'resend', webhookId: idOf(dead), atMs: insightStartMs + 9 },
      ],
      disabledAtMs: new Map([['other', insightStartMs]]),
    });
    expect((await newestAlerts(from(), 2)).map(({ alertId, transition }) => [alertId, transition])).toEqual([
      ['a1', 'resolved'],
      ['a4', 'raised'],
    ]);
  });
});
