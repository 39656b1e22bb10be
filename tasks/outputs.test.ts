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
  it('are written some thousand at a time, as they are sent, and the same again after a failure', async () => {
    let [written, released] = [0, 0];
    const later = (i: number) => {
      let block: Buffer | null = null;
      const write = (): Buffer => {
        if (!block) written++;
        return (block ??= Buffer.from(`${i}`));
      };
      return {
        ...{ topic: 'results', key: 'k', unwrittenBytes: 10, start: 0 },
        get block() {
          return write();
        },
        get end() {
          return write().length;
        },
        get value() {
          return write();
        },
        release: () => void released++,
      };
    };
    const answers: ((error?: Error) => void)[] = [];
    const sends: string[][] = [];
    const sendTexts = (texts: readonly OutText[]): Promise<void> => {
      sends.push(texts.map(({ block, end }) => Buffer.from(block.subarray(0, end)).toString()));
      return new Promise((resolve, reject) => answers.push((error) => (error ? reject(error) : resolve())));
    };
    const outputs = createOutputs({
      ...{ producer: { sendTexts } as unknown as Producer, partitionFor: () => 0 },
      clock: { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 5), signal) },
      ...{ failpoint: () => {}, messagesMax: 100_000, bytesMax: 120_000, onAcked: () => {} },
    });
    const answered = async (sent: number, error?: Error): Promise<void> => {
      await expect.poll(() => sends.length).toBe(sent);
      answers[sent - 1]?.(error);
    };
    const all = Array.from({ length: 12_000 }, (_, i) => i);
    outputs.push(1n, all.slice(0, 11_999).map(later));
    expect([written, outputs.hasRoom()]).toEqual([0, true]);
    outputs.push(2n, [later(11_999)]);
    // What counts is what is held while it waits: ten bytes each, not what they will be.
    expect([written, outputs.hasRoom()]).toEqual([0, false]);
    await answered(1);
    await expect.poll(() => sends.length).toBe(2);
    expect([written, released, outputs.hasRoom()]).toEqual([10_000, 5_000, true]);
    await answered(2, Object.assign(new Error('x'), { retryable: true }));
    await expect.poll(() => sends.length).toBe(3);
    expect(written).toBe(10_000);
    expect(sends[2]).toEqual(sends[1]);
    await answered(3);
    await answered(4);
    await expect.poll(() => outputs.pending()).toBe(0);
    expect([...(sends[0] ?? []), ...sends.slice(2).flat()]).toEqual(all.map(String));
    expect([written, released, outputs.isAckedBefore(3n)]).toEqual([12_000, 5_000, true]);
    outputs.push(3n, all.map(later));
    await answered(5);
    outputs.close();
    await systemClock.sleep(0);
    // Nothing more is written once it is closed, though it waits.
    expect([sends.length, written, outputs.pending()]).toEqual([5, 17_000, 7_000]);
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
