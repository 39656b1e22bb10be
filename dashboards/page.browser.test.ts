import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { describeUnless, requireChromium } from '../tests/requirements.ts';
import type { FakeGateway } from './fake-gateway-suite.ts';
import { openPageLab, shownWithinASecond, type OpenPage, type PageLab } from './page-suite.ts';
import { alertRow, countryRow, countsRow, deadLetterRow, minuteMs, statusRow } from './shop-suite.ts';

const noon = Date.UTC(2026, 5, 1, 10, 0);
const windows = 'windows:revenue';
const countries = ['DE', 'FR', 'GB', 'ES', 'IT', 'NL', 'AT', 'BE'];

/** Windows of minutes `from` (inclusive) to `to` (exclusive) after noon; the revision of each is its minute. */
function minutes(from: number, to: number) {
  return Array.from({ length: to - from }, (_, at) => from + at).flatMap((minute) =>
    countries.map((country, place) =>
      countryRow({ country, minuteStartMs: noon + minute * minuteMs, revision: minute, count: 100 - 10 * place }),
    ),
  );
}

const openMinute = (minute: number, revision: number, count: number) =>
  countryRow({ country: 'DE', minuteStartMs: noon + minute * minuteMs, revision, count, state: 'provisional' });

describeUnless([requireChromium()], 'the page in a browser', () => {
  let lab: PageLab;
  beforeAll(async () => {
    lab = await openPageLab();
  });
  afterEach(() => lab.closeOpened());
  afterAll(() => lab.close());

  const chart = ({ page }: OpenPage) => page.getByRole('img', { name: /^Stacked bars/ });
  const rateLine = ({ page }: OpenPage) => page.getByRole('img', { name: /^Events per second since/ });
  const shop = async (): Promise<FakeGateway> => {
    const gateway = await lab.gateway();
    gateway.push(windows, [...minutes(0, 10), openMinute(10, 100, 40)]);
    gateway.push('system', [statusRow(noon + 10.5 * minuteMs)]);
    return gateway;
  };
  const live = async (opened: OpenPage) => opened.page.getByText('live', { exact: true }).waitFor();
  const text = (opened: OpenPage, selector: string) => opened.page.locator(selector).innerText();
  const waitForText = (opened: OpenPage, selector: string, wanted: string) =>
    opened.page.locator(selector).filter({ hasText: wanted }).first().waitFor();

  test('[J1] numbers move when the server pushes, and after loading nothing is asked for again', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway);
    await waitForText(opened, '[data-kpi=rate]', '203');
    await opened.page.waitForLoadState('networkidle');
    const before = gateway.requests.length;
    for (let second = 1; second <= 5; second++) {
      gateway.push('system', [statusRow(noon + 11 * minuteMs + second * 1_000, { eventsPerSecond: 300 + second })]);
      gateway.push(windows, [openMinute(10, 100 + second, 40 + second)]);
      await waitForText(opened, '[data-kpi=rate]', String(300 + second));
      await waitForText(opened, 'tbody', String(40 + second));
    }
    expect(gateway.requests.slice(before)).toEqual([]);
    expect(gateway.socketsOpened()).toBe(1);
    expect(opened.faults).toEqual([]);
  });

  test('an alert is on the page within a second, as text, with a way to its cause; a retracted one says so', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway);
    await live(opened);
    await shownWithinASecond(opened.page.locator('[data-transition=raised]'), () =>
      gateway.push('alerts', [alertRow({ revision: 1 })]),
    );
    const line = opened.page.locator('[data-alert="card-9"]');
    expect(await line.innerText()).toMatch(
      /high\s+raised\s+card card-9: a payment declined[\s\S]*<b>5 small payments<\/b> in a minute/,
    );
    expect(await line.getByRole('link').getAttribute('href')).toBe('#/fraud/decisions/try-5');
    expect(await text(opened, 'section[aria-labelledby=alerts] .card-head')).toContain('1 open');
    await shownWithinASecond(opened.page.locator('[data-transition=retracted]'), () =>
      gateway.push('alerts', [alertRow({ revision: 2, transition: 'retracted' })]),
    );
    expect(await line.innerText()).toMatch(/retracted[\s\S]*Retracted: its payments turned out to be honest/);
    expect(await text(opened, 'section[aria-labelledby=alerts] .card-head')).toContain('0 open');
    expect(opened.faults).toEqual([]);
  });

  test('[J3] watermark, lag and counts are those of the status', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway);
    await waitForText(opened, '[data-kpi=watermark]', '12:10:24');
    expect(await text(opened, '[data-kpi=behind]')).toBe('6 s behind the clock');
    expect(await text(opened, '[data-kpi=lag]')).toBe('42 records');
    const tally = (id: string) => text(opened, `[data-tally=${id}]`);
    expect(await Promise.all(['dead-letters', 'late', 'duplicates', 'quarantined'].map(tally))).toEqual([
      '478',
      '311',
      '2,402',
      '3',
    ]);
    const table = opened.page.getByRole('region', { name: 'Last windows' });
    await expect
      .poll(() => table.locator('tbody tr').first().innerText())
      .toMatch(/12:10\s+Germany\s+provisional\s+40\s+€500\.00\s+€12\.50\s+1·100\s+12:11:02/);
    expect(opened.faults).toEqual([]);
  });

  test('[I8] a window is shown provisional, then final, then corrected, with its revision', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway);
    const row = opened.page.getByRole('region', { name: 'Last windows' }).locator('tbody tr').first();
    await row.filter({ hasText: 'provisional' }).waitFor();
    const at = { country: 'DE', minuteStartMs: noon + 10 * minuteMs };
    gateway.push(windows, [countryRow({ ...at, revision: 110, count: 90 })]);
    await row.filter({ hasText: /final[\s\S]*90[\s\S]*1·110/ }).waitFor();
    gateway.push(windows, [countryRow({ ...at, revision: 120, count: 91, state: 'corrected' })]);
    await row.filter({ hasText: /corrected[\s\S]*91[\s\S]*1·120/ }).waitFor();
    gateway.push(windows, [countryRow({ ...at, revision: 110, count: 90 })]);
    gateway.push('system', [statusRow(noon + 12 * minuteMs, { eventsPerSecond: 77 })]);
    await waitForText(opened, '[data-kpi=rate]', '77');
    expect(await row.innerText()).toContain('corrected');
  });

  test('[J2] after a dropped socket the page goes on from where it stopped: nothing lost, nothing twice', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway);
    await live(opened);
    gateway.setAway(true);
    gateway.dropSockets();
    await opened.page.getByRole('status').filter({ hasText: 'connection was lost' }).waitFor();
    gateway.push(windows, [...minutes(10, 14), openMinute(14, 140, 12)]);
    gateway.push('system', [statusRow(noon + 14.2 * minuteMs)]);
    gateway.setAway(false);
    await live(opened);
    await opened.page.getByRole('img', { name: /for 15 windows of 1 min/ }).waitFor();
    // The two channels go on one after the other.
    await expect.poll(() => rateLine(opened).getAttribute('aria-label')).toContain('with 1 gap');
    expect(await opened.page.getByText('not received').count()).toBe(0);
    await opened.page.getByRole('link', { name: 'System' }).click();
    await opened.page.getByText('Reconnects').waitFor();
    expect(await opened.page.locator('.facts').innerText()).toMatch(/Reconnects\s+1\s+Resyncs\s+0/);
    expect(opened.faults).toEqual([]);
  });

  test('[J2] what the server can no longer send after a drop is drawn and named as a gap', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway);
    await live(opened);
    gateway.setAway(true);
    gateway.dropSockets();
    await opened.page.getByText('reconnecting', { exact: true }).waitFor();
    const lost = [...minutes(0, 10), openMinute(10, 100, 40)].map((row) => row.id);
    gateway.forgetRows(windows, lost);
    gateway.forgetTokens();
    gateway.push(windows, minutes(16, 18));
    gateway.setAway(false);
    await opened.page.getByText('not received').waitFor();
    await opened.page.getByRole('img', { name: /for 12 windows of 1 min/ }).waitFor();
    expect(opened.faults).toEqual([]);
  });

  test('a reload keeps windows and lines, with the time away as a gap in the line', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway);
    await waitForText(opened, '[data-kpi=rate]', '203');
    for (const second of [1, 2, 3]) {
      gateway.push('system', [statusRow(noon + 11 * minuteMs + second * 1_000, { eventsPerSecond: 300 + second })]);
      await waitForText(opened, '[data-kpi=rate]', String(300 + second));
    }
    await opened.page.getByRole('img', { name: /^Events per second since 12:10:30.*with 1 gap/ }).waitFor();
    await chart(opened).waitFor();
    const before = await chart(opened).getAttribute('aria-label');
    await opened.page.reload();
    gateway.push('system', [statusRow(noon + 12 * minuteMs)]);
    await opened.page.getByRole('img', { name: /^Events per second since 12:10:30.*with 2 gaps/ }).waitFor();
    await expect.poll(() => chart(opened).getAttribute('aria-label')).toBe(before);
    expect(opened.faults).toEqual([]);
  });

  test('hostile text from outside is shown as text', async () => {
    const gateway = await shop();
    const hostile = '<img src=x onerror=alert(1)><script>alert(2)</script>';
    const row = countryRow({ country: hostile, minuteStartMs: noon + 11 * minuteMs, revision: 200, count: 40_000 });
    gateway.push(windows, [row]);
    gateway.push('problems', [countsRow(hostile), deadLetterRow(noon, hostile)]);
    const services = [{ name: hostile, state: 'running' as const, detail: hostile }];
    gateway.push('system', [statusRow(noon + 12 * minuteMs, { services })]);
    const opened = await lab.open(gateway);
    await waitForText(opened, 'tbody', hostile);
    await waitForText(opened, '.rows', hostile);
    await waitForText(opened, '.legend', hostile);
    expect(await opened.page.locator('main img, main script').count()).toBe(0);
    await opened.page.getByRole('link', { name: 'System' }).click();
    await waitForText(opened, 'tbody', hostile);
    expect(await opened.page.locator('main img, main script').count()).toBe(0);
    expect(opened.faults).toEqual([]);
  });

  test('a server that wants a key refuses the page, and takes it once the key is given', async () => {
    const gateway = await shop();
    gateway.requireKey('s3cret');
    const opened = await lab.open(gateway);
    await opened.page.getByRole('status').filter({ hasText: 'an API key is needed' }).waitFor();
    await opened.page.getByLabel('API key').fill('s3cret');
    await opened.page.keyboard.press('Enter');
    await live(opened);
    await waitForText(opened, '[data-kpi=rate]', '203');
    expect(await opened.page.getByLabel('API key').count()).toBe(0);
  });

  test('before the first window the page says what it waits for', async () => {
    const gateway = await lab.gateway();
    const opened = await lab.open(gateway);
    await opened.page.getByText('Waiting for the first window, about 1 minute').waitFor();
    gateway.push(windows, [openMinute(0, 1, 7)]);
    await waitForText(opened, '[data-kpi=payments]', '7');
    expect(await text(opened, '[data-kpi=payments]')).toContain('so far');
    expect(opened.faults).toEqual([]);
  });

  test('[J7] services, stages, partitions and the sum of all records are those of the status', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway, { hash: '#/system' });
    await opened.page.getByText('every record accounted for').waitFor();
    expect(await text(opened, '.sum')).toMatch(
      /481,206\s+folded\s+473,120\s+duplicate\s+2,402\s+late\s+311\s+dead-lettered\s+478\s+quarantined\s+3\s+ignored\s+4,892/,
    );
    expect(await opened.page.getByRole('row', { name: /payments-3/ }).innerText()).toMatch(
      /payments-3\s+12\s+120,304\s+120,316/,
    );
    const counters = { in: 10, folded: 8, duplicate: 1 };
    const status = statusRow(noon + 12 * minuteMs);
    const pipelines = status.row.pipelines.map((pipeline) => ({ ...pipeline, counters }));
    gateway.push('system', [statusRow(noon + 12 * minuteMs, { pipelines })]);
    await opened.page.getByText('1 records unaccounted for').waitFor();
  });
});
