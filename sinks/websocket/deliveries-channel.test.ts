import { expect, test } from 'vitest';
import { buildBatch } from '../../sources/batch.ts';
import { testDelivery } from '../clickhouse/testbed-insights-suite.ts';
import { createDeliveriesChannel } from './deliveries-channel.ts';

const limits = { frameRowsMax: 100, resumeWindowMs: 60_000, resumeMessagesMax: 100, deliveriesMax: 2 };

test('[H12] the newest attempts are held, each once; notes are no rows, and what is neither is told', () => {
  const channel = createDeliveriesChannel(limits);
  const values = [
    testDelivery(),
    testDelivery(),
    { kind: 'endpoint-note', endpoint: 'ops', note: 'added', webhookId: '', atMs: 1 },
    testDelivery({ attempt: 2, outcome: 'delivered', status: 204 }),
    testDelivery({ endpoint: 'other' }),
    { kind: 'alert' },
  ].map((value, i) => ({
    ...{ recordOffset: BigInt(i), timestampMs: 0, key: null, headers: [] },
    value: Buffer.from(JSON.stringify(value)),
  }));
  const batch = buildBatch({ topic: 'millrace.deliveries', partition: 0 }, 'create', values, 6n);
  expect(values.map((_, i) => channel.add(batch, i))).toEqual([true, true, true, true, true, false]);
  expect([...channel.view.rows()].map(({ row }) => row)).toEqual([
    testDelivery({ attempt: 2, outcome: 'delivered', status: 204 }),
    testDelivery({ endpoint: 'other' }),
  ]);
});
