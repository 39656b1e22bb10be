import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../sinks/clickhouse/migrate.ts';
import { startTestClickHouse, type TestClickHouse } from '../sinks/clickhouse/testbed-suite.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { describeUnless, requireChdb } from '../tests/requirements.ts';
import { createClickHouseStore } from './clickhouse.ts';
import { describeStore } from './store-suite.ts';
import type { CheckpointStore, SnapshotId } from './store.ts';

const clock = { nowMs: () => 1_700_000_000_000 };
const id: SnapshotId = {
  ...{ pipeline: 'revenue', version: 1, stateHash: 'ab', epoch: 1, shard: 0 },
  orderOffset: 5n,
};
const sync = { mutations_sync: '1' } as const;

describeUnless([requireChdb()], 'snapshots in ClickHouse', () => {
  let clickhouse: TestClickHouse;
  let databases = 0;

  beforeAll(async () => {
    clickhouse = await startTestClickHouse();
  }, 120_000);
  afterAll(() => clickhouse?.stop());

  const command = (query: string): Promise<unknown> => clickhouse.client.command({ query, clickhouse_settings: sync });
  const openIn = (database: string, logger = silentLogger): CheckpointStore =>
    createClickHouseStore({ client: clickhouse.client, database, keep: 3, clock, logger });
  const made = async (): Promise<string> => {
    const database = `snapshots_${databases++}`;
    await migrate(clickhouse.client, { database, logger: silentLogger });
    return database;
  };

  describeStore('clickhouse', async () => {
    const database = await made();
    const damage = async (name: string): Promise<void> => {
      const upload = `(SELECT upload FROM ${database}.snapshots WHERE name = '${name}')`;
      const flipped = `concat(substring(bytes, 1, length(bytes) - 1), '\\0')`;
      await command(`ALTER TABLE ${database}.snapshot_bytes UPDATE bytes = ${flipped} WHERE upload IN ${upload}`);
    };
    return { store: openIn(database), damage };
  });

  test('[D5] a snapshot saved by one host is found whole by another, and a label or odd bytes change nothing', async () => {
    const database = await made();
    const bytes = Uint8Array.from({ length: 2_500_000 }, (_, i) => (i * 31) % 256);
    const saved = await openIn(database).save({ ...id, label: 'before' }, [bytes]);
    const other = openIn(database);
    expect(await other.list(id)).toEqual([saved]);
    expect(Buffer.compare((await other.load(saved.name)) ?? Buffer.alloc(0), bytes)).toBe(0);
  });

  test('a part that is missing makes it absent, said once, and the one before it is still there', async () => {
    const database = await made();
    const warnings: object[] = [];
    const store = openIn(database, { ...silentLogger, warn: (fields: object) => void warnings.push(fields) });
    const first = await store.save(id, [new Uint8Array([1])]);
    const second = await store.save({ ...id, orderOffset: 6n }, [new Uint8Array(3_000_000).fill(7)]);
    await command(`ALTER TABLE ${database}.snapshot_bytes DELETE WHERE part = 1`);
    for (let times = 0; times < 2; times++) expect(await store.load(second.name)).toBeNull();
    expect(await store.load(first.name)).toEqual(new Uint8Array([1]));
    expect(warnings).toEqual([{ snapshot: second.name, why: 'not all of its bytes are there' }]);
  });

  test('bytes without their row are no snapshot: an hour later they are removed, what is being written now is not', async () => {
    const database = await made();
    const store = openIn(database);
    const half = (upload: string, ago: string): Promise<unknown> =>
      command(`INSERT INTO ${database}.snapshot_bytes (pipeline, version, shard, upload, part, bytes, written_at)
        SELECT 'revenue', 1, 0, '${upload}', 0, 'half', now64(6) - INTERVAL ${ago}`);
    await half('old', '2 HOUR');
    await half('young', '1 MINUTE');
    expect(await store.list(id)).toEqual([]);
    await store.save(id, [new Uint8Array([1])]);
    const left = await clickhouse.rows(`SELECT upload FROM ${database}.snapshot_bytes WHERE bytes = 'half'`);
    expect(left).toEqual([['young']]);
  });

  test('what it lets go, and what was saved again under one name, leaves no bytes behind', async () => {
    const database = await made();
    const store = openIn(database);
    for (const orderOffset of [1n, 2n, 3n, 4n, 5n, 5n]) await store.save({ ...id, orderOffset }, [new Uint8Array([9])]);
    expect(await clickhouse.rows(`SELECT count(), uniqExact(upload) FROM ${database}.snapshot_bytes`)).toEqual([
      ['3', '3'],
    ]);
    expect(await clickhouse.rows(`SELECT count() FROM ${database}.snapshots`)).toEqual([['3']]);
  });

  test('says that it is worth another try when ClickHouse does not answer', async () => {
    const store = openIn('no_such_database');
    await expect(store.save(id, [new Uint8Array([1])])).rejects.toMatchObject({ code: 'unavailable', retryable: true });
    await expect(store.list(id)).rejects.toMatchObject({ code: 'unavailable' });
  });
});
