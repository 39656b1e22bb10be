import { chromium } from 'playwright-core';
import { chromiumArgs, chromiumPath } from '../../tests/requirements.ts';
import { alertMark } from './marks.ts';

/** When an alert was in a frame of the page, by its card. */
export interface WatchedPage {
  shown(): Promise<readonly (readonly [cardId: string, atMs: number])[]>;
  close(): Promise<void>;
}

/** A browser on the page of alerts, which notes in which frame each is drawn first. */
export async function watchAlerts(url: string): Promise<WatchedPage> {
  const browser = await chromium.launch({ executablePath: chromiumPath(), args: [...chromiumArgs] });
  const page = await browser.newPage();
  await page.goto(`${url}/#/fraud`);
  await page.getByText('live', { exact: true }).waitFor();
  await page.evaluate(noteFrames);
  return {
    shown: () => page.evaluate(() => (globalThis as unknown as Noted).shownAlerts),
    close: () => browser.close(),
  };
}

interface Noted {
  shownAlerts: [string, number][];
}

/** Runs in the page: text, because what is there is not known here. */
const noteFrames = `
  globalThis.shownAlerts = [];
  const seen = new Set();
  const look = () => {
    for (const line of document.querySelectorAll('[data-alert^="${alertMark}-"]')) {
      const cardId = line.dataset.alert;
      if (seen.has(cardId)) continue;
      seen.add(cardId);
      requestAnimationFrame(() => globalThis.shownAlerts.push([cardId, Date.now()]));
    }
  };
  new MutationObserver(look).observe(document.body, { subtree: true, childList: true, attributes: true });
`;
