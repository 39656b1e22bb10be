import fc from 'fast-check';
import { expect, test, vi } from 'vitest';
import { createPipeline } from '../../pipeline.ts';
import type { Processor } from '../../processors/processor.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { max } from '../../streams/aggregates/extremes.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import { topK } from '../../streams/aggregates/top-k.ts';
import type { TimedEvent } from '../../streams/batch.ts';
import { Blocks } from '../../streams/blocks.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import type { Decode } from '../../streams/ingest.ts';
import { type View, viewsShape } from '../../streams/view.ts';
import { windowed } from '../../streams/windowed.ts';
import type { Fold, FoldOutput } from '../../tasks/contract.ts';

interface Act extends TimedEvent {
  readonly amount: number;
}

const T0 = 1_767_225_600_000;
const amountOf = ({ amount }: Act): number => amount;
const outputs = (name: string): View<Act>['outputs'] => [
  { name: `${name}_tumbling`, window: { kind: 'tumbling', sizeMs: 2_000 } },
  { name: `${name}_hopping`, window: { kind: 'hopping', sizeMs: 3_000, advanceMs: 1_000 } },
];
const views: readonly View<Act>[] = [
  {
    ...{ name: 'numbers', keyOf: ({ key }) => key, outputs: outputs('numbers') },
    fields: [
      ['count', field(count, () => null)],
      ['sum', field(sum, amountOf)],
      ['max', field(max, amountOf)],
    ],
  },
  {
    ...{ name: 'changed_in_place', keyOf: ({ key }) => key, outputs: outputs('changed_in_place') },
    fields: [['often', field(topK(3), (act: Act) => String(act.amount))]],
  },
];

const decode: Decode<TimedEvent> = (bytes, start, end) => ({
  kind: 'event',
  event: JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()) as Act,
});

function pipeline(allowedLatenessMs: number): Fold {
  const processor: Processor<Act> = {
    ...{ name: 'acts', version: 1, inputs: ['in'], eventTypes: ['act'], stateShape: viewsShape(views) },
    acceptsBehindMs: 3_000 + allowedLatenessMs,
    create: () =>
      windowed({
        ...{ views, allowedLatenessMs, provisionalEveryMs: 1_000, keysMax: 100, cellsMax: 10_000 },
        topics: { windows: 'w', provisional: 'p', late: 'l' },
      }),
  };
  return createPipeline<Act>({
    ...{ processor, decode: decode as Decode<unknown> as Decode<Act>, outOfOrdernessMs: 500, dedupe: null },
    ...{ clockGuard: { maxFutureMs: 1e9, isCreateTimeTrusted: false }, shard: 0, shards: 1 },
  });
}

/** Seconds go on by up to three an entry; within it records are up to five behind. */
const entry = fc.record({
  stepMs: fc.nat(3_000),
  records: fc.array(fc.tuple(fc.nat(5_000), fc.nat(6), fc.nat(50)), { maxLength: 12 }),
  /** When the outputs of this entry are read: so many entries later, backwards or not. */
  readAfter: fc.nat(6),
  isBackwards: fc.boolean(),
});

const textOf = ({ topic, key, value }: FoldOutput): string => `${topic} ${key} ${Buffer.from(value).toString()}`;

test.each([
  { allowedLatenessMs: 0, later: ['numbers', 'changed_in_place'] },
  { allowedLatenessMs: 4_000, later: ['numbers'] },
])('rows read long after their entry say what they said then (late by $allowedLatenessMs ms)', (of) => {
  const writtenLater = new Set<string>();
  const { give } = Blocks.prototype;
  const given = vi.spyOn(Blocks.prototype, 'give').mockImplementation(function (this: Blocks, block) {
    block.bytes.fill(0xdd); // what is released and still read shows
    give.call(this, block);
  });
  fc.assert(
    fc.property(fc.array(entry, { minLength: 5, maxLength: 30 }), (entries) => {
      const [atOnce, later] = [pipeline(of.allowedLatenessMs), pipeline(of.allowedLatenessMs)];
      const log = new EntryLog(['in-0']);
      let nowMs = T0;
      let ids = 0;
      const waiting: { due: number; outputs: readonly FoldOutput[]; texts: string[]; isBackwards: boolean }[] = [];
      const read = (now: number): void => {
        for (const one of waiting.filter(({ due }) => due <= now)) {
          waiting.splice(waiting.indexOf(one), 1);
          const all = one.outputs.map((output, i) => [output, one.texts[i] ?? ''] as const);
          const told: unknown[] = [];
          for (const [output, text] of one.isBackwards ? all.reverse() : all) {
            const { block, start, end, value } = output;
            const isPart = Buffer.compare(value, block?.subarray(start, end) ?? Buffer.alloc(0)) === 0;
            if (textOf(output) !== text || !isPart) told.push([textOf(output), text]);
            if (output.unwrittenBytes !== undefined) writtenLater.add(/"output":"(\w+)_/.exec(text)?.[1] ?? '');
            output.release?.();
          }
          expect(told).toEqual([]);
          for (const output of one.outputs.slice(0, 1)) expect(() => output.value).toThrow('released');
        }
      };
      entries.forEach(({ stepMs, records, readAfter, isBackwards }, i) => {
        nowMs += stepMs;
        const values = records.map(([behindMs, key, amount]) => ({
          ...{ id: `e${ids++}`, type: 'act', source: 's', key: `k${key}`, amount },
          eventTimeMs: nowMs - behindMs,
        }));
        const logged = { clockMs: nowMs, records: values.map((value) => ({ value, partition: 'in-0' })) };
        const made = log.append(logged);
        const texts = atOnce.fold(made).map(textOf);
        waiting.push({ due: i + readAfter, outputs: later.fold(made), texts, isBackwards });
        read(i);
      });
      read(Infinity);
    }),
    { numRuns: 60 },
  );
  given.mockRestore();
  expect([...writtenLater]).toEqual(expect.arrayContaining(of.later));
});
