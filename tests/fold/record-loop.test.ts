import fc from 'fast-check';
import { map } from 'rxjs';
import { expect, test } from 'vitest';
import { createPipeline, type PipelineOptions } from '../../pipeline.ts';
import type { Processor } from '../../processors/processor.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { max } from '../../streams/aggregates/extremes.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import type { StreamBatch, TimedEvent } from '../../streams/batch.ts';
import { EntryLog, type LoggedEntry, type LoggedRecord } from '../../streams/entry-log.ts';
import type { Decode, Decoded } from '../../streams/ingest.ts';
import { type View, viewsShape } from '../../streams/view.ts';
import { watermark, type WatermarkOptions } from '../../streams/watermark.ts';
import { windowed } from '../../streams/windowed.ts';
import type { Fold, FoldEntry } from '../../tasks/contract.ts';

interface Act extends TimedEvent {
  readonly amount: number;
}

const T0 = 1_767_225_600_000;
const unlucky = 13;

const views: readonly View<Act>[] = [
  {
    name: 'key',
    keyOf: ({ key }) => key,
    fields: [
      ['count', field(count, () => null)],
      [
        'sum',
        field(sum, ({ amount }: Act) => {
          if (amount === unlucky) throw new TypeError('no such amount');
          return amount;
        }),
      ],
      ['max', field(max, ({ amount }: Act) => amount)],
    ],
    outputs: [
      { name: 'tumbling', window: { kind: 'tumbling', sizeMs: 2_000 } },
      { name: 'hopping', window: { kind: 'hopping', sizeMs: 3_000, advanceMs: 1_000 } },
      { name: 'session', window: { kind: 'session', gapMs: 700, reachMs: 3_000 } },
    ],
  },
];

const processor: Processor<Act> = {
  ...{ name: 'acts', version: 1, inputs: ['in'], eventTypes: ['act'], stateShape: viewsShape(views) },
  acceptsBehindMs: 3_000,
  create: () =>
    windowed({
      ...{ views, allowedLatenessMs: 1_000, provisionalEveryMs: 1_000, keysMax: 4, cellsMax: 20 },
      topics: { windows: 'w', provisional: 'p', late: 'l' },
    }),
};

const decode: Decode<TimedEvent> = (bytes, start, end) => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
  if (text === 'throw') throw new TypeError('cannot decode');
  if (text.startsWith('{')) return { kind: 'event', event: JSON.parse(text) as Act };
  return { kind: 'dead', reason: 'undecodable', message: 'not JSON', fieldPath: null, source: null };
};

/** The same, but each event is in the one object that there is. */
function lending(): Decode<TimedEvent> {
  const event = {} as TimedEvent;
  const lent: Decoded<TimedEvent> = { kind: 'event', event };
  return (bytes, start, end) => {
    const decoded = decode(bytes, start, end);
    if (decoded.kind !== 'event') return decoded;
    Object.assign(event, decoded.event);
    return lent;
  };
}

function pipeline(how: Partial<PipelineOptions<Act>>): Fold {
  return createPipeline<Act>({
    ...{ processor, decode: decode as Decode<Act>, outOfOrdernessMs: 500, shard: 0, shards: 1 },
    clockGuard: { maxFutureMs: 60_000, isCreateTimeTrusted: false },
    dedupe: { horizonMs: 10_000, idsMax: 150 },
    ...how,
  });
}

const act = fc
  .record({
    id: fc.integer({ min: 0, max: 60 }),
    type: fc.constantFrom('act', 'act', 'act', 'act', 'other'),
    behindMs: fc.integer({ min: 0, max: 5_000 }),
    key: fc.integer({ min: 0, max: 5 }),
    amount: fc.integer({ min: 0, max: 15 }),
  })
  .map(({ id, key, ...rest }) => ({ id: `i${id}`, key: `k${key}`, source: 's', ...rest }));
const odd = fc.constantFrom('not JSON', 'throw', null, 'future');
const records = fc.array(
  fc.record({ partition: fc.constantFrom('in-0', 'in-1'), what: fc.oneof({ weight: 12, arbitrary: act }, odd) }),
  { maxLength: 25 },
);
const entries = fc.array(
  fc.record({
    records,
    stepMs: fc.integer({ min: 0, max: 1_500 }),
    idle: fc.subarray(['in-0', 'in-1']),
    hasSkip: fc.boolean(),
  }),
  { minLength: 1, maxLength: 12 },
);

function logged(steps: readonly (typeof entries extends fc.Arbitrary<infer T> ? T : never)[number][]): FoldEntry[] {
  const log = new EntryLog(['in-0', 'in-1']);
  let clockMs = T0;
  return steps.map(({ records: asked, stepMs, idle, hasSkip }) => {
    clockMs += stepMs;
    const made = asked.map(({ partition, what }): LoggedRecord => {
      if (what === null || what === 'not JSON' || what === 'throw') return { partition, value: what };
      const { behindMs, ...event } =
        what === 'future' ? { ...{ id: 'f', key: 'k', source: 's' }, behindMs: -1e6 } : what;
      return { partition, value: { type: 'act', amount: 1, ...event, eventTimeMs: clockMs - behindMs } };
    });
    const entry: LoggedEntry = { clockMs, records: made, idle, hasSkip };
    return log.append(entry);
  });
}

const shown = (fold: Fold, entry: FoldEntry) => ({
  outputs: fold.fold(entry).map(({ topic, key, value }) => [topic, key, Buffer.from(value).toString()]),
  counters: fold.counters(),
  state: structuredClone(fold.snapshot()),
});

test('a processor that stands another step before its windows is folded with that step', () => {
  const windows = () => processor.create();
  const halved: Processor<Act> = {
    ...processor,
    create: () => {
      const own = windows();
      const without = map((batch: StreamBatch<Act>) => ({ ...batch, records: batch.records.slice(1) }));
      return { ...own, operator: (batches) => own.operator(without(batches)) };
    },
  };
  const fold = pipeline({ processor: halved });
  const [entry] = logged([
    {
      records: [1, 2, 3].map((id) => ({
        partition: 'in-0' as const,
        what: { id: `i${id}`, type: 'act' as const, behindMs: 0, key: 'k', amount: 1, source: 's' },
      })),
      ...{ stepMs: 1, idle: [], hasSkip: false },
    },
  ]);
  fold.fold(entry as FoldEntry);
  expect(fold.counters()).toMatchObject({ in: 3, folded: 2 });
});

test('record by record comes out what comes out batch by batch: outputs, counters and state, whatever the log holds', () => {
  fc.assert(
    fc.property(entries, fc.nat(11), (steps, restoreAt) => {
      // Who brings a watermark of his own gets the stages one after the other.
      const ways = [
        { createWatermark: (options: WatermarkOptions) => watermark<Act>(options) },
        {},
        { lendingDecode: lending() },
      ];
      let folds = ways.map(pipeline);
      for (const [i, entry] of logged(steps).entries()) {
        const [expected, ...others] = folds.map((fold) => shown(fold, entry));
        for (const other of others) expect(other).toEqual(expected);
        if (i !== restoreAt) continue;
        folds = ways.map(pipeline);
        // All of them: a table of ids is laid out anew.
        for (const fold of folds) fold.restore(structuredClone(expected?.state));
      }
    }),
    { numRuns: 200 },
  );
});
