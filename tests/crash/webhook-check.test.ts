import { expect, test } from 'vitest';
import type { Received } from '../../sinks/webhook/webhook-suite.ts';
import { checkWebhooks, webhookFaults } from './webhook-check.ts';

const received = (id: string, alertId: string, transition: string, revision: number, says = ''): Received => ({
  ...{ id, alertId, transition },
  body: JSON.stringify({ says, data: { revision: String(revision) } }),
});

test('[D7] finds an id with two contents, an alert untold and one that there is not; the same again is none of these', () => {
  const told = [
    received('m1', 'a', 'raised', 1),
    received('m1', 'a', 'raised', 1),
    received('m2', 'b', 'updated', 2),
    received('m2', 'b', 'updated', 2, 'something else'),
    received('m4', 'c', 'retracted', 4),
    received('m3', 'c', 'raised', 3),
    received('m5', 'e', 'raised', 5),
  ];
  const found = checkWebhooks(told, new Set(['a', 'b', 'c', 'd']));
  expect(found).toEqual({ ids: 5, repeats: 2, twofold: 1, untold: 2, unfounded: 1 });
  expect(webhookFaults(found)).toHaveLength(3);
  expect(webhookFaults(checkWebhooks(told.slice(0, 2), new Set(['a'])))).toEqual([]);
});
