import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { DeliveryAttempt } from '../events/decisions.ts';
import type { LiveRow } from '../live/messages.ts';
import { describeUnless, requireChromium } from '../tests/requirements.ts';
import { openPageLab, type PageLab } from './page-suite.ts';
import { statusRow } from './shop-suite.ts';

const noon = Date.UTC(2026, 5, 1, 10, 0);

function attemptRow(changes: Partial<DeliveryAttempt>): LiveRow<DeliveryAttempt> {
  const row: DeliveryAttempt = {
    ...{ kind: 'delivery', webhookId: 'msg_1', endpoint: 'ops', alertId: 'alert-1', transition: 'raised', attempt: 1 },
    ...{ outcome: 'failed', status: 503, detail: 'HTTP 503', atMs: noon, nextAtMs: noon + 5_000 },
    ...changes,
  };
  return { id: `${row.endpoint} ${row.webhookId} ${row.attempt}`, revision: String(row.atMs), row };
}

describeUnless([requireChromium()], 'webhooks on the page System', () => {
  let lab: PageLab;
  beforeAll(async () => {
    lab = await openPageLab();
  });
  afterEach(() => lab.closeOpened());
  afterAll(() => lab.close());

  test('[H12] every attempt is listed by its endpoint as it is made, the newest first, its text as text', async () => {
    const gateway = await lab.gateway();
    gateway.push('system', [statusRow(noon)]);
    gateway.push('deliveries', [attemptRow({ detail: '<b>HTTP 503</b>' })]);
    const opened = await lab.open(gateway, { hash: '#/system' });
    const card = opened.page.getByRole('region', { name: 'Webhooks' });
    await card.locator('[data-delivery=failed]').waitFor();
    expect(await card.locator('tbody tr').innerText()).toMatch(
      /ops\s+12:00:00\s+failed\s+raised alert-1\s+1\s+<b>HTTP 503<\/b>, again at 12:00:05/,
    );
    gateway.push('deliveries', [
      attemptRow({ attempt: 2, outcome: 'delivered', status: 204, detail: '', atMs: noon + 5_000, nextAtMs: null }),
      attemptRow({ endpoint: 'archive', webhookId: 'msg_2', outcome: 'dead', nextAtMs: null }),
    ]);
    await card.locator('[data-delivery=delivered]').waitFor();
    const lines = await card.locator('tbody tr').allInnerTexts();
    expect(lines.map((line) => line.replaceAll(/\s+/g, ' '))).toEqual([
      expect.stringMatching(/^archive .* dead /),
      expect.stringMatching(/^ops .* delivered raised alert-1 2 HTTP 204/),
      expect.stringMatching(/^ops .* failed /),
    ]);
    expect(await card.innerText()).toContain('1 of the newest 3 delivered');
    expect(opened.faults).toEqual([]);
  });
});
