import { of } from 'rxjs';
import { expect, test } from 'vitest';
import type { StreamBatch, TimedEvent } from './batch.ts';
import { dedupe } from './dedupe.ts';
import { EntryLog } from './entry-log.ts';
import { RecordTime } from './stage.ts';

const MINUTE = 60_000;
const [batch] = new EntryLog().append({ clockMs: 0, records: [{ value: '' }] }).batches;

/** One batch whose events are judged at the given watermarks. */
function batchOf(
  events: readonly (readonly [id: string, eventTimeMs: number, watermarkMs: number, source?: string])[],
) {
  if (!batch) throw new Error('the log gave no batch');
  const records = events.map(([id, eventTimeMs, , source = 's'], index) => {
    const event: TimedEvent = { id, type: 't', source, eventTimeMs, key: 'k' };
    return { event, batch, index };
  });
  return {
    records,
    watermarkMs: Float64Array.from(events, ([, , at]) => at),
    rejected: [],
    outputs: [],
  } as unknown as StreamBatch<TimedEvent>;
}

function passedBy(stage: ReturnType<typeof dedupe<TimedEvent>>, events: Parameters<typeof batchOf>[0]): string[] {
  const passed: string[] = [];
  of(batchOf(events))
    .pipe(stage.operator)
    .subscribe(({ records, watermarkMs }) => {
      expect(watermarkMs).toHaveLength(records.length);
      records.forEach(({ event }, i) => passed.push(`${event.id}@${watermarkMs[i]}`));
    });
  return passed;
}

test('a repetition is dropped while its id is within the horizon behind the watermark, to the minute, and passes after it', () => {
  const stage = dedupe<TimedEvent>({ horizonMs: 10 * MINUTE, idsMax: 10 });
  // The minute [0:00, 0:01) is remembered until the watermark is at 0:11.
  const events = [
    ['a', 59_999, 0],
    ['a', 59_999, 10 * MINUTE],
    ['a', 59_999, 11 * MINUTE - 1],
    ['a', 59_999, 11 * MINUTE],
  ] as const;
  expect(passedBy(stage, events)).toEqual(['a@0', `a@${11 * MINUTE}`]);
});

test('a repetition with another event time is found, too', () => {
  const stage = dedupe<TimedEvent>({ horizonMs: 10 * MINUTE, idsMax: 10 });
  expect(
    passedBy(stage, [
      ['a', 0, 0],
      ['a', 5 * MINUTE, 0],
      ['b', 0, 0],
    ]),
  ).toEqual(['a@0', 'b@0']);
});

test('ids are told apart by source, and source and id cannot be shifted into each other', () => {
  const stage = dedupe<TimedEvent>({ horizonMs: MINUTE, idsMax: 10 });
  expect(
    passedBy(stage, [
      ['bc', 0, 0, 'a'],
      ['c', 0, 0, 'ab'],
      ['c', 0, 1, 'ab'],
    ]),
  ).toEqual(['bc@0', 'c@0']);
});

test('an id that is only known by its bytes is the same id', () => {
  const stage = dedupe<TimedEvent>({ horizonMs: MINUTE, idsMax: 10 });
  expect(passedBy(stage, [['order-1', 0, 0]])).toHaveLength(1);
  const bytes = Buffer.from('{"id":"order-1"}{"id":"order-2"}');
  const lent = (idStart: number): TimedEvent =>
    Object.defineProperty({ type: 't', source: 's', eventTimeMs: 0, key: 'k', idBytes: at(idStart) }, 'id', {
      get: () => expect.unreachable('the id is not read'),
    }) as unknown as TimedEvent;
  const at = (idStart: number) => ({ bytes, idStart, idEnd: idStart + 'order-1'.length });
  const time = Object.assign(new RecordTime(), { eventTimeMs: 0, watermarkMs: 0 });
  const isFirst = (event: TimedEvent) => stage.steps?.isFirst(event, batch as NonNullable<typeof batch>, 0, time);
  stage.steps?.open();
  expect([isFirst(lent(7)), isFirst(lent(23)), isFirst(lent(23))]).toEqual([false, true, false]);
  expect(stage.counters()).toEqual({ duplicate: 2, dedupe_ids: 2 });
});

test('among 300,000 similar ids none is taken for another', () => {
  const stage = dedupe<TimedEvent>({ horizonMs: MINUTE, idsMax: 1_000_000 });
  const events = Array.from({ length: 300_000 }, (_, i) => [`order-${i}`, i, 0] as const);
  expect(passedBy(stage, events)).toHaveLength(300_000);
  expect(passedBy(stage, events)).toHaveLength(0);
});
