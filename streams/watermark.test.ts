import fc from 'fast-check';
import { of } from 'rxjs';
import { expect, test } from 'vitest';
import type { StreamBatch, TimedEvent } from './batch.ts';
import { EntryLog, type LoggedEntry } from './entry-log.ts';
import { ingest } from './ingest.ts';
import { watermark } from './watermark.ts';

const partitions = ['a-0', 'b-0', 'c-0'];
const OUT_OF_ORDERNESS = 10;

function run(
  entries: readonly LoggedEntry[],
  of_ = partitions,
  timelessTopics: readonly string[] = [],
): StreamBatch<TimedEvent>[] {
  const log = new EntryLog(of_);
  const decoded = ingest<TimedEvent>({
    decode: (bytes, start, end) => ({
      kind: 'event',
      event: JSON.parse(Buffer.from(bytes.subarray(start, end)).toString()) as TimedEvent,
    }),
    clockGuard: { maxFutureMs: 1e6, isCreateTimeTrusted: false },
  });
  const timed = watermark<TimedEvent>({ outOfOrdernessMs: OUT_OF_ORDERNESS, timelessTopics });
  const batches: StreamBatch<TimedEvent>[] = [];
  of(...entries.map((entry) => log.append(entry)))
    .pipe(decoded.operator, timed.operator)
    .subscribe((batch) => batches.push(batch));
  return batches;
}

const at = (partition: string, eventTimeMs: number) => ({ partition, value: { eventTimeMs } });

test('[C4] the watermark is the lowest of the partitions, judged record by record', () => {
  const [batch] = run([
    {
      clockMs: 0,
      records: [
        at('a-0', 100),
        at('b-0', 50),
        at('c-0', 70),
        at('b-0', 60),
        at('b-0', 55),
        at('b-0', 90),
        at('a-0', 1),
      ],
    },
  ]);
  expect([...(batch?.watermarkMs ?? [])]).toEqual([-Infinity, -Infinity, -Infinity, 40, 50, 50, 60]);
  expect(batch?.endWatermarkMs).toBe(60);
});

test('records of a timeless topic neither hold the watermark nor move it', () => {
  const entry = { clockMs: 0, records: [at('c-0', 5), at('a-0', 100), at('c-0', 9_999), at('b-0', 50), at('c-0', 0)] };
  const ends = (timeless: readonly string[]) => run([entry], partitions, timeless).map((batch) => batch.endWatermarkMs);
  expect(ends(['c'])).toEqual([40]);
  expect(ends(['c', 'a', 'b'])).toEqual([-Infinity]);
  const [batch] = run([entry], partitions, ['c']);
  expect([...(batch?.watermarkMs ?? [])]).toEqual([-Infinity, -Infinity, -Infinity, -Infinity, 40]);
});

test('[C5] an idle partition is set aside, and holds the others again when it comes back', () => {
  const ends = run([
    { clockMs: 0, records: [at('a-0', 100), at('b-0', 50)] },
    { clockMs: 1, idle: ['c-0'] },
    { clockMs: 2, idle: ['b-0', 'c-0'] },
    { clockMs: 3, idle: ['b-0', 'c-0'], records: [at('b-0', 120)] },
    { clockMs: 4, idle: ['c-0'], records: [at('a-0', 200)] },
    { clockMs: 5, idle: partitions },
  ]).map(({ endWatermarkMs }) => endWatermarkMs);
  expect(ends).toEqual([-Infinity, 40, 90, 90, 110, 110]);
});

test('[C6] silence publishes as far as it lasts, without moving the watermark', () => {
  const batches = run([
    { clockMs: 1_000, records: [at('a-0', 100)] },
    { clockMs: 1_500, idle: ['b-0'] },
    { clockMs: 2_000, idle: partitions },
    { clockMs: 2_500, idle: partitions },
  ]);
  expect(batches.map(({ publishUpToMs }) => publishUpToMs)).toEqual([-Infinity, -Infinity, 1_090, 1_590]);
  expect(batches.at(-1)?.endWatermarkMs).toBe(-Infinity);
});

test('before the first event silence publishes nothing', () => {
  expect(run([{ clockMs: 5, idle: partitions }])[0]?.publishUpToMs).toBe(-Infinity);
});

test('it is what the definition says, for any records and idleness, however they are cut', () => {
  const entryArb = fc.record({
    records: fc.array(fc.tuple(fc.constantFrom(...partitions), fc.nat(1_000)), { maxLength: 6 }),
    idle: fc.subarray(partitions),
  });
  fc.assert(
    fc.property(fc.array(entryArb, { maxLength: 12 }), (entries) => {
      const newest = new Map(partitions.map((name) => [name, -Infinity]));
      let expected = -Infinity;
      const batches = run(
        entries.map(({ records, idle }) => ({ clockMs: 0, idle, records: records.map((r) => at(...r)) })),
      );
      entries.forEach(({ records, idle }, i) => {
        const active = partitions.filter((name) => !idle.includes(name) || records.some(([own]) => own === name));
        const settle = (): void => {
          const lowest = Math.min(...active.map((name) => newest.get(name) ?? NaN));
          if (active.length > 0) expected = Math.max(expected, lowest - OUT_OF_ORDERNESS);
        };
        settle();
        records.forEach(([name, timeMs], j) => {
          expect(batches[i]?.watermarkMs[j]).toBe(expected);
          newest.set(name, Math.max(newest.get(name) ?? NaN, timeMs));
          settle();
        });
        expect(batches[i]?.endWatermarkMs).toBe(expected);
      });
    }),
    { numRuns: 300 },
  );
});
