import { chromium } from 'playwright-core';
import { startFakeGateway } from '/work/main/dashboards/fake-gateway-suite.ts';
import { countryRow, statusRow, deadLetterRow, countsRow } from '/work/main/dashboards/shop-suite.ts';
import { buildDashboard } from '/work/main/dashboards/build.ts';
await buildDashboard({ outDir: '/tmp/dash-out' });
const g = await startFakeGateway('/tmp/dash-out');
const now = Date.now(); const base = Math.floor(now / 60000) * 60000;
const cs = [['DE','EUR',8],['FR','EUR',6],['GB','GBP',5],['ES','EUR',4],['IT','EUR',3.5],['NL','EUR',3],['US','USD',3],['AT','EUR',2],['BE','EUR',1.5],['PT','EUR',1.2],['CH','CHF',1],['JP','JPY',.8],['unknown','EUR',.6]] as const;
let rev = 1000; const rows = [];
for (let m = 44; m >= 0; m--) for (const [country, currency, w] of cs) { const f = m === 0 ? (now - base) / 60000 : 1;
  rows.push(countryRow({ country, currency, minuteStartMs: base - m * 60000, revision: rev++, count: Math.round(w * 30 * f * (1 + .3 * Math.sin(m / 5 + w) + .1 * Math.sin(m * 7 * w))), state: m === 0 ? 'provisional' : (m === 5 || m === 17) && w > 5 ? 'corrected' : 'final' })); }
g.push('windows:revenue', rows);
g.push('problems', [countsRow('terminal-77'), deadLetterRow(now - 4000, 'amountMinor must be >= 0'), deadLetterRow(now - 9000, 'not JSON'), ...[20,60,70,90].map(s => ({ id: 'l' + s, revision: '1', row: { kind: 'late', key: 'DE/EUR', output: 'country_1m', lateByMs: 83000 + s, source: 'shop-eu', input: { topic: 'payments', partition: 1, inputOffset: '12081' + s, timestampMs: now - s * 1000 } } }))]);
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox','--disable-gpu'] });
for (const [name, opts, hash] of [['light', { viewport: { width: 1360, height: 1000 }, colorScheme: 'light' }, '#/'], ['dark', { viewport: { width: 1360, height: 1000 }, colorScheme: 'dark' }, '#/'], ['phone', { viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, colorScheme: 'light' }, '#/'], ['system', { viewport: { width: 1360, height: 800 }, colorScheme: 'light' }, '#/system'], ['tablet', { viewport: { width: 820, height: 1100 }, colorScheme: 'light' }, '#/'], ['lost', { viewport: { width: 1360, height: 700 }, colorScheme: 'dark' }, '#/']] as const) {
  const page = await (await browser.newContext(opts)).newPage();
  page.on('console', (m) => console.log(name, m.type(), m.text())); page.on('pageerror', (e) => console.log(name, 'ERR', e.stack));
  await page.goto(g.url + hash);
  for (let i = 0; i < 12; i++) { g.push('system', [statusRow(now + 1000 * i, { eventsPerSecond: 200 + 12 * Math.sin(i) })]); await page.waitForTimeout(60); }
  if (name === 'light') await page.mouse.move(700, 480);
  if (name === 'dark') { await page.getByRole('button', { name: 'Use light colours' }).click(); await page.waitForTimeout(200); await page.getByRole('button', { name: 'Use dark colours' }).click(); }
  if (name === 'lost') { g.setAway(true); g.dropSockets(); }
  await page.waitForTimeout(400);
  console.log(name, await page.evaluate(() => document.documentElement.scrollWidth));
  await page.screenshot({ path: `/tmp/dash-${name}.png`, fullPage: true });
  await page.context().close();
}
await browser.close(); await g.close();
