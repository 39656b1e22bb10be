import { expect, test } from 'vitest';
import type { Membership } from '../../kafka/contract.ts';
import { createMemorySource } from '../../sources/memory.ts';
import { SourceError, type Source } from '../../sources/source.ts';
import { openPartitions, type PartitionsOptions } from './partitions.ts';

test('when one partition cannot be opened none stays open, so that the next try can', async () => {
  const reader = createMemorySource().reader();
  let isAway = true;
  const flaky: Source = {
    ...reader,
    read: (tp, from) => reader.read(tp, from),
    bounds: (tp) =>
      tp.partition === 1 && isAway ? Promise.reject(new SourceError('unavailable', 'away')) : reader.bounds(tp),
  };
  const options: PartitionsOptions = {
    client: {} as never,
    database: 'd',
    reader: flaky,
    membership: { committed: () => Promise.resolve([]) } as unknown as Membership,
    epoch: 1,
    kindOf: () => 'result',
  };
  const wanted = [0, 1].map((partition) => ({ topic: 'millrace.windows', partition }));
  await expect(openPartitions(options, wanted)).rejects.toThrow('away');
  isAway = false;
  const opened = await openPartitions(options, wanted);
  expect(opened.map(({ kind }) => kind)).toEqual(['open', 'open']);
});
