import { expect, test } from 'vitest';
import type { AtRate } from './latency.ts';
import { findSustained, holding, whyNot } from './sustained.ts';

const some = { p50Ms: 10, p99Ms: 20, p999Ms: 30, count: 100 };
const calm: Omit<AtRate, 'because' | 'usage'> = {
  ...{ perSecond: 1_000, sent: 10_000, decided: 10_000, behind: 20, alerts: 100, firstThirdMs: 10, lastThirdMs: 12 },
  ...{ decision: some, webhook: some, browser: some, lagRecords: { fraud: 3, 'clickhouse payments': 900 } },
  stages: { handedOver: some, acknowledged: some, ordered: some, appended: some },
};

test('a rate is sustained only where no queue grows: of decisions, webhooks, frames, other pipelines, ClickHouse', () => {
  expect(whyNot(calm)).toBeNull();
  for (const grown of [
    { behind: 1_500 },
    { lastThirdMs: 200 },
    { webhook: { ...some, count: 90 } },
    { browser: { ...some, count: 0 } },
    { webhook: { ...some, p50Ms: 1_500 } },
    { lagRecords: { revenue: 2_500 } },
  ])
    expect(whyNot({ ...calm, ...grown })).not.toBeNull();
});

test('the sustained rate is the highest one tried that is', async () => {
  const tryAt = async (perSecond: number) => {
    const at = { ...calm, perSecond, lagRecords: {}, behind: perSecond > 2_500 ? 10_000 : 0 };
    return { because: whyNot(at) };
  };
  const { perSecond, tried } = await findSustained(tryAt);
  expect(perSecond).toBe(1_932);
  expect(tried.map((one) => one.perSecond)).toEqual([400, 520, 676, 879, 1_143, 1_486, 1_932, 2_512]);
  expect(tried.findIndex(({ because }) => because !== null)).toBe(7);
});

test('a rate of which half or four fifths do not hold is lowered by a fifth until they do', async () => {
  const asked: number[] = [];
  const at = async (perSecond: number): Promise<{ readonly because: string | null }> => {
    asked.push(perSecond);
    return { because: perSecond > 600 ? 'a queue grows' : null };
  };
  expect(await holding(1_000, false, at)).toMatchObject({ perSecond: 640, half: { because: null } });
  expect(asked).toEqual([500, 800, 400, 640, 320, 512]);
  expect(await holding(1_000, true, at)).toMatchObject({ perSecond: 1_000, fourFifths: { because: 'a queue grows' } });
  expect(await holding(100_000, false, at)).toMatchObject({ perSecond: 40_960, half: { because: 'a queue grows' } });
});
