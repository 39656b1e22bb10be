import { expect, test } from 'vitest';
import { testAlert } from '../clickhouse/testbed-insights-suite.ts';
import { messageOf, webhookIdOf } from './message.ts';

test('[H9] the id is of the producer position: any part of it gives another id, nothing else does', () => {
  const { producer } = testAlert(7);
  const changes = [
    { pipeline: 'other' },
    { version: 2 },
    { shard: 1 },
    { epoch: 2 },
    { orderOffset: '8' },
    { index: 1 },
  ];
  const ids = [producer, ...changes.map((change) => ({ ...producer, ...change }))].map(webhookIdOf);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids[0]).toMatch(/^msg_[0-9a-f]{32}$/);
  expect(webhookIdOf({ ...producer, entryId: 'another' })).toBe(ids[0]);
});

test('the body is type, timestamp and data, the same bytes each time', () => {
  const alert = testAlert(7);
  const text = messageOf(alert).body();
  expect(JSON.parse(text)).toEqual({
    type: 'alert.raised',
    timestamp: new Date(alert.clockMs).toISOString(),
    data: {
      ...{
        alertId: 'a1',
        transition: 'raised',
        severity: 'high',
        title: 'card card-1',
        reasons: ['one', 'two'],
        hits: 1,
      },
      ...{ entityType: 'card', entityId: 'card-1', fingerprint: 'card:card-1', paymentId: null },
      firstEventTimeMs: alert.firstEventTimeMs,
      lastEventTimeMs: alert.lastEventTimeMs,
      decisionPaymentIds: ['p1'],
      ...{ pipeline: 'fraud', version: 1, revision: alert.revision },
    },
  });
  expect(messageOf(JSON.parse(JSON.stringify(alert)) as typeof alert).body()).toBe(text);
});
