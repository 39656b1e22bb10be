import { expect, test } from 'vitest';
import { featureTables } from './feature-tables.ts';

test('features are laid out by entity, statistic and window; what is not of a window stays by its name', () => {
  expect(
    featureTables({
      card_count_1m: 5,
      card_count_10m: 6,
      card_sum_minor_1m: 750,
      device_count_1m: null,
      card_is_first_seen: true,
      is_night: false,
    }),
  ).toEqual({
    entities: [
      {
        entity: 'card',
        rows: [
          { stat: 'count', values: { '1m': 5, '10m': 6 }, names: { '1m': 'card_count_1m', '10m': 'card_count_10m' } },
          { stat: 'sum_minor', values: { '1m': 750 }, names: { '1m': 'card_sum_minor_1m' } },
        ],
      },
      { entity: 'device', rows: [{ stat: 'count', values: { '1m': null }, names: { '1m': 'device_count_1m' } }] },
    ],
    windows: ['1m', '10m'],
    others: [
      ['card_is_first_seen', true],
      ['is_night', false],
    ],
  });
});
