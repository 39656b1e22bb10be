import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { chromium, type Browser, type BrowserContextOptions, type Locator, type Page } from 'playwright-core';
import { expect } from 'vitest';
import { timed } from '../tests/machine-pace.ts';
import { chromiumArgs, chromiumPath } from '../tests/requirements.ts';
import { buildDashboard } from './build.ts';
import { startFakeGateway, type FakeGateway } from './fake-gateway-suite.ts';

/** The built page, a browser, and what a test opens in it. */
export interface PageLab {
  /** A server of its own for one test. */
  gateway(): Promise<FakeGateway>;
  /** A page that has loaded. Its faults are what `faults` collects: console errors, exceptions, policy violations, dialogs. */
  open(gateway: FakeGateway, options?: BrowserContextOptions & { readonly hash?: string }): Promise<OpenPage>;
  /** Ends what the test opened. */
  closeOpened(): Promise<void>;
  close(): Promise<void>;
}

export interface OpenPage {
  readonly page: Page;
  readonly faults: string[];
}

/** For the browser, and for what is to be on the page. */
const waitMs = 60_000;

/** Builds the page into a folder of its own and starts the browser. */
export async function openPageLab(): Promise<PageLab> {
  const folder = await mkdtemp(join(tmpdir(), 'millrace-page-'));
  await buildDashboard({ outDir: join(folder, 'page') });
  const quiet = ['--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update'];
  const browser: Browser = await chromium.launch({
    executablePath: chromiumPath(),
    args: [...chromiumArgs, ...quiet, '--disable-sync'],
    timeout: waitMs,
  });
  const opened: (() => Promise<void>)[] = [];
  const closeOpened = async () => {
    for (const close of opened.splice(0).toReversed()) await close();
  };
  return {
    closeOpened,
    gateway: async () => {
      const gateway = await startFakeGateway(join(folder, 'page'));
      opened.push(() => gateway.close());
      return gateway;
    },
    open: async (gateway, { hash = '', ...options } = {}) => {
      const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
      opened.push(() => context.close());
      const page = await context.newPage();
      page.setDefaultTimeout(waitMs);
      const faults = collectFaults(page);
      await page.goto(gateway.url + hash);
      await page.locator('h1').waitFor();
      return { page, faults };
    },
    close: async () => {
      await closeOpened();
      await browser.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** A socket that a test cuts on purpose is a console error of the browser's own; it is not counted. */
function collectFaults(page: Page): string[] {
  const faults: string[] = [];
  page.on('console', (message) => {
    const text = message.text();
    if (message.type() === 'error' && !text.includes('WebSocket connection to')) faults.push(text);
    if (text.includes('Content Security Policy')) faults.push(text);
  });
  page.on('pageerror', (error) => faults.push(String(error)));
  page.on('dialog', (dialog) => {
    faults.push(`dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  return faults;
}

/** What the server pushes is on the page within a second. */
export async function shownWithinASecond(line: Locator, push: () => void): Promise<void> {
  const { pacedMs } = await timed(() => {
    push();
    return line.waitFor();
  });
  expect(pacedMs).toBeLessThan(1_000);
}
