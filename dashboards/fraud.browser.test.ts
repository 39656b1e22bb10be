import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeUnless, requireChromium } from '../tests/requirements.ts';
import type { FakeGateway } from './fake-gateway-suite.ts';
import { openPageLab, shownWithinASecond, type OpenPage, type PageLab } from './page-suite.ts';
import { alertRow, decisionLine, outcomesRow, testDecision } from './shop-suite.ts';

describeUnless([requireChromium()], 'fraud and SQL in a browser', () => {
  let lab: PageLab;
  beforeAll(async () => {
    lab = await openPageLab();
  });
  afterEach(() => lab.closeOpened());
  afterAll(() => lab.close());

  const live = async (opened: OpenPage) => opened.page.getByText('live', { exact: true }).waitFor();
  const shop = async (): Promise<FakeGateway> => {
    const gateway = await lab.gateway();
    gateway.answer('/v1/decisions/try-5', () => ({ status: 200, body: testDecision() }));
    gateway.answer('/v1/alerts', () => ({ status: 200, body: { alerts: [alertRow({ revision: 1 }).row] } }));
    return gateway;
  };
  const fits = ({ page }: OpenPage) => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth);

  test('[J1] a raised alert is on the Fraud page within a second, and a retracted one says so', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway, { hash: '#/fraud' });
    await live(opened);
    const line = opened.page.locator('[data-alert="card-9"]');
    await shownWithinASecond(line, () => gateway.push('alerts', [alertRow({ revision: 1 })]));
    expect(await line.innerText()).toMatch(/high\s+raised\s+card card-9[\s\S]*<b>5 small payments<\/b> in a minute/);
    await shownWithinASecond(opened.page.locator('[data-transition=retracted]'), () =>
      gateway.push('alerts', [alertRow({ revision: 2, transition: 'retracted' })]),
    );
    expect(await line.innerText()).toMatch(/retracted[\s\S]*Retracted: its payments turned out to be honest/);
    await opened.page.getByRole('button', { name: 'open', exact: true }).click();
    await opened.page.getByText('No alert is open').waitFor();
    await opened.page.getByRole('button', { name: 'retracted', exact: true }).click();
    await line.waitFor();
    expect(opened.faults).toEqual([]);
  });

  test('[J4] from the alert to its cause in two clicks: inputs, features, every rule with its verdict, score, thresholds, place, alerts', async () => {
    const gateway = await shop();
    gateway.push('alerts', [alertRow({ revision: 1 })]);
    const opened = await lab.open(gateway);
    const { page } = opened;
    await page.getByRole('link', { name: 'why: decision on try-5' }).click();
    await page.locator('[data-decision=decline]').waitFor();
    expect(await page.title()).toBe('Fraud · millrace');
    const part = (name: string) => page.getByRole('region', { name, exact: true }).innerText();
    expect(await part('Outcome')).toMatch(/decline[\s\S]*declined\s*score 90[\s\S]*review from 50, decline from 80/);
    const rules = await part('Rules');
    expect(rules).toContain('rule set 0123456789abcdef.3');
    expect(rules.replaceAll(/\s+/g, ' ')).toMatch(
      /card-testing hit 90 <b>5 small payments<\/b> in a minute terminal-burst error 40 no such overload amount-above-own-mean miss 30 impossible-travel off 60/,
    );
    expect(await part('Payment')).toMatch(
      /€150\.00[\s\S]*card-9[\s\S]*t-3[\s\S]*–[\s\S]*shop-1[\s\S]*Germany[\s\S]*readme/,
    );
    expect(await page.locator('[data-feature=card_count_1m]').innerText()).toBe('5');
    expect(await page.locator('[data-feature=card_sum_minor_7d]').innerText()).toBe('€7.50');
    expect(await page.locator('[data-feature=device_count_1m]').innerText()).toBe('–');
    expect(await page.locator('[data-feature=card_is_first_seen]').innerText()).toBe('no');
    expect(await part('Its place in the order log')).toMatch(
      /fraud v1, shard 0, epoch 1[\s\S]*7, output 3[\s\S]*ab-7[\s\S]*payments-2 at 41/,
    );
    await expect.poll(() => part('Alerts')).toContain('card card-9: a payment declined');
    expect(await page.locator('main b b, main img').count()).toBe(0);
    gateway.push('alerts', [alertRow({ revision: 2, transition: 'retracted' })]);
    await page.locator('[data-transition=retracted]').waitFor();
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
    expect(opened.faults).toEqual([]);
  });

  test('a decision that is not stored yet is asked for again; of several sources one is chosen', async () => {
    const gateway = await shop();
    let asked = 0;
    const two = { error: 'ambiguous', message: 'payments of shop, till have this id', sources: ['shop', 'till'] };
    gateway.answer('/v1/decisions/two', () =>
      (asked += 1) < 3 ? { status: 404, body: { error: 'not_found', message: 'none' } } : { status: 409, body: two },
    );
    gateway.answer('/v1/decisions/two?source=till', () => ({ status: 200, body: testDecision({ paymentId: 'two' }) }));
    const { page } = await lab.open(gateway, { hash: '#/fraud/decisions/two' });
    await page.getByRole('link', { name: 'till' }).click();
    await page.locator('[data-decision=decline]').waitFor();
    expect(asked).toBe(3);
  });

  test('[J1] decisions by outcome and the newest decisions move by push', async () => {
    const gateway = await shop();
    gateway.push('decisions', [
      outcomesRow(1, { approve: 970, review: 20, decline: 10 }, [
        [2, 1],
        [0, 0],
        [5, 3],
      ]),
    ]);
    const opened = await lab.open(gateway);
    const { page } = opened;
    await page.locator('[data-outcome=decline]').filter({ hasText: '10' }).waitFor();
    expect(await page.locator('[data-outcome=approve]').innerText()).toMatch(/970\s*97%/);
    await page.getByRole('img', { name: /11 in the last 3 min, at most 8 in one/ }).waitFor();
    await page.getByRole('link', { name: 'Fraud' }).click();
    gateway.push('decisions', [outcomesRow(2, { approve: 971, review: 20, decline: 11 }), decisionLine()]);
    await page.locator('[data-outcome=decline]').filter({ hasText: '11' }).waitFor();
    const row = page.getByRole('region', { name: 'Newest decisions' }).locator('tbody tr').first();
    expect(await row.innerText()).toMatch(/try-5\s+decline\s+90\s+€150\.00\s+card-9\s+<b>5 small payments/);
    expect(await row.getByRole('link').getAttribute('href')).toBe('#/fraud/decisions/try-5?source=readme');
    expect(opened.faults).toEqual([]);
  });

  const rows = {
    columns: [
      { name: 'outcome', type: 'LowCardinality(String)' },
      { name: 'n', type: 'UInt64' },
    ],
    rows: [
      ['<b>approve</b>', '1203'],
      [null, '9'],
    ],
    ...{ isTruncated: false, elapsedMs: 4, rowsRead: 1_212, bytesRead: 1 },
  };

  test('[J8] a question is run by keyboard, its table shown and copied as CSV; a saved one is there after a reload', async () => {
    const gateway = await shop();
    const asked: string[] = [];
    gateway.answer('/v1/query', (body) => (asked.push(body), { status: 200, body: rows }));
    const opened = await lab.open(gateway, { hash: '#/sql', permissions: ['clipboard-read', 'clipboard-write'] });
    const { page } = opened;
    const editor = page.getByRole('textbox', { name: 'Statement' });
    await editor.fill('SELECT outcome, count() AS n FROM decisions_final GROUP BY outcome');
    await page.keyboard.press('Control+Enter');
    const result = page.getByRole('region', { name: 'Result' });
    await result.getByText('<b>approve</b>').waitFor();
    expect(JSON.parse(asked[0] ?? '')).toEqual({
      sql: 'SELECT outcome, count() AS n FROM decisions_final GROUP BY outcome',
    });
    expect(await result.innerText()).toMatch(/2 rows in 4 ms, 1,212 read/);
    await result.getByRole('button', { name: 'Copy CSV' }).click();
    await result.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
      'outcome,n\r\n<b>approve</b>,1203\r\n,9\r\n',
    );
    await page.getByLabel('Name to save it under').fill('mine');
    await page.keyboard.press('Enter');
    await page.reload();
    await page.getByRole('button', { name: 'mine', exact: true }).click();
    await result.getByText('<b>approve</b>').waitFor();
    await page.getByRole('button', { name: 'Rule hit rates' }).click();
    await expect.poll(() => asked.length).toBe(3);
    expect(asked[2]).toContain('FROM rule_hit_rates');
    expect(opened.faults).toEqual([]);
  });

  test('[J8] a write is refused, and an error is shown with its place, where the caret goes', async () => {
    const gateway = await shop();
    const position = { offset: 10, line: 2, column: 3 };
    gateway.answer('/v1/query', (body) =>
      body.includes('DROP')
        ? { status: 403, body: { error: 'not_read_only', message: 'only SELECT, WITH, SHOW may be asked here' } }
        : {
            status: 400,
            body: { error: 'query_failed', code: 47, name: 'UNKNOWN_IDENTIFIER', message: 'no outcom', position },
          },
    );
    const { page } = await lab.open(gateway, { hash: '#/sql' });
    const editor = page.getByRole('textbox', { name: 'Statement' });
    await editor.fill('DROP TABLE events');
    await page.getByRole('button', { name: 'Run' }).click();
    await page.getByRole('paragraph').filter({ hasText: 'only SELECT, WITH, SHOW may' }).waitFor();
    await editor.fill('SELECT\n1, outcom FROM t');
    await page.keyboard.press('Control+Enter');
    const result = page.getByRole('region', { name: 'Result' });
    await result.getByText('UNKNOWN_IDENTIFIER (47), line 2, column 3').waitFor();
    expect(await result.locator('pre').innerText()).toBe('1, outcom FROM t\n  ^');
    // The caret follows what is shown.
    const selected = () =>
      editor.evaluate((element) => {
        const { selectionStart, selectionEnd } = element as HTMLTextAreaElement;
        return [selectionStart, selectionEnd, document.activeElement === element];
      });
    await expect.poll(selected).toEqual([10, 16, true]);
  });

  test('[J9] every control of the new pages has a name and is reached by keyboard; on a phone nothing scrolls sideways', async () => {
    const gateway = await shop();
    gateway.answer('/v1/query', () => ({ status: 200, body: rows }));
    gateway.push('alerts', [alertRow({ revision: 1 })]);
    gateway.push('decisions', [outcomesRow(1, { approve: 9, review: 1, decline: 1 }, [[1, 1]]), decisionLine()]);
    const opened = await lab.open(gateway, { viewport: { width: 360, height: 740 } });
    const { page } = opened;
    for (const [hash, heading, ready] of [
      ['#/fraud', 'Fraud', '[data-alert]'],
      ['#/fraud/decisions/try-5', 'Decision on try-5', '[data-decision]'],
      ['#/sql', 'SQL', 'textarea'],
    ] as const) {
      await page.evaluate((next) => (location.hash = next), hash);
      await page.getByRole('heading', { level: 1, name: heading }).waitFor();
      await page.locator(ready).waitFor();
      expect(await fits(opened), hash).toBe(true);
      const unreachable = await page.evaluate(() =>
        [...document.querySelectorAll<HTMLElement>('main a, main button, main input, main textarea')]
          .filter((control) => {
            const labelled = control.getAttribute('aria-labelledby');
            const name =
              (labelled && document.getElementById(labelled)?.textContent) ||
              control.getAttribute('aria-label') ||
              (control as HTMLInputElement).labels?.[0]?.textContent ||
              control.textContent;
            return control.tabIndex < 0 || !name?.trim();
          })
          .map((control) => control.outerHTML),
      );
      expect(unreachable, hash).toEqual([]);
    }
    expect(opened.faults).toEqual([]);
  });
});
