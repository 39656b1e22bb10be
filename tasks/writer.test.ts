import { describe, expect, it } from 'vitest';
import { systemClock } from '../telemetry/clock.ts';
import type { OrderEntry, OrderRecord } from './contract.ts';
import { emptyJudgeState, judge } from './judge.ts';
import { createWriter } from './writer.ts';
import type { Writer } from './writer.ts';

const genesis = { epoch: 0, base: null, starts: { 'in-0': '0' } };
const begun = judge(emptyJudgeState, { kind: 'claim', id: 'c1', replaces: null, clockMs: 1, genesis }).state;
const entry = (id: string, prev: string, from: number): OrderEntry => ({
  ...{ kind: 'entry', id, prev, clockMs: 1, idle: [] },
  ranges: [['in-0', String(from), String(from + 1), 1, 0]],
});

/** A writer, what it sent, and the log as it is read back. */
function bench(failures: readonly unknown[] = []) {
  const sent: OrderRecord[] = [];
  const left = [...failures];
  const writer: Writer = createWriter({
    appender: {
      append(record) {
        sent.push(record);
        const failure = left.shift();
        return failure ? Promise.reject(failure) : Promise.resolve();
      },
    },
    ...{
      clock: { ...systemClock, sleep: () => Promise.resolve() },
      failpoint: () => {},
      judge,
      depth: 3,
      onFailure: () => {},
      onReadBack: () => {},
    },
  });
  let state = begun;
  let orderOffset = 0n;
  const readBack = (record: OrderRecord): string => {
    const judgement = judge(state, record);
    state = judgement.state;
    return writer.observe({ orderOffset: orderOffset++, id: record.id, record, appendTimeMs: null }, judgement);
  };
  return { writer, sent, readBack, state: () => state };
}

describe('the writer of an owner', () => {
  it('chains what is in flight up to its depth, and forgets what came back', () => {
    const { writer, readBack } = bench();
    for (const [i, id] of ['a', 'b', 'c'].entries())
      writer.append(begun, entry(id, writer.planned(begun).headId ?? '', i));
    expect(writer.canAppend()).toBe(false);
    expect(writer.planned(begun)).toMatchObject({ headId: 'c', positions: { 'in-0': '3' } });
    expect([readBack(entry('a', 'c1', 0)), readBack(entry('b', 'a', 1)), readBack(entry('c', 'b', 2))]).toEqual([
      'own',
      'own',
      'own',
    ]);
    expect(writer.inFlight()).toBe(0);
  });
  it('does not take the copy of an entry that counted for a lost one', () => {
    const { writer, readBack } = bench();
    writer.append(begun, entry('a', 'c1', 0));
    writer.append(begun, entry('b', 'a', 1));
    expect([readBack(entry('a', 'c1', 0)), readBack(entry('a', 'c1', 0)), readBack(entry('b', 'a', 1))]).toEqual([
      'own',
      'other',
      'own',
    ]);
  });
  it('drops all in flight when one of them comes back ignored, and goes on from the counting head', () => {
    const { writer, readBack, state } = bench();
    writer.append(begun, entry('a', 'c1', 0));
    writer.append(begun, entry('b', 'a', 1));
    expect(readBack(entry('b', 'a', 1))).toBe('resync');
    expect(writer.inFlight()).toBe(0);
    expect(writer.planned(state())).toBe(state());
  });
  it('drops all in flight when another entry counts', () => {
    const { writer, readBack } = bench();
    writer.append(begun, entry('a', 'c1', 0));
    expect(readBack(entry('x', 'c1', 0))).toBe('resync');
    expect(writer.inFlight()).toBe(0);
  });
  it('sends the same record again after a lost acknowledgement, until it is read back', async () => {
    const lost = Object.assign(new Error('lost'), { retryable: true });
    const { writer, sent } = bench([lost, lost]);
    writer.append(begun, entry('a', 'c1', 0));
    await expect.poll(() => sent.map(({ id }) => id)).toEqual(['a', 'a', 'a']);
    expect(writer.failure()).toBeNull();
  });
  it('fails for good where trying again cannot help', async () => {
    const { writer } = bench([new Error('refused')]);
    writer.append(begun, entry('a', 'c1', 0));
    await expect.poll(() => writer.failure()).toMatchObject({ code: 'append_failed' });
  });
  it('refuses to append what could not count', () => {
    const { writer } = bench();
    expect(() => writer.append(begun, entry('a', 'c1', 7))).toThrow(/cannot count/);
  });
});
