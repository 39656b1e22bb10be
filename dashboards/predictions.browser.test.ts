import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { PredictionRow } from '../live/messages.ts';
import type { LiveRow } from '../live/messages.ts';
import { describeUnless, requireChromium } from '../tests/requirements.ts';
import { openPageLab, type OpenPage, type PageLab } from './page-suite.ts';
import { minuteMs } from './shop-suite.ts';

const noon = Date.UTC(2026, 5, 1, 10, 0);
const hash = '#/predictions';
const anomalyAt = 40;

const producer = {
  ...{ pipeline: 'predictions', version: 1, shard: 0, epoch: 0, orderOffset: '1', index: 0, entryId: 'e' },
};
const common = (metric: string, key: string, revision: number) => ({
  ...{ pipeline: 'predictions', version: 1, metric, key, clockMs: noon, revision: String(revision), producer },
});

function minuteRow(metric: string, key: string, minute: number, scale: number): LiveRow<PredictionRow> {
  const forecast = scale * (20 + 6 * Math.sin(minute / 25));
  const noise = scale * 2.4 * Math.sin(minute * 12.9898) * Math.cos(minute * 4.1414);
  const isAnomaly = minute === anomalyAt;
  const row = {
    ...{ kind: 'prediction' as const, ...common(metric, key, minute + 1), targetMs: noon + minute * minuteMs },
    ...{ horizonMinutes: 0, forecast, low: forecast - scale * 4, high: forecast + scale * 4, isAnomaly },
    ...{ actual: isAnomaly ? forecast * 2.1 : forecast + noise, anomalyScore: isAnomaly ? 9.3 : 0.8 },
  };
  return { id: `minute ${key} ${minute}`, revision: row.revision, row };
}

function bandRow(metric: string, key: string, minute: number, scale: number): LiveRow<PredictionRow> {
  const forecast = Array.from({ length: 60 }, (_, i) => scale * (20 + 6 * Math.sin((minute + i) / 25)));
  const row = {
    ...{ kind: 'forecast-band' as const, ...common(metric, key, minute), fromMs: noon + minute * minuteMs, forecast },
    low: forecast.map((value, i) => value - scale * (4 + i / 30)),
    high: forecast.map((value, i) => value + scale * (4 + i / 30)),
  };
  return { id: `band ${key}`, revision: row.revision, row };
}

function scoreRow(metric: string, key: string, isMuted = false): LiveRow<PredictionRow> {
  const row = {
    ...{ kind: 'forecast-score' as const, ...common(metric, key, 1), targetMs: noon, samples: 1_440 },
    ...{ meanAbsoluteError: 198, naiveMeanAbsoluteError: 274, coverage: 0.902, alarms: isMuted ? 7 : 1, isMuted },
  };
  return { id: `score ${key}`, revision: '1', row };
}

describeUnless([requireChromium()], 'the page Predictions', () => {
  let lab: PageLab;
  beforeAll(async () => {
    lab = await openPageLab();
  });
  afterEach(() => lab.closeOpened());
  afterAll(() => lab.close());

  const shop = async () => {
    const gateway = await lab.gateway();
    for (const [key, scale] of [
      ['all/EUR', 1_000],
      ['FR/EUR', 600],
      ['DE/EUR', 400],
    ] as const) {
      const minutes = Array.from({ length: 90 }, (_, minute) => minuteRow('revenue', key, minute, scale));
      const rows = [...minutes, bandRow('revenue', key, 90, scale), scoreRow('revenue', key, key === 'DE/EUR')];
      gateway.push('predictions:revenue', rows);
    }
    gateway.push('predictions:volume', [minuteRow('volume', 'all', 0, 1), bandRow('volume', 'all', 1, 1)]);
    return gateway;
  };
  const chart = ({ page }: OpenPage) => page.getByRole('img', { name: /^Line: / });
  const head = ({ page }: OpenPage) => page.locator('.legend-head');

  test('[G4] a series with its next hour, its anomalies and how good its forecasts are; a minute that closes moves it', async () => {
    const gateway = await shop();
    const opened = await lab.open(gateway, { hash });
    const label = chart(opened);
    await label.waitFor();
    expect(await label.getAttribute('aria-label')).toMatch(/1 anomalies in 90 minutes\. In 60 minutes €/);
    const detail = await opened.page.locator('.grid').innerText();
    expect(detail).toContain('90.2 %');
    expect(detail).toContain('27.7 % better');
    expect(detail).toContain('muted');
    gateway.push('predictions:revenue', [
      minuteRow('revenue', 'all/EUR', 90, 1_000),
      bandRow('revenue', 'all/EUR', 91, 1_000),
    ]);
    await opened.page.getByRole('img', { name: /in 91 minutes/ }).waitFor();
    if (process.env['PREDICTIONS_PICTURE']) {
      await opened.page.setViewportSize({ width: 1280, height: 1000 });
      await opened.page.screenshot({ path: process.env['PREDICTIONS_PICTURE'] });
    }
    expect(opened.faults).toEqual([]);
  });

  test('[J9] by keyboard: the metric, the series, and a minute of the chart, over or to come', async () => {
    const opened = await lab.open(await shop(), { hash });
    const { page } = opened;
    await chart(opened).waitFor();
    await page.getByRole('button', { name: 'France, EUR' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Revenue, France, EUR' }).waitFor();
    await page.getByRole('group', { name: /arrow keys choose a minute/ }).focus();
    for (let step = 0; step < 89 - anomalyAt; step++) await page.keyboard.press('ArrowLeft');
    await head(opened).filter({ hasText: 'anomaly' }).waitFor();
    expect(await head(opened).innerText()).toContain('12:40');
    await page.keyboard.press('Escape');
    await page.keyboard.press('ArrowRight');
    await head(opened).filter({ hasText: 'to come' }).waitFor();
    await page.getByRole('button', { name: 'Payments' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Payments, all' }).waitFor();
    expect(opened.faults).toEqual([]);
  });

  test('at the width of a phone nothing scrolls sideways', async () => {
    const opened = await lab.open(await shop(), { hash, viewport: { width: 360, height: 740 } });
    await chart(opened).waitFor();
    expect(await opened.page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  });
});
