import { describe, expect, test } from 'vitest';
import { createMemorySource } from '../../sources/memory.ts';
import type { OrderRecord } from '../../tasks/contract.ts';
import { checkOrderLogs, checkResults, checkRising } from './log-checks.ts';

const claim = (id: string, replaces: string | null): OrderRecord => ({
  ...{ kind: 'claim', id, replaces, clockMs: 1 },
  ...(replaces === null && { genesis: { epoch: 0, base: null, starts: { 'in-0': '0', 'in-1': '0' } } }),
});
const entry = (id: string, prev: string, range: readonly [string, number, number]): OrderRecord => ({
  ...{ kind: 'entry', id, prev, clockMs: 2, idle: [] },
  ranges: [[range[0], String(range[1]), String(range[2]), range[2] - range[1], 7]],
});

/** Two records in each of two inputs, and these order logs. */
async function findings(...logs: readonly (readonly OrderRecord[])[]): Promise<readonly string[]> {
  const source = createMemorySource({});
  for (const partition of [0, 1]) source.append({ topic: 'in', partition }, [{ value: 'a' }, { value: 'b' }]);
  for (const [partition, log] of logs.entries())
    source.append(
      { topic: 'order', partition },
      log.map((record) => ({ value: JSON.stringify(record) })),
    );
  const { faults } = await checkOrderLogs(source.reader(), { order: 'order', input: 'in', shards: logs.length });
  return faults;
}

const fine: readonly OrderRecord[] = [claim('a.0', null), entry('a.1', 'a.0', ['in-0', 0, 2])];

describe('what a scale-out is judged by', () => {
  test('order logs in which each record is ordered once, by whoever owns its task, are right', async () => {
    const taken = [
      ...fine,
      claim('b.0', 'a.0'),
      entry('a.2', 'a.1', ['in-1', 0, 2]),
      entry('b.1', 'b.0', ['in-1', 0, 2]),
    ];
    expect(await findings(taken)).toEqual([]);
  });

  test('an entry of one who is not the owner, an input in two logs, a hole and an end that is missing are found', async () => {
    expect(await findings([...fine, entry('b.1', 'a.1', ['in-1', 0, 2])])).toEqual([
      'shard 0: entry b.1 counts, and a owns the task',
    ]);
    const other = [claim('c.0', null), entry('c.1', 'c.0', ['in-0', 0, 2]), entry('c.2', 'c.1', ['in-1', 0, 2])];
    expect(await findings(fine, other)).toEqual(['in-0 is read by shards 0 and 1']);
    expect(await findings(fine)).toEqual(['in-1: ordered up to 0, it ends at 2']);
  });

  test('numbers that fall, and results that go back to something else, are found; what comes again as it was is not', async () => {
    const source = createMemorySource({});
    const put = (topic: string, key: string, value: object): unknown =>
      source.append({ topic, partition: 0 }, [{ key, value: JSON.stringify(value) }]);
    for (const n of [1, 2, 2, 1]) put('in', 'k', { n });
    const numberOf = (value: Buffer): number => (JSON.parse(value.toString()) as { n: number }).n;
    expect(await checkRising(source.reader(), 'in', numberOf)).toEqual(['in-0: k has 1 after 2']);
    const result = (index: number, value: number, shard = 0): object => ({
      ...{ value, producer: { shard, epoch: 0, orderOffset: '7', index } },
    });
    for (const one of [result(0, 1), result(1, 2), result(0, 1)]) put('out', 'k', one);
    expect(await checkResults(source.reader(), 'out')).toEqual({ faults: [], repeats: 1 });
    put('out', 'k', result(1, 3));
    put('out', 'k', result(2, 3, 1));
    expect((await checkResults(source.reader(), 'out')).faults).toEqual([
      'out-0: k goes back to 0 0/0/7/1 with other bytes',
      'k is of shards 0 and 1',
    ]);
  });
});
