import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { RankedItem, RecommendationList } from '../events/insights.ts';
import type { LiveRow } from '../live/messages.ts';
import { describeUnless, requireChromium } from '../tests/requirements.ts';
import { openPageLab, type OpenPage, type PageLab } from './page-suite.ts';

const noon = Date.UTC(2026, 5, 1, 10, 0);

function listRow(
  list: RecommendationList['list'],
  key: string,
  revision: number,
  items: readonly Pick<RankedItem, 'itemId' | 'from' | 'reason'>[],
): LiveRow<RecommendationList> {
  const producer = {
    ...{ pipeline: 'recommendations', version: 1, shard: 0, epoch: 0, orderOffset: String(revision) },
    ...{ index: 0, entryId: 'e' },
  };
  const row: RecommendationList = {
    ...{ kind: 'recommendation-list', pipeline: 'recommendations', version: 1, list, key, eventTimeMs: noon },
    ...{ clockMs: noon, revision: String(revision), producer },
    items: items.map((item, i) => ({ score: 10 - i, ...item })),
  };
  return { id: key, revision: String(revision), row };
}

const trend = (itemId: string, reason = '3 views in 5 min') => ({ itemId, reason });

describeUnless([requireChromium()], 'the page Recommendations in a browser', () => {
  let lab: PageLab;
  beforeAll(async () => {
    lab = await openPageLab();
  });
  afterEach(() => lab.closeOpened());
  afterAll(() => lab.close());

  const itemsIn = ({ page }: OpenPage, label: string) =>
    page.getByRole('group', { name: label }).locator('tbody th').allInnerTexts();
  const waitForItems = (opened: OpenPage, label: string, items: readonly string[]) =>
    expect.poll(() => itemsIn(opened, label)).toEqual(items);

  test('[J1] what trends moves when the server pushes, over all items and by category, from outside only text', async () => {
    const gateway = await lab.gateway();
    gateway.push('trending', [
      listRow('trending', 'all', 1, [trend('item-1', '<b>3</b> views in 5 min'), trend('item-2')]),
      listRow('trending', 'books', 1, [trend('item-2')]),
      listRow('trending', 'gone', 1, []),
    ]);
    const opened = await lab.open(gateway, { hash: '#/recommendations' });
    await waitForItems(opened, 'Trending: all items', ['item-1', 'item-2']);
    expect(await opened.page.locator('[data-item=item-1]').first().innerText()).toContain('<b>3</b> views in 5 min');
    gateway.push('trending', [listRow('trending', 'all', 2, [trend('item-2'), trend('item-1')])]);
    await waitForItems(opened, 'Trending: all items', ['item-2', 'item-1']);
    const choice = opened.page.getByRole('group', { name: 'Category' }).getByRole('button');
    expect(await choice.allInnerTexts()).toEqual(['all items', 'books']);
    await choice.last().focus();
    await opened.page.keyboard.press('Enter');
    await waitForItems(opened, 'Trending: books', ['item-2']);
    expect(opened.faults).toEqual([]);
  });

  test('a visitor is looked up by keyboard, the list says why and what it was found by, and changes with what they do', async () => {
    const gateway = await lab.gateway();
    gateway.push('trending', [listRow('trending', 'all', 1, [trend('item-1')])]);
    gateway.push('recommendations:user 7/ä', [
      listRow('personal', 'user 7/ä', 1, [
        { itemId: 'item-4', from: 'personal', reason: '14 sessions in 2 h viewed both this and item-3' },
        { itemId: 'item-1', from: 'trending', reason: '3 views in 5 min' },
      ]),
    ]);
    const opened = await lab.open(gateway, { hash: '#/recommendations' });
    await opened.page.getByLabel('Visitor').fill('user 7/ä');
    await opened.page.keyboard.press('Enter');
    const label = 'Recommended to user 7/ä';
    await waitForItems(opened, label, ['item-4', 'item-1']);
    expect(new URL(opened.page.url()).hash).toBe('#/recommendations/user%207%2F%C3%A4');
    const first = opened.page.getByRole('group', { name: label }).locator('[data-item=item-4]');
    expect(await first.innerText()).toMatch(/personal\s+14 sessions in 2 h viewed both this and item-3/);
    gateway.push('recommendations:user 7/ä', [
      listRow('personal', 'user 7/ä', 2, [{ itemId: 'item-9', from: 'co_visited', reason: '2 sessions' }]),
    ]);
    await waitForItems(opened, label, ['item-9']);
    expect(opened.faults).toEqual([]);
  });

  test('of a visitor nobody knows it says so, and shows what a new one is shown; it goes on after a dropped socket', async () => {
    const gateway = await lab.gateway();
    gateway.push('trending', [listRow('trending', 'all', 1, [trend('item-1')])]);
    const opened = await lab.open(gateway, { hash: '#/recommendations/nobody' });
    await opened.page.getByText('Nothing is known of nobody so far').waitFor();
    await waitForItems(opened, 'Shown to nobody', ['item-1']);
    gateway.dropSockets();
    gateway.push('recommendations:nobody', [
      listRow('personal', 'nobody', 1, [{ itemId: 'item-2', from: 'co_visited', reason: '1 session' }]),
    ]);
    await waitForItems(opened, 'Recommended to nobody', ['item-2']);
  });

  test('[J1] while another page is shown nothing of it is asked for', async () => {
    const gateway = await lab.gateway();
    const opened = await lab.open(gateway, { hash: '#/system' });
    await opened.page.getByText('live', { exact: true }).waitFor();
    expect(await opened.page.locator('main').innerText()).not.toContain('trending');
    expect(opened.faults).toEqual([]);
  });
});
