import { expect, test } from 'vitest';
import { Aggregator, aheadMax } from './aggregator.ts';
import { field } from './aggregates/aggregate.ts';
import { count } from './aggregates/count.ts';
import { EntryLog } from './entry-log.ts';
import { RecordTime } from './stage.ts';
import type { View } from './view.ts';
import { statesAt } from './window-cells.ts';
import type { TimedEvent } from './batch.ts';

const keys = 40_000;
const T0 = 1_700_000_000_000;

interface Keyed extends TimedEvent {
  readonly key: string;
}

/** Rows of two windows that every key is in three times. `messageKeyOf`: what the records say their keys are; null: nobody looks ahead. */
function foldedWith(messageKeyOf: ((n: number) => string) | null) {
  const views: View<Keyed>[] = [
    {
      name: 'view',
      keyOf: ({ key }) => key,
      fields: [['count', field(count, () => null)]],
      outputs: [{ name: 'out', window: { kind: 'tumbling', sizeMs: 10_000 } }],
    },
  ];
  const aggregator = new Aggregator<Keyed>({ views, allowedLatenessMs: 0, keysMax: 1e6, cellsMax: 1e6 });
  const time = new RecordTime();
  time.watermarkMs = T0;
  const log = new EntryLog();
  for (let round = 0; round < 6; round++) {
    const numbers = Array.from({ length: keys }, (_, i) => (i * 7 + round) % keys);
    const records = numbers.map((n) => ({ key: (messageKeyOf ?? String)(n), value: null }));
    const [batch] = log.append({ clockMs: T0, records }).batches;
    if (!batch) throw new Error('no batch');
    for (const [index, n] of numbers.entries()) {
      if (messageKeyOf && index % aheadMax === 0) aggregator.approach(batch, index, Math.min(keys, index + aheadMax));
      time.eventTimeMs = T0 + (round % 2) * 10_000;
      const event = { id: `${round}-${n}`, type: 't', source: 's', eventTimeMs: time.eventTimeMs, key: keyOf(n) };
      aggregator.plan(event as unknown as Keyed, time);
      aggregator.commit();
    }
  }
  const rows: string[] = [];
  const tell = ({ startMs }: { startMs: number }, key: string, value: unknown) =>
    rows.push(`${startMs} ${key} ${String(value)}`);
  aggregator.drop(T0 + 60_000, () => ({
    row: () => {},
    place: () => {},
    places(window) {
      const { cells } = window;
      for (let place = 0; place < cells.count; place++)
        tell(window, cells.keys[place] as string, statesAt(cells.states, place)[0]);
    },
  }));
  return rows;
}

const keyOf = (n: number): string => `card-${n}`;

test('looking at what the next records need changes no row, whether the keys of messages are those of the view or not', () => {
  const rows = foldedWith(null);
  expect(rows).toHaveLength(2 * keys);
  expect(rows.every((row) => row.endsWith(' 3'))).toBe(true);
  expect(foldedWith(keyOf)).toEqual(rows);
  expect(foldedWith((n) => `another-${n}`)).toEqual(rows);
  expect(foldedWith((n) => keyOf((n * 3) % keys))).toEqual(rows);
});
