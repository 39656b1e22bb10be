import { expect, test } from 'vitest';
import type { ForecastBand, ForecastScore, Prediction } from '../../events/insights.ts';
import { buildBatch } from '../../sources/batch.ts';
import { createPredictionsChannels } from './predictions-channel.ts';

const minuteMs = 60_000;
const limits = {
  ...{ frameRowsMax: 100, resumeWindowMs: 60_000, resumeMessagesMax: 100 },
  ...{ predictionMinutesMax: 3, predictionRowsMax: 5 },
};
type Row = Partial<Prediction> | Partial<ForecastBand> | Partial<ForecastScore>;
const common = (revision: number) => ({ pipeline: 'predictions', version: 1, revision: String(revision) });
const minute = (key: string, at: number, revision: number, over: Partial<Prediction> = {}): Row => ({
  ...{ kind: 'prediction', metric: 'volume', key, targetMs: at * minuteMs, horizonMinutes: 0, actual: 1 },
  ...common(revision),
  ...over,
});

function fed(...rows: readonly (Row | string)[]) {
  const channels = createPredictionsChannels(limits);
  const records = rows.map((row, i) => ({
    ...{ recordOffset: BigInt(i), timestampMs: 0, headers: [] },
    key: Buffer.from(typeof row === 'string' ? 'volume all' : `${row.metric} ${row.key}`),
    value: Buffer.from(typeof row === 'string' ? row : JSON.stringify(row)),
  }));
  const batch = buildBatch({ topic: 'millrace.predictions', partition: 0 }, 'create', records, BigInt(rows.length));
  const taken = rows.map((_, i) => channels.every((channel) => channel.add(batch, i)));
  const [revenue, volume] = channels;
  if (!revenue || !volume) throw new Error('no channels');
  return { revenue, volume, taken };
}
const rowsOf = ({ view }: ReturnType<typeof fed>['volume']) => [...view.rows()].map(({ row }) => row as Prediction);

test('a metric has a channel of its own, with closed minutes, the newest band and the newest score', () => {
  const band = { kind: 'forecast-band', metric: 'volume', key: 'all', fromMs: 0 } as const;
  const score = { kind: 'forecast-score', metric: 'volume', key: 'all', coverage: 0.9 } as const;
  const { revenue, volume, taken } = fed(
    minute('all', 1, 1),
    minute('all', 2, 1, { horizonMinutes: 15 }),
    { ...band, ...common(2) },
    { ...band, fromMs: 60_000, ...common(3) },
    { ...score, ...common(4) },
    { ...score, coverage: 0.5, ...common(2) },
    { ...minute('all/EUR', 1, 1), metric: 'revenue' },
    'not JSON',
  );
  expect(taken).toEqual([true, true, true, true, true, true, true, false]);
  expect(rowsOf(volume)).toMatchObject([{ targetMs: 60_000 }, { fromMs: 60_000 }, { coverage: 0.9 }]);
  expect(rowsOf(revenue)).toMatchObject([{ key: 'all/EUR' }]);
});

test('a correction replaces its minute; old minutes leave, of each series and of all', () => {
  const { volume } = fed(
    ...[1, 2, 3, 4].map((at) => minute('all', at, at)),
    minute('all', 3, 9, { actual: 7 }),
    minute('all', 4, 1, { actual: 99 }),
  );
  expect(rowsOf(volume).map(({ targetMs, actual }) => [targetMs / minuteMs, actual])).toEqual([
    [2, 1],
    [3, 7],
    [4, 1],
  ]);
  const many = fed(...['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((key) => minute(key, 1, 1)));
  expect(rowsOf(many.volume).map(({ key }) => key)).toEqual(['c', 'd', 'e', 'f', 'g']);
});

test('keys narrow the channel; other parameters are refused', () => {
  const { volume } = fed();
  const parsed = volume.parse({ keys: ['FR/EUR', 'all'] });
  if (parsed.kind !== 'ok') throw new Error(parsed.why);
  const row = (key: string) => ({ id: key, revision: '1', row: minute(key, 1, 1) });
  expect([parsed.filter.matches(row('all')), parsed.filter.matches(row('DE/EUR'))]).toEqual([true, false]);
  for (const params of [{ keys: [] }, { keys: [1] }, { outputs: ['x'] }]) expect(volume.parse(params).kind).toBe('bad');
});
