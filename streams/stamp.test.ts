import fc from 'fast-check';
import { of, Subject } from 'rxjs';
import { expect, test, vi } from 'vitest';
import type { FoldOutput } from '../tasks/contract.ts';
import { type Output, type StreamBatch, suffixBytes } from './batch.ts';
import { Blocks } from './blocks.ts';
import { JsonBytes } from './json-bytes.ts';
import { stamp } from './stamp.ts';

const output = (topic: string, identity: string, n: number): Output => ({
  topic,
  key: 'k',
  identity,
  body: { kind: 'window', text: '"}{', n },
});

/** As a processor that writes its results itself. */
function writtenBefore(json: JsonBytes, { body, ...rest }: Output): Output {
  json.value(body).reserve(suffixBytes);
  const { block: written, start, end } = json;
  json.leave(suffixBytes);
  return { ...rest, body: {}, written, start, end };
}

function stamped(outputs: readonly Output[], pipeline = 'p'): FoldOutput[] {
  const stage = stamp({
    pipeline,
    version: 3,
    shard: 2,
    revisionOf: (epoch, offset) => BigInt(epoch) * 1000n + offset,
  });
  const entry = { orderOffset: 7n, epoch: 1, entryId: 'e-7' };
  const made: FoldOutput[] = [];
  of({ entry, outputs } as unknown as StreamBatch<unknown>)
    .pipe(stage.operator)
    .subscribe((all) => made.push(...all));
  expect(stage.counters()).toEqual({ outputs: made.length });
  return made;
}

const bodyOf = ({ value }: FoldOutput): unknown => JSON.parse(new TextDecoder().decode(value));

test('an output says what made it: its position, counted from 0, and a revision', () => {
  const [first, second] = stamped([output('t', 'a', 1), output('t', 'b', 2)]).map(bodyOf);
  const position = { pipeline: 'p', version: 3, shard: 2, epoch: 1, orderOffset: '7', entryId: 'e-7' };
  const common = { kind: 'window', text: '"}{', pipeline: 'p', version: 3, revision: '1007' };
  expect(first).toEqual({ ...common, n: 1, producer: { ...position, index: 0 } });
  expect(second).toEqual({ ...common, n: 2, producer: { ...position, index: 1 } });
});

test('what a processor has written itself leaves as what it has not, however long its position is', () => {
  for (const pipeline of ['p', 'p'.repeat(60), 'p'.repeat(200)]) {
    const json = new JsonBytes();
    const outputs = Array.from({ length: 300 }, (_, n) => output('t', `${n}`, n));
    const expected = stamped(outputs, pipeline).map(({ value }) => Buffer.from(value).toString());
    const mixed = outputs.map((one, n) => (n % 3 === 0 ? one : writtenBefore(json, one)));
    const made = stamped(mixed, pipeline);
    expect(made.map(({ value }) => Buffer.from(value).toString())).toEqual(expected);
  }
});

test('of one topic and identity only the last leaves an entry', () => {
  const made = stamped([output('t', 'a', 1), output('t', 'b', 2), output('u', 'a', 3), output('t', 'a', 4)]);
  expect(made.map(({ topic }) => topic)).toEqual(['t', 'u', 't']);
  expect(made.map(bodyOf)).toMatchObject([{ n: 2 }, { n: 3 }, { n: 4, producer: { index: 2 } }]);
});

test('a copy with another value is that value, for whoever sends the bytes', () => {
  const [made] = stamped([output('t', 'a', 1)]);
  const { block, start, end, value } = made as FoldOutput;
  expect(block?.subarray(start, end)).toEqual(value);
  expect({ ...made, value: Buffer.from('other') }).toEqual({ topic: 't', key: 'k', value: Buffer.from('other') });
});

test('outputs stay as they are, whatever is written in memory that others released', () => {
  const { give } = Blocks.prototype;
  const given = vi.spyOn(Blocks.prototype, 'give').mockImplementation(function (this: Blocks, block) {
    block.bytes.fill(0xdd); // what is released and still read shows
    give.call(this, block);
  });
  const step = fc.record({
    lengths: fc.array(fc.nat(40_000), { minLength: 1, maxLength: 6 }),
    released: fc.array(fc.nat(5), { minLength: 2, maxLength: 6 }),
  });
  fc.assert(
    fc.property(fc.array(step, { minLength: 12, maxLength: 30 }), (steps) => {
      const stage = stamp({ pipeline: 'p', version: 1, shard: 0, revisionOf: (_epoch, offset) => offset });
      const json = new JsonBytes();
      const held: { readonly made: FoldOutput; readonly text: string }[] = [];
      const batches = new Subject<StreamBatch<unknown>>();
      batches.pipe(stage.operator).subscribe((all) => {
        for (const made of all) held.push({ made, text: Buffer.from(made.value).toString() });
      });
      steps.forEach(({ lengths, released }, i) => {
        const outputs = lengths.map((length, n) => ({ ...output('t', `${n}`, n), body: `${i}`.repeat(length) }));
        const bodies = outputs.map((one, n) => {
          const whole = { ...one, body: { text: one.body } };
          return n % 2 === 0 ? whole : writtenBefore(json, whole);
        });
        const entry = { orderOffset: BigInt(i), epoch: 1, entryId: `e-${i}` };
        batches.next({ entry, outputs: bodies } as unknown as StreamBatch<unknown>);
        for (const at of released) {
          const [one] = held.splice(at, 1);
          one?.made.release?.();
          if (one) expect(() => one.made.value).toThrow('released');
        }
        for (const { made, text } of held) expect(Buffer.from(made.value).toString() === text).toBe(true);
      });
    }),
    { numRuns: 40 },
  );
  expect(given.mock.calls.length).toBeGreaterThan(100);
  given.mockRestore();
});
