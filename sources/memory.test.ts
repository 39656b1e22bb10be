import { expect, test } from 'vitest';
import { createMemorySource } from './memory.ts';
import { sourceSuite, take } from './source-suite.ts';

sourceSuite('the source in memory', async () => {
  const source = createMemorySource();
  return {
    source,
    append: async (place, records) => void source.append(place, records),
    trim: async (place, lowOffset) => source.trim(place, lowOffset),
    stop: () => source.close(),
  };
});

test('retention overtaking a reader is a gap', async () => {
  const source = createMemorySource({ batchRecordsMax: 1 });
  const place = { topic: 't', partition: 0 };
  source.append(place, [{ value: 'a' }, { value: 'b' }, { value: 'c' }]);
  const stream = source.read(place, 0n);
  await take(stream, 1);
  source.trim(place, 2n);
  expect(() => stream.poll()).toThrow(expect.objectContaining({ code: 'gap' }));
});

test('holes are passed, and the last one belongs to the batch before it', async () => {
  const source = createMemorySource();
  const place = { topic: 't', partition: 0 };
  source.append(place, [{ value: 'a' }]);
  source.skip(place, 2);
  const batch = source.read(place, 0n).poll();
  expect(batch?.nextOffset).toBe(3n);
});
