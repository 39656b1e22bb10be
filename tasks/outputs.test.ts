import { describe, expect, it } from 'vitest';
import type { OutMessage, OutText, Producer } from '../kafka/contract.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createOutputs } from './outputs.ts';

const output = (i: number) => ({ topic: 'results', key: `k${i}`, value: Buffer.from([i]) });

function bench(fail: (attempt: number) => unknown = () => null) {
  const sends: number[][] = [];
  const waiting: (() => void)[] = [];
  const producer = {
    send: (messages: readonly OutMessage[]) =>
      new Promise<never[]>((resolve, reject) => {
        const failure = fail(sends.push(messages.map(({ value }) => value?.[0] ?? -1)));
        waiting.push(() => (failure ? reject(failure as Error) : resolve([])));
      }),
  } as unknown as Producer;
  const outputs = createOutputs({
    ...{
      producer,
      partitionFor: () => 0,
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) },
    },
    ...{ failpoint: () => {}, messagesMax: 4, bytesMax: 1e6, onAcked: () => {} },
  });
  const answer = async (): Promise<void> => {
    await expect.poll(() => waiting.length).toBeGreaterThan(0);
    waiting.shift()?.();
    await systemClock.sleep(0);
  };
  return { outputs, sends, answer };
}

describe('the outputs of a task', () => {
  it('go out one send at a time in fold order, and are acknowledged up to an order offset', async () => {
    const { outputs, sends, answer } = bench();
    outputs.push(5n, [output(1), output(2)]);
    await expect.poll(() => sends.length).toBe(1);
    outputs.push(7n, [output(3)]);
    expect([outputs.isAckedBefore(5n), outputs.isAckedBefore(6n)]).toEqual([true, false]);
    await answer();
    expect([outputs.isAckedBefore(7n), outputs.isAckedBefore(8n)]).toEqual([true, false]);
    await answer();
    expect(outputs.isAckedBefore(8n)).toBe(true);
    expect(sends).toEqual([[1, 2], [3]]);
    outputs.close();
  });
  it('send the same messages again, in the same order, after a failure that may pass', async () => {
    const { outputs, sends, answer } = bench((attempt) =>
      attempt === 1 ? Object.assign(new Error('x'), { retryable: true }) : null,
    );
    outputs.push(1n, [output(1)]);
    await answer();
    outputs.push(2n, [output(2)]);
    await answer();
    expect(sends[1]?.[0]).toBe(1);
    expect(outputs.failure()).toBeNull();
    outputs.close();
  });
  it('end for good after any other failure, and are never acknowledged', async () => {
    const { outputs, answer } = bench(() => new Error('refused'));
    outputs.push(1n, [output(1)]);
    await answer();
    await expect.poll(() => outputs.failure()).toMatchObject({ code: 'produce_failed' });
    expect(outputs.isAckedBefore(2n)).toBe(false);
    outputs.close();
  });
  it('are handed over as parts of their blocks to a producer that takes these', async () => {
    const block = Buffer.from('abcdef');
    const part = (start: number, end: number) => ({
      ...{ topic: 'results', key: `k${start}`, block, start, end },
      get value(): Uint8Array {
        return expect.unreachable('no view of it is made');
      },
    });
    const sends: string[][] = [];
    const sendTexts = async (messages: readonly OutText[], partitions: ArrayLike<number>): Promise<void> => {
      const told = messages.map(({ key, block: from, start, end }, i) => {
        return `${partitions[i]} ${key} ${Buffer.from(from.subarray(start, end)).toString()}`;
      });
      sends.push(told);
    };
    const acked: number[] = [];
    const outputs = createOutputs({
      ...{
        producer: { sendTexts } as unknown as Producer,
        partitionFor: (_topic, key) => key.length,
        clock: systemClock,
      },
      ...{ failpoint: () => {}, messagesMax: 4, bytesMax: 1e6, onAcked: (count) => void acked.push(count) },
    });
    outputs.push(1n, [part(0, 2), { ...output(65), partition: 7 }]);
    outputs.push(2n, [part(2, 6)]);
    await expect.poll(() => outputs.pending()).toBe(0);
    expect(sends.flat()).toEqual(['2 k0 ab', '7 k65 A', '2 k2 cdef']);
    expect([acked.reduce((sum, count) => sum + count, 0), outputs.isAckedBefore(3n)]).toEqual([3, true]);
    outputs.close();
  });
  it.each([
    ['released once they are acknowledged, not before', 0, [1, 2, 3]],
    ['never released after a send has failed: the producer may still hold what it was given', 1, []],
  ] as const)('are %s', async (_title, failures, expected) => {
    const released: number[] = [];
    const part = (i: number) => ({
      ...{ topic: 'results', key: 'k', block: Buffer.from('abc'), start: 0, end: 1, value: Buffer.from('a') },
      release: () => void released.push(i),
    });
    const waiting: (() => void)[] = [];
    let sends = 0;
    const sendTexts = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const fails = ++sends <= failures;
        waiting.push(() => (fails ? reject(Object.assign(new Error('x'), { retryable: true })) : resolve()));
      });
    const outputs = createOutputs({
      ...{ producer: { sendTexts } as unknown as Producer, partitionFor: () => 0 },
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) },
      ...{ failpoint: () => {}, messagesMax: 4, bytesMax: 1e6, onAcked: () => {} },
    });
    outputs.push(1n, [part(1), part(2)]);
    outputs.push(2n, [part(3)]);
    while (outputs.pending() > 0) {
      if (sends <= failures + 1) expect(released).toEqual([]);
      await expect.poll(() => waiting.length).toBeGreaterThan(0);
      waiting.shift()?.();
      await systemClock.sleep(0);
    }
    expect(released).toEqual(expected);
    outputs.close();
  });
  it('have no room beyond their bound', () => {
    const { outputs } = bench();
    outputs.push(1n, [output(1), output(2), output(3)]);
    expect(outputs.hasRoom()).toBe(true);
    outputs.push(2n, [output(4)]);
    expect(outputs.hasRoom()).toBe(false);
    outputs.close();
  });
});
