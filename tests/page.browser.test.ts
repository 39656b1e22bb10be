import { mkdtempSync, rmSync } from 'node:fs';
import { spawn, type ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { decide } from './decide.ts';
import { timed } from './machine-pace.ts';
import {
  chromiumArgs,
  chromiumPath,
  describeUnless,
  requireChdb,
  requireChromium,
  requireKafkaDriver,
} from './requirements.ts';

// Everything embedded, the demo shop, and a person at the page: from process start to moving numbers.
const program = fileURLToPath(new URL('../cli/millrace.mjs', import.meta.url));
const moneyWithin = /\d/;
/** For the browser, and for what is to be on the page. */
const waitMs = 60_000;

describeUnless(
  [requireKafkaDriver('node-rdkafka'), requireChdb(), requireChromium()],
  'the page of a started millrace',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'millrace-page-'));
    let service: ChildProcess;
    let browser: Browser;
    let page: Page;
    let url = '';

    beforeAll(async () => {
      service = spawn(process.execPath, [program, 'start'], {
        stdio: ['ignore', 'pipe', 'ignore'],
        env: {
          ...process.env,
          UV_THREADPOOL_SIZE: '16',
          MILLRACE_SERVER_PORT: '0',
          MILLRACE_EMBEDDED_CLICKHOUSE_PORT: '0',
          MILLRACE_EMBEDDED_DATA_DIR: folder,
          MILLRACE_LOG_LEVEL: 'error',
        },
      });
      url = await pageUrl(service);
      browser = await chromium.launch({ executablePath: chromiumPath(), args: [...chromiumArgs], timeout: waitMs });
      page = await browser.newPage();
      page.setDefaultTimeout(waitMs);
    });

    afterAll(async () => {
      await browser?.close();
      rmSync(folder, { recursive: true, force: true });
    });

    test('[K7] numbers of the demo shop appear and move', async () => {
      await expectMovingNumber(page, url);
    });

    test('an event sent over HTTP becomes a row on the page', async () => {
      const now = Date.now();
      const event = {
        ...{ id: 'page-1', type: 'payment', version: 2, source: 'page-test', eventTimeMs: now, key: 'card-1' },
        ...{ amountMinor: 987_654_321, currency: 'EUR', cardId: 'card-1', merchantId: 'm', country: 'IS' },
      };
      const answer = await fetch(`${url}/v1/events`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(event),
      });
      expect(answer.status).toBe(202);
      const row = page.getByText('9,876,543.21').first();
      await page.getByRole('group', { name: /^Revenue by country/ }).focus();
      // The numbers are those of the newest minute. The event's may be over by now: then it is a step to the left.
      const isShown = async (): Promise<boolean> => {
        for (const key of ['Escape', 'ArrowLeft', 'ArrowLeft']) {
          await page.keyboard.press(key);
          if (await row.isVisible()) return true;
        }
        return false;
      };
      await expect.poll(isShown).toBe(true);
      await page.keyboard.press('Escape');
    });

    test('[J1][J4] an injected fraud is an alert on the page within a second, and its cause is two clicks away', async () => {
      await page.goto(`${url}/#/fraud`);
      await page.getByText('live', { exact: true }).waitFor();
      const pay = async (n: number): Promise<string> => {
        const eventTimeMs = Date.now();
        const event = {
          ...{ id: `inject-${n}`, type: 'payment', version: 2, source: 'page-test', eventTimeMs, key: 'card-x' },
          ...{ amountMinor: 150, currency: 'EUR', cardId: 'card-x' },
        };
        return ((await decide(url, event)) as { readonly outcome: string }).outcome;
      };
      for (let n = 1; n <= 4; n++) await pay(n);
      // Decision and alert leave the fold together; the decision has been answered.
      const { value: outcome, pacedMs } = await timed(async () => {
        const fifth = await pay(5);
        await page.locator('[data-alert="card-x"][data-transition=raised]').waitFor();
        return fifth;
      });
      expect(outcome).toBe('decline');
      expect(pacedMs).toBeLessThan(1_000);
      await page.locator('[data-alert="card-x"]').getByRole('link').click();
      await page.locator('[data-decision=decline]').waitFor();
      expect(await page.locator('[data-rule=card-testing]').innerText()).toContain('hit');
      expect(await page.locator('[data-feature=card_count_1m]').innerText()).toBe('5');
    });

    test('[J8] the SQL page answers a question and refuses a write', async () => {
      await page.goto(`${url}/#/sql`);
      const editor = page.getByRole('textbox', { name: 'Statement' });
      const result = page.getByRole('region', { name: 'Result' });
      await editor.fill("SELECT payment_id, outcome FROM decisions_final WHERE payment_id = 'inject-5'");
      await page.keyboard.press('Control+Enter');
      await result.getByRole('cell', { name: 'decline' }).waitFor();
      await editor.fill('TRUNCATE TABLE decisions');
      await page.keyboard.press('Control+Enter');
      await result.getByRole('paragraph').filter({ hasText: 'only SELECT' }).waitFor();
      await editor.fill('SELECT outcom FROM decisions');
      await page.keyboard.press('Control+Enter');
      await result.getByText('UNKNOWN_IDENTIFIER (47), line 1, column 8').waitFor();
    });

    test('SIGTERM drains and exits 0 within 10 s', async () => {
      const { value: code, pacedMs } = await timed(() => {
        const ended = new Promise<number | null>((resolve) => service.once('exit', resolve));
        service.kill('SIGTERM');
        return ended;
      });
      expect(code).toBe(0);
      expect(pacedMs).toBeLessThan(10_000);
    });
  },
);

async function pageUrl(service: ChildProcess): Promise<string> {
  let text = '';
  for await (const chunk of service.stdout ?? []) {
    text += String(chunk);
    const found = /Page\s+(http:\S+)/.exec(text)?.[1];
    if (found) return found;
  }
  throw new Error(`millrace ended before it said where its page is: ${text}`);
}

/** Opens the page and waits until the count of events has grown twice. */
async function expectMovingNumber(page: Page, url: string): Promise<void> {
  await page.goto(url);
  const total = page.getByText(/[\d,]+ in all/).first();
  let last = '';
  for (let changes = 0; changes < 3; changes += 1) {
    await expect.poll(async () => (await total.textContent()) ?? '').not.toBe(last);
    last = (await total.textContent()) ?? '';
    expect(last).toMatch(moneyWithin);
  }
}
