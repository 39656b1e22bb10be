import { expect, test } from 'vitest';
import type { Alert } from '../../events/decisions.ts';
import { buildBatch } from '../../sources/batch.ts';
import { createAlertsChannel } from './alerts-channel.ts';

const limits = { frameRowsMax: 100, resumeWindowMs: 60_000, resumeMessagesMax: 100, alertsMax: 2 };
const batchOf = (...values: (object | string)[]) =>
  buildBatch(
    { topic: 'millrace.alerts', partition: 0 },
    'create',
    values.map((value, i) => ({
      ...{ recordOffset: BigInt(i), timestampMs: 0, key: null, headers: [] },
      value: Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
    })),
    BigInt(values.length),
  );
const alert = (alertId: string, revision: number, over: Partial<Alert> = {}): Partial<Alert> => ({
  ...{
    kind: 'alert',
    pipeline: 'fraud',
    version: 1,
    alertId,
    revision: String(revision),
    transition: 'raised',
    ...over,
  },
});

test('the newest transition of each alert is held, whatever came first, and only the newest alerts', () => {
  const channel = createAlertsChannel(limits);
  const batch = batchOf(
    alert('a', 1),
    alert('b', 3, { transition: 'retracted' }),
    alert('b', 2),
    alert('b', 3, { transition: 'retracted' }),
    alert('c', 4),
  );
  for (let i = 0; i < batch.count; i++) expect(channel.add(batch, i)).toBe(true);
  expect([...channel.view.rows()].map(({ row }) => row)).toEqual([
    alert('b', 3, { transition: 'retracted' }),
    alert('c', 4),
  ]);
  const [tick] = channel.view.publish(0);
  expect(tick?.rows).toHaveLength(2);
});

test('what is no alert is left out', () => {
  const channel = createAlertsChannel(limits);
  const batch = batchOf('no json', { kind: 'window', revision: '1', pipeline: 'p' }, alert('a', Number.NaN));
  for (let i = 0; i < batch.count; i++) expect(channel.add(batch, i)).toBe(false);
  expect(channel.view.size).toBe(0);
});
