import { describe, expect, test } from 'vitest';
import type { Grown } from '../growth.ts';
import { createStreamSet } from '../reader-set.ts';
import { Asking } from './asking.ts';
import { DirectStream } from './stream.ts';

function rig({ partitions = 3, gatherMs = 10, fetchWaitMs = 20 } = {}) {
  let nowMs = 1_000;
  let told: (grown: readonly Grown[]) => void = () => {};
  let earlier = 0;
  const streams = createStreamSet<DirectStream>();
  const all = Array.from({ length: partitions }, (_, partition) => {
    const stream = new DirectStream({ topic: 't', partition }, 0n, {} as never);
    streams.add(stream);
    return stream;
  });
  const asking = new Asking({
    growth: { tell: () => {}, listen: (listener) => ((told = listener), () => (told = () => {})) },
    clock: { nowMs: () => nowMs, sleep: () => Promise.resolve() },
    onEarlier: () => (earlier += 1),
    ...{ streams, gatherMs, fetchWaitMs },
  });
  const due = (): readonly number[] => asking.due(all).map(({ partition }) => partition);
  return {
    due,
    asking,
    earlier: () => earlier,
    pass: (ms: number) => void (nowMs += ms),
    tell: (partition: number, endOffset: number) => told([{ topic: 't', partition, endOffset }]),
    /** The broker has `endOffset` records of a partition and gives those up to `toOffset`. */
    answer: (partition: number, toOffset: number, endOffset = toOffset) => {
      const stream = all[partition] as DirectStream;
      const asked = stream.nextOffset;
      stream.nextOffset = toOffset;
      asking.answered(stream, asked, endOffset);
    },
  };
}

/** Everything was looked at and is empty. */
function settled(options = {}) {
  const found = rig(options);
  for (const partition of found.due()) found.answer(partition, 0);
  return found;
}

describe('when to ask the embedded broker', () => {
  test('for all at first, then for nothing until the next look', () => {
    const found = rig();
    expect(found.due()).toEqual([0, 1, 2]);
    for (const partition of [0, 1, 2]) found.answer(partition, 0);
    expect([found.due(), found.asking.waitMs()]).toEqual([[], 250]);
    found.pass(250);
    expect(found.due()).toEqual([0, 1, 2]);
  });

  test('for what has grown, once what comes together has been gathered', () => {
    const found = settled();
    found.tell(1, 5);
    found.pass(4);
    found.tell(2, 7);
    expect([found.earlier(), found.due(), found.asking.waitMs()]).toEqual([1, [], 6]);
    found.pass(6);
    expect(found.due()).toEqual([1, 2]);
    for (const partition of [1, 2]) found.answer(partition, 7);
    expect([found.due(), found.asking.waitMs()]).toEqual([[], 240]);
  });

  test('again at once for what did not fit into the answer', () => {
    const found = settled();
    found.tell(1, 500);
    found.pass(10);
    expect(found.due()).toEqual([1]);
    found.answer(1, 200, 500);
    expect([found.asking.waitMs(), found.due()]).toEqual([0, [1]]);
    found.answer(1, 500);
    expect(found.due()).toEqual([]);
  });

  test('again for what was told while the question was on its way', () => {
    const found = settled();
    found.tell(1, 5);
    found.pass(10);
    expect(found.due()).toEqual([1]);
    found.tell(1, 9);
    found.answer(1, 5);
    expect(found.due()).toEqual([]);
    found.pass(10);
    expect(found.due()).toEqual([1]);
  });

  test('not again and again for what was told and is not there', () => {
    const found = settled();
    found.tell(1, 5);
    found.pass(10);
    expect(found.due()).toEqual([1]);
    found.answer(1, 0);
    expect([found.due(), found.asking.waitMs()]).toEqual([[], 240]);
  });

  test('not for what is known already', () => {
    const found = settled();
    found.tell(1, 0);
    expect([found.earlier(), found.asking.waitMs()]).toEqual([0, 250]);
  });

  test('for all more often once a record came that nobody told of, for five seconds after the last such one', () => {
    const found = settled();
    found.pass(250);
    found.due();
    found.answer(0, 3);
    found.pass(250);
    found.due(); // the look before is judged with this one
    expect(found.asking.waitMs()).toBe(20);
    for (let ms = 0; ms < 5_000; ms += 20) {
      found.pass(20);
      expect(found.due()).toEqual([0, 1, 2]);
    }
    expect(found.asking.waitMs()).toBe(250);
  });

  test('as rarely as ever after a look that came before the telling', () => {
    const found = settled();
    found.pass(250);
    found.due();
    found.answer(0, 3);
    found.tell(0, 3);
    found.pass(250);
    found.due();
    expect(found.asking.waitMs()).toBe(250);
  });

  test('at once for a stream that was opened or has room again', () => {
    const found = rig();
    found.due();
    for (const partition of [0, 2]) found.answer(partition, 0);
    found.asking.now();
    expect(found.due()).toEqual([1]);
  });
});
