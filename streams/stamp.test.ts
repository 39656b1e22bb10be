import { of } from 'rxjs';
import { expect, test } from 'vitest';
import type { FoldOutput } from '../tasks/contract.ts';
import type { Output, StreamBatch } from './batch.ts';
import { stamp } from './stamp.ts';

const output = (topic: string, identity: string, n: number): Output => ({
  topic,
  key: 'k',
  identity,
  body: { kind: 'window', text: '"}{', n },
});

function stamped(outputs: readonly Output[]): FoldOutput[] {
  const stage = stamp({
    pipeline: 'p',
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
