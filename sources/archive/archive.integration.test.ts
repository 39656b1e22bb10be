import { afterAll, beforeAll, expect, test } from 'vitest';
import { orderTopic } from '../../events/topics.ts';
import { createBlocks } from '../../sinks/clickhouse/blocks.ts';
import { createTableSink } from '../../sinks/clickhouse/insert.ts';
import { migrate } from '../../sinks/clickhouse/migrate.ts';
import { startTestClickHouse, type TestClickHouse } from '../../sinks/clickhouse/testbed-suite.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { describeUnless, requireChdb } from '../../tests/requirements.ts';
import { createMemorySource, type MemorySource } from '../memory.ts';
import { flatten, sourceSuite, take, type SourceUnderTest } from '../source-suite.ts';
import { topicPartitionName, type Source, type TopicPartition } from '../source.ts';
import { createArchiveSource } from './archive.ts';
import { createChainedSource } from './chained.ts';

describeUnless([requireChdb()], 'the archive', () => {
  let clickhouse: TestClickHouse;
  let databases = 0;
  const place = { topic: 'payments', partition: 0 };
  const epoch = 2;

  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
  });
  afterAll(() => clickhouse.stop());

  interface Archived {
    readonly database: string;
    readonly archive: Source;
    /** Archives what the broker holds from an offset on, as the sink does. */
    store(broker: MemorySource, tp: TopicPartition, from?: bigint, previous?: bigint): Promise<void>;
  }
  const newArchive = async (): Promise<Archived> => {
    const database = `archive_${databases++}`;
    await migrate(clickhouse.client, { database, logger: silentLogger });
    const sink = createTableSink(clickhouse.client, database);
    const stored = new Map<string, bigint>();
    return {
      database,
      archive: createArchiveSource({
        client: clickhouse.client,
        database,
        epoch,
        logger: silentLogger,
        pollEveryMs: 20,
      }),
      store: async (broker, tp, from = stored.get(topicPartitionName(tp)) ?? 0n, previous = from - 1n) => {
        const blocks = createBlocks(epoch, () => {});
        const stream = broker.reader().read(tp, from);
        let last = previous;
        for (let batch = stream.poll(); batch; batch = stream.poll()) {
          last = blocks.add(batch, tp.topic.startsWith('millrace.order.') ? 'order' : 'input', last);
          stored.set(topicPartitionName(tp), batch.nextOffset);
        }
        for (const [table, block] of blocks.filled()) await sink.write([{ table, block }]);
      },
    };
  };
  const forget = async (database: string, tp: TopicPartition, where: string): Promise<void> => {
    const query = `DELETE FROM ${database}.events WHERE topic = '${tp.topic}' AND partition = ${tp.partition} AND ${where}`;
    await clickhouse.client.command({ query, clickhouse_settings: { mutations_sync: '1' } });
  };

  sourceSuite('the archive', async (): Promise<SourceUnderTest> => {
    const broker = createMemorySource();
    const { database, archive, store } = await newArchive();
    return {
      source: archive,
      append: async (tp, records) => {
        broker.append(tp, records);
        await store(broker, tp);
      },
      trim: (tp, lowOffset) => forget(database, tp, `offset < ${lowOffset}`),
      stop: () => archive.close(),
    };
  });

  sourceSuite('archive then log, with all in the log,', async (): Promise<SourceUnderTest> => {
    const broker = createMemorySource();
    const { archive } = await newArchive();
    const source = createChainedSource({ archive, broker, clock: systemClock, logger: silentLogger, gapAfterMs: 100 });
    return {
      source,
      append: async (tp, records) => void broker.append(tp, records),
      trim: async (tp, lowOffset) => broker.trim(tp, lowOffset),
      stop: () => source.close(),
    };
  });

  sourceSuite('archive then log, with a log that keeps three records,', async (): Promise<SourceUnderTest> => {
    const broker = createMemorySource();
    const { database, archive, store } = await newArchive();
    const source = createChainedSource({ archive, broker, clock: systemClock, logger: silentLogger, gapAfterMs: 300 });
    const forgotten = new Map<string, bigint>();
    const keepThree = async (tp: TopicPartition): Promise<void> => {
      const { lowOffset, endOffset } = await broker.bounds(tp);
      const low = endOffset - 3n;
      if (low > lowOffset && low > (forgotten.get(topicPartitionName(tp)) ?? 0n)) broker.trim(tp, low);
    };
    return {
      source,
      append: async (tp, records) => {
        broker.append(tp, records);
        await store(broker, tp);
        await keepThree(tp);
      },
      trim: async (tp, lowOffset) => {
        forgotten.set(topicPartitionName(tp), lowOffset);
        await forget(database, tp, `offset < ${lowOffset}`);
      },
      stop: () => source.close(),
    };
  });

  test('rows that were archived twice come once, in every page', async () => {
    const broker = createMemorySource();
    const { archive, store } = await newArchive();
    broker.append(
      place,
      Array.from({ length: 4_500 }, (_, i) => ({ value: `v${i}` })),
    );
    await store(broker, place);
    await store(broker, place, 1_500n);
    await store(broker, place, 1_900n, 1_000n);
    const records = await take(archive.read(place, 0n), 4_500);
    expect(records.map(({ value }) => value)).toEqual(Array.from({ length: 4_500 }, (_, i) => `v${i}`));
    await archive.close();
  });

  test('pages of large records stay bounded and whole', async () => {
    const broker = createMemorySource();
    const { archive, store } = await newArchive();
    const large = 'x'.repeat(2 ** 20);
    broker.append(
      place,
      Array.from({ length: 160 }, (_, i) => ({ value: `${i}${large}` })),
    );
    await store(broker, place);
    const stream = archive.read(place, 0n);
    const counts: number[] = [];
    for (let next = 0; next < 160;) {
      const batch = await stream.next(60_000);
      if (!batch) throw new Error('no batch');
      counts.push(batch.bytes.length);
      expect(flatten(batch).map(({ value }) => value?.length)).toEqual(
        Array.from({ length: batch.count }, (_, i) => large.length + String(next + i).length),
      );
      next += batch.count;
    }
    expect(Math.max(...counts)).toBeLessThan(66 * 2 ** 20);
    expect(Math.max(...counts.slice(1))).toBeLessThan(10 * 2 ** 20);
    await archive.close();
  });

  test('a hole in the archive is a gap, a hole of control records is none', async () => {
    const broker = createMemorySource();
    const { database, archive, store } = await newArchive();
    broker.append(place, [{ value: 'a' }]);
    broker.skip(place, 2);
    broker.append(place, [{ value: 'b' }, { value: 'c' }, { value: 'd' }]);
    await store(broker, place);
    const stream = archive.read(place, 0n);
    expect((await take(stream, 4)).map(({ recordOffset }) => recordOffset)).toEqual([0n, 3n, 4n, 5n]);
    stream.close();
    await forget(database, place, 'offset = 4');
    const holed = archive.read(place, 0n);
    expect(await take(holed, 2)).toHaveLength(2);
    await expect(take(holed, 1)).rejects.toMatchObject({ code: 'gap' });
    await archive.close();
  });

  test('order logs and other epochs are read apart', async () => {
    const broker = createMemorySource();
    const { database, archive, store } = await newArchive();
    const orders = { topic: orderTopic('revenue', 1), partition: 0 };
    broker.append(orders, [{ key: 'k', value: '{"kind":"claim"}', timestampMs: 5 }]);
    await store(broker, orders);
    expect(await take(archive.read(orders, 0n), 1)).toMatchObject([
      { key: 'k', value: '{"kind":"claim"}', timestampMs: 5 },
    ]);
    const other = createArchiveSource({ client: clickhouse.client, database, epoch: 3, logger: silentLogger });
    expect(await other.partitionCount(orders.topic)).toBe(0);
    expect(await archive.partitionCount(orders.topic)).toBe(1);
    await archive.close();
  });

  test('the chain crosses from archive to log and back without a hole or a repetition', async () => {
    const broker = createMemorySource({ batchRecordsMax: 7 });
    const { archive, store } = await newArchive();
    const source = createChainedSource({ archive, broker, clock: systemClock, logger: silentLogger, gapAfterMs: 300 });
    const append = (from: number, count: number): void => {
      broker.append(
        place,
        Array.from({ length: count }, (_, i) => ({ value: `v${from + i}` })),
      );
    };
    append(0, 100);
    await store(broker, place);
    broker.trim(place, 60n);
    const stream = source.read(place, 0n);
    expect(await take(stream, 100)).toHaveLength(100);
    append(100, 50);
    const live = await take(stream, 7);
    append(150, 50);
    await store(broker, place);
    broker.trim(place, 190n);
    const rest = await take(stream, 93);
    expect([...live, ...rest].map(({ value }) => value)).toEqual(Array.from({ length: 100 }, (_, i) => `v${100 + i}`));
    append(200, 10);
    broker.trim(place, 205n);
    await expect(take(stream, 5)).rejects.toMatchObject({ code: 'gap' });
    await source.close();
    await archive.close();
  });

  test('an archive that lags behind retention is waited for', async () => {
    const broker = createMemorySource();
    const behind = createMemorySource();
    const { archive, store } = await newArchive();
    const options = { archive, broker, clock: systemClock, logger: silentLogger };
    const source = createChainedSource({ ...options, gapAfterMs: 600_000 });
    for (const log of [broker, behind])
      log.append(
        place,
        Array.from({ length: 20 }, (_, i) => ({ value: `v${i}` })),
      );
    broker.trim(place, 15n);
    const stream = source.read(place, 0n);
    expect(await stream.next(300)).toBeNull();
    await store(behind, place);
    expect(await take(stream, 20)).toHaveLength(20);
    await source.close();
    await archive.close();
  });
});
