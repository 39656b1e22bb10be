import { expect, test } from 'vitest';
import type { Source } from '../sources/source.ts';
import { systemClock } from '../telemetry/clock.ts';
import { numbered, readCount, until, values, type Bench } from './contract-suite.ts';
import type { OutMessage, ReaderOptions } from './contract.ts';

/** Reading: positions, columns, waiting, bounds, back-pressure, loss. */
export function readerSuite(given: () => Bench, broker: 'embedded' | 'real'): void {
  const withReader = async (use: (reader: Source) => Promise<void>, options: ReaderOptions = {}): Promise<void> => {
    const reader = await given().kafka.reader({ fetchWaitMs: 5, ...options });
    await use(reader).finally(() => reader.close());
  };
  const send = async (messages: readonly OutMessage[]): Promise<void> => {
    const producer = await given().kafka.producer();
    await producer.partitionCount(messages[0]?.topic ?? '');
    await producer.send(messages);
    await producer.close();
  };

  positions(given, withReader, send, broker);
  if (broker === 'embedded') losses(given, withReader, send);
  bounds(given, withReader, send);
}

type WithReader = (use: (reader: Source) => Promise<void>, options?: ReaderOptions) => Promise<void>;
type Send = (messages: readonly OutMessage[]) => Promise<void>;

function positions(given: () => Bench, withReader: WithReader, send: Send, broker: 'embedded' | 'real'): void {
  test('reads a partition from any offset, in order, and again the same', async () => {
    const tp = { topic: given().newTopic(), partition: 1 };
    await send(numbered(tp, 500));
    const expected = numbered(tp, 500).map(({ value }) => String(value));
    await withReader(async (reader) => {
      for (const from of [0, 137, 499]) {
        const stream = reader.read(tp, BigInt(from));
        const batches = await readCount(stream, 500 - from);
        expect(values(batches)).toEqual(expected.slice(from));
        expect(batches[0]?.baseOffset).toBe(BigInt(from));
        expect(batches.at(-1)?.nextOffset).toBe(500n);
        stream.close();
      }
    });
  });

  test('gives keys, values, their absence, timestamps and headers as columns', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    const headers = [
      ['trace', Buffer.from('abc')],
      ['trace', Buffer.from('dé')],
    ] as const;
    await send([
      { ...tp, key: Buffer.from('k'), value: Buffer.from('v'), timestampMs: 1_700_000_000_123, headers },
      { ...tp, key: null, value: Buffer.from('w'), timestampMs: 1_700_000_000_124 },
      { ...tp, key: Buffer.from('gone'), value: null, timestampMs: 1_700_000_000_125 },
    ]);
    await withReader(async (reader) => {
      const batches = await readCount(reader.read(tp, 0n), 3);
      expect(values(batches)).toEqual(['v', 'w', null]);
      const keys = batches.flatMap(({ keyStart, keyEnd, bytes }) =>
        [...keyStart].map((start, i) => (start < 0 ? null : Buffer.from(bytes.subarray(start, keyEnd[i])).toString())),
      );
      expect(keys).toEqual(['k', null, 'gone']);
      const times = batches.flatMap(({ timestampsMs }) => [...timestampsMs]);
      const types = new Set(batches.map(({ timestampType }) => timestampType));
      if (broker === 'embedded') {
        expect([...types]).toEqual(['create']);
        expect(times).toEqual([1_700_000_000_123, 1_700_000_000_124, 1_700_000_000_125]);
      } else {
        expect([...types]).toEqual(['append']);
        for (const timeMs of times) expect(Math.abs(timeMs - systemClock.nowMs())).toBeLessThan(60_000);
      }
      const read = batches[0]?.headers?.[0]?.map(([name, value]) => [name, Buffer.from(value).toString()]);
      expect(read).toEqual([
        ['trace', 'abc'],
        ['trace', 'dé'],
      ]);
    });
  });

  test('tells the bounds and the end, and waits beyond the end until the partition has grown to it', async () => {
    const tp = { topic: given().newTopic(), partition: 2 };
    await send(numbered(tp, 3));
    await withReader(async (reader) => {
      expect(await reader.bounds(tp)).toEqual({ lowOffset: 0n, endOffset: 3n });
      const beyond = reader.read(tp, 5n);
      expect(await beyond.next(200)).toBeNull();
      await send(numbered(tp, 4, 3));
      expect(values(await readCount(beyond, 2))).toEqual(['value-5', 'value-6']);
      await until(() => beyond.endOffset() === 7n, 'the end is known on a silent partition');
    });
  });

  test('knows a topic that does not exist, and one stream per partition', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    await withReader(async (reader) => {
      expect(await reader.partitionCount(tp.topic)).toBe(0);
      const stream = reader.read(tp, 0n);
      expect(() => reader.read(tp, 0n)).toThrow('read already');
      stream.close();
      expect(() => stream.poll()).toThrow('closed');
      await expect(reader.read(tp, 0n).next(60_000)).rejects.toMatchObject({ code: 'topic_missing' });
    });
  });
}

