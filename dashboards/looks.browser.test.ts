import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeUnless, requireChromium } from '../tests/requirements.ts';
import { openPageLab, type OpenPage, type PageLab } from './page-suite.ts';
import { countryRow, deadLetterRow, minuteMs, statusRow } from './shop-suite.ts';

const noon = Date.UTC(2026, 5, 1, 10, 0);
const windows = 'windows:revenue';

describeUnless([requireChromium()], 'how the page is used', () => {
  let lab: PageLab;
  beforeAll(async () => {
    lab = await openPageLab();
  });
  afterEach(() => lab.closeOpened());
  afterAll(() => lab.close());

  const shop = async () => {
    const gateway = await lab.gateway();
    for (let minute = 0; minute < 12; minute++) {
      const at = { minuteStartMs: noon + minute * minuteMs, revision: minute };
      gateway.push(windows, [
        countryRow({ ...at, country: 'DE', count: 100 + minute, state: minute === 11 ? 'provisional' : 'final' }),
        countryRow({ ...at, country: 'US', count: 50, currency: 'USD' }),
      ]);
    }
    gateway.push('system', [statusRow(noon + 12 * minuteMs)]);
    gateway.push('problems', [deadLetterRow(noon, 'a'.repeat(200))]);
    return gateway;
  };
  const focused = ({ page }: OpenPage) =>
    page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent);
  const background = ({ page }: OpenPage) => page.evaluate(() => getComputedStyle(document.body).backgroundColor);

  test('[J9] every control is reached and used by keyboard, in reading order', async () => {
    const opened = await lab.open(await shop());
    const { page } = opened;
    await page.getByRole('button', { name: 'USD' }).waitFor();
    const reached: (string | null | undefined)[] = [];
    for (let tab = 0; tab < 13; tab++) {
      await page.keyboard.press('Tab');
      reached.push(await focused(opened));
    }
    expect(reached.slice(0, 11)).toEqual([
      'Skip to content',
      'millrace',
      'Overview',
      'Fraud',
      'Recommendations',
      'Predictions',
      'SQL',
      'System',
      'Use dark colours',
      'EUR',
      'USD',
    ]);
    expect(reached[11]).toContain('Left and right arrow keys choose a window');
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement ?? document.body).outlineStyle);
    expect(outline).toBe('solid');
    expect(opened.faults).toEqual([]);
  });

  test('[J9] the arrow keys choose a window of the chart, Escape returns to the newest', async () => {
    const opened = await lab.open(await shop());
    const { page } = opened;
    const chart = page.getByRole('group', { name: /^Revenue by country/ });
    const head = page.locator('.legend-head');
    await chart.focus();
    await head.filter({ hasText: '12:11–12:12' }).waitFor();
    await page.keyboard.press('ArrowLeft');
    await page.keyboard.press('ArrowLeft');
    await head.filter({ hasText: '12:10–12:11' }).waitFor();
    expect(await head.innerText()).toContain('final');
    await page.keyboard.press('Escape');
    await head.filter({ hasText: '12:11–12:12' }).waitFor();
  });

  test('[J9] pages change by keyboard, the heading and the title of the place follow', async () => {
    const opened = await lab.open(await shop());
    const { page } = opened;
    await page.getByRole('link', { name: 'System' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'System' }).waitFor();
    expect(await page.title()).toBe('System · millrace');
    expect(await page.locator('nav a[aria-current=page]').innerText()).toBe('System');
    expect(await page.evaluate(() => document.activeElement?.id)).toBe('main');
    await page.goBack();
    await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
  });

  test('[J9] landmarks, names and headings are there for a screen reader', async () => {
    const opened = await lab.open(await shop());
    const { page } = opened;
    await page.getByRole('button', { name: 'USD' }).waitFor();
    for (const hash of ['#/', '#/system']) {
      await page.evaluate((next) => (location.hash = next), hash);
      await page.waitForFunction(
        (next) => document.querySelector('a[aria-current]')?.getAttribute('href') === next,
        hash,
      );
      for (const role of ['banner', 'navigation', 'main'] as const) expect(await page.getByRole(role).count()).toBe(1);
      expect(await page.locator('h1').count()).toBe(1);
      expect(await page.locator('[role=status][aria-live=polite]').count()).toBe(1);
      expect(await unnamed(opened)).toEqual([]);
    }
  });

  test('at the width of a phone nothing scrolls sideways', async () => {
    const opened = await lab.open(await shop(), { viewport: { width: 360, height: 740 } });
    const { page } = opened;
    for (const [name, hash] of [
      ['Overview', '#/'],
      ['System', '#/system'],
    ] as const) {
      await page.evaluate((next) => (location.hash = next), hash);
      await page.getByRole('heading', { level: 1, name }).waitFor();
      await page.locator('tbody').first().waitFor();
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
    }
    expect(opened.faults).toEqual([]);
  });

  test('dark and light follow the machine until one is chosen, and the choice stays', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway, { colorScheme: 'dark' });
    const dark = await background(opened);
    await opened.page.emulateMedia({ colorScheme: 'light' });
    await opened.page.getByRole('button', { name: 'Use dark colours' }).waitFor();
    const light = await background(opened);
    expect(light).not.toBe(dark);
    await opened.page.getByRole('button', { name: 'Use dark colours' }).click();
    await opened.page.getByRole('button', { name: 'Use light colours' }).waitFor();
    expect(await background(opened)).toBe(dark);
    await opened.page.reload();
    await opened.page.getByRole('button', { name: 'Use light colours' }).waitFor();
    expect(await background(opened)).toBe(dark);
    expect(opened.faults).toEqual([]);
  });

  test('[J9] however fast rows come, a chart is drawn at most once a frame', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway);
    const { page } = opened;
    await page.getByRole('img', { name: /^Stacked bars/ }).waitFor();
    await page.evaluate(countDraws);
    for (let update = 1; update <= 400; update++) {
      const at = { country: 'DE', minuteStartMs: noon + 11 * minuteMs, revision: 100 + update };
      gateway.push(windows, [countryRow({ ...at, count: 1_000 + update, state: 'provisional' })]);
      if (update % 4 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    const table = page.getByRole('region', { name: 'Last windows' });
    await table.filter({ hasText: '1,400' }).waitFor();
    const { drawsAFrameMax, draws } = await page.evaluate(
      () => (globalThis as unknown as { counted: { drawsAFrameMax: number; draws: number } }).counted,
    );
    expect(draws).toBeGreaterThan(0);
    expect(drawsAFrameMax).toBe(1);
  });
});