function losses(given: () => Bench, withReader: WithReader, send: Send): void {
  const large = (tp: { topic: string; partition: number }, count: number): OutMessage[] =>
    Array.from({ length: count }, () => ({ ...tp, key: null, value: Buffer.alloc(10_000) }));

  test('calls records that the broker dropped a gap, or out of range when they were gone before', async () => {
    const tp = { topic: given().newTopic(), partition: 0 };
    await send(large(tp, 100));
    await withReader(
      async (reader) => {
        const early = reader.read(tp, 0n);
        await readCount(early, 1);
        await send(large(tp, 2_500)); // 25 MB into a partition that keeps 5, of which at most 4 are fetched ahead
        const drain = async (): Promise<void> => {
          for (;;) await early.next(5_000);
        };
        await expect(drain()).rejects.toMatchObject({ name: 'SourceError', code: 'gap' });
        early.close();
        const { lowOffset } = await reader.bounds(tp);
        expect(lowOffset).toBeGreaterThan(0n);
        const late = reader.read(tp, 0n);
        await expect(late.next(60_000)).rejects.toMatchObject({ code: 'offset_out_of_range' });
      },
      { queueBytesMax: 50_000 },
    );
  });
}

function bounds(given: () => Bench, withReader: WithReader, send: Send): void {
  test('[A9] bounds what waits to be polled, and loses and reorders nothing of 300,000 records', async () => {
    const topics = [given().newTopic(), given().newTopic()];
    const all = topics.flatMap((topic) => [0, 1, 2, 3].map((partition) => ({ topic, partition })));
    const count = 37_500;
    for (const tp of all) {
      await send(Array.from({ length: count }, (_, i) => ({ ...tp, key: null, value: Buffer.from(String(i)) })));
    }
    const queueBytesMax = 100_000;
    const fetchedAheadBytes = all.length * 10_000 * 70; // one produced batch of each partition, fetched when it got full
    await withReader(
      async (reader) => {
        const streams = all.map((tp) => reader.read(tp, 0n));
        const queued = async (): Promise<number> =>
          (await given().metrics.gauge('millrace_kafka_read_queue_bytes', '').get()).values[0]?.value ?? 0;
        await until(async () => (await queued()) > queueBytesMax, 'the queues fill');
        const next = streams.map(() => 0);
        for (let read = 0; read < all.length * count;) {
          expect(await queued()).toBeLessThan(all.length * queueBytesMax + fetchedAheadBytes);
          if (!(await reader.wait(60_000))) throw new Error(`only ${read} records came`);
          for (const [i, stream] of streams.entries()) {
            const batch = stream.poll();
            if (batch === null) continue;
            const found = values([batch]);
            const first = next[i] ?? 0;
            if (found.some((value, at) => value !== String(first + at))) throw new Error('out of order');
            next[i] = first + batch.count;
            read += batch.count;
          }
        }
        expect(next).toEqual(streams.map(() => count));
      },
      { queueBytesMax },
    );
  });

  test('closes while a call waits', async () => {
    const reader = await given().kafka.reader();
    const stream = reader.read({ topic: given().newTopic(), partition: 0 }, 0n);
    const waiting = reader.wait(60_000);
    const next = stream.next(60_000);
    await Promise.all([reader.close(), expect(next).rejects.toMatchObject({ code: 'closed' })]);
    await waiting;
    expect(() => reader.read({ topic: 'x', partition: 0 }, 0n)).toThrow('closed');
  });
}