/** Runs in the page: counts how often each canvas is wiped between two frames. */
function countDraws(): void {
  const counted = { drawsAFrameMax: 0, draws: 0 };
  Object.assign(globalThis, { counted });
  const thisFrame = new Map<unknown, number>();
  const wipe = CanvasRenderingContext2D.prototype.clearRect;
  CanvasRenderingContext2D.prototype.clearRect = function (...area) {
    const draws = (thisFrame.get(this.canvas) ?? 0) + 1;
    thisFrame.set(this.canvas, draws);
    counted.draws += 1;
    counted.drawsAFrameMax = Math.max(counted.drawsAFrameMax, draws);
    wipe.apply(this, area);
  };
  const frame = () => {
    thisFrame.clear();
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}

/** Controls without a name, pictures without a text, tables without headers, ids used twice. */
async function unnamed({ page }: OpenPage): Promise<string[]> {
  return page.evaluate(() => {
    const faults: string[] = [];
    const named = (element: Element) =>
      (element.getAttribute('aria-label') ?? '') !== '' || (element.textContent ?? '').trim() !== '';
    for (const control of document.querySelectorAll('a, button')) if (!named(control)) faults.push(control.outerHTML);
    for (const image of document.querySelectorAll('img:not([alt]), [role=img]:not([aria-label])'))
      faults.push(image.outerHTML);
    for (const table of document.querySelectorAll('table'))
      if (!table.querySelector('th[scope=col]')) faults.push('a table without column headers');
    const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
    for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) faults.push(`id ${id} twice`);
    for (const part of document.querySelectorAll('[aria-labelledby]'))
      if (!document.getElementById(part.getAttribute('aria-labelledby') ?? ''))
        faults.push('a label that is not there');
    return faults;
  });
}
