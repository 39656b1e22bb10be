import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { ClickHouseError, type ClickHouseClient } from '@clickhouse/client';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import { byteColumns, joined, partsOf, rowsOf } from './clickhouse-bytes.ts';
import { digestOf, sizeOf } from './digest.ts';
import { byNewest, parseSnapshotName, snapshotName, superfluous } from './name.ts';
import { CheckpointError } from './store.ts';
import type { CheckpointStore, SnapshotEntry, SnapshotId } from './store.ts';

export interface ClickHouseStoreOptions {
  /** Stays open when the store is closed. */
  readonly client: ClickHouseClient;
  /** Migrated before anything is asked of the store. */
  readonly database: string;
  /** Newest snapshots kept of a task. */
  readonly keep: number;
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly logger: Logger;
}

type Task = Pick<SnapshotId, 'pipeline' | 'version' | 'shard'>;

/** A row of `snapshots`. */
interface Head {
  readonly entry: SnapshotEntry;
  readonly upload: string;
  readonly parts: number;
}

/** Bytes without a head are of a save that goes on now, or of one that never ended. */
const abandonedMs = 3_600_000;

/**
 * Snapshots in ClickHouse, so that state follows its task to another host. The bytes are written first, the row that makes them a
 * snapshot last; what does not have its SHA-256 is reported once and read as absent. `save` rejects with a `CheckpointError`, and
 * the snapshots before it stay. Nothing is asked of ClickHouse before the first call.
 */
export function createClickHouseStore(options: ClickHouseStoreOptions): CheckpointStore {
  const { client, database, keep, clock, logger } = options;
  const reported = new Set<string>();
  const swept = new Set<string>();
  const ask = <T extends readonly unknown[]>(query: string, query_params: Record<string, unknown>): Promise<T[]> =>
    answered(async () => (await client.query({ query, query_params, format: 'JSONCompactEachRow' })).json<T>());
  const heads = (task: Task): Promise<readonly Head[]> => readHeads(ask, database, task);

  const letGo = async (task: Task, uploads: readonly string[]): Promise<void> => {
    if (uploads.length === 0) return;
    // Heads first: what is listed has its bytes.
    for (const table of ['snapshots', 'snapshot_bytes'])
      await client.command({
        query: `ALTER TABLE ${database}.${table} DELETE WHERE ${whereTask} AND upload IN {uploads:Array(String)}`,
        query_params: { ...paramsOf(task), uploads },
        clickhouse_settings: { mutations_sync: '1' },
      });
  };
  const sweep = async (task: Task): Promise<void> => {
    const name = `${task.pipeline}/${task.version}/${task.shard}`;
    const known = await heads(task);
    const old = new Set(superfluous(entriesOf(known), keep).map((entry) => entry.name));
    const newest = newestOf(known);
    const gone = known.filter((head) => old.has(head.entry.name) || newest.get(head.entry.name) !== head);
    const abandoned = swept.has(name) ? [] : await abandonedUploads(ask, database, task);
    await letGo(task, [...gone.map(({ upload }) => upload), ...abandoned]);
    swept.add(name);
  };
  const reportOnce = (name: string, why: string): null => {
    if (!reported.has(name)) logger.warn({ snapshot: name, why }, 'snapshot is damaged and is not used');
    reported.add(name);
    return null;
  };

  return {
    list: async (task) => entriesOf(await heads(task)),
    async save(id, pieces) {
      const entry = entryOf(id, pieces, (await digestOf(pieces)).toString('hex'), clock.nowMs());
      const upload = randomUUID();
      if (entry.sizeBytes > 0) await answered(() => insertBytes(client, database, rowsOf({ ...id, upload }, pieces)));
      await answered(() => insertHead(client, database, { entry, upload, parts: partsOf(entry.sizeBytes) }));
      reported.delete(entry.name);
      // The snapshot is there whatever becomes of those that it replaces; the next save tries again.
      await sweep(id).catch((error: unknown) => logger.warn({ err: error }, 'old snapshots are still there'));
      return entry;
    },
    async load(name) {
      const id = parseSnapshotName(name);
      const head = id && newestOf(await heads(id)).get(name);
      if (!id || !head) return null;
      const bytes = joined(await answered(() => selectBytes(client, database, id, head.upload)));
      if (bytes?.length !== head.entry.sizeBytes) return reportOnce(name, 'not all of its bytes are there');
      return hashOf(bytes) === head.entry.sha256 ? bytes : reportOnce(name, 'its SHA-256 differs');
    },
    close: () => Promise.resolve(),
  };
}

const hashOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const entryOf = (id: SnapshotId, pieces: readonly Uint8Array[], sha256: string, savedAtMs: number): SnapshotEntry => ({
  ...id,
  name: snapshotName(id),
  sha256,
  sizeBytes: sizeOf(pieces),
  savedAtMs,
});

const whereTask = 'pipeline = {pipeline:String} AND version = {version:UInt32} AND shard = {shard:UInt32}';
const paramsOf = ({ pipeline, version, shard }: Task) => ({ pipeline, version, shard });

type Ask = <T extends readonly unknown[]>(query: string, query_params: Record<string, unknown>) => Promise<T[]>;

/** Oldest written first. */
async function readHeads(ask: Ask, database: string, task: Task): Promise<readonly Head[]> {
  const rows = await ask<[string, string, string, string, number, string]>(
    `SELECT name, upload, sha256, size_bytes, parts, toUnixTimestamp64Milli(saved_at) FROM ${database}.snapshots
      WHERE ${whereTask} ORDER BY written_at, upload`,
    paramsOf(task),
  );
  return rows.flatMap(([name, upload, sha256, sizeBytes, parts, savedAtMs]) => {
    const id = parseSnapshotName(name);
    if (!id) return [];
    const entry = { ...id, name, sha256, sizeBytes: Number(sizeBytes), savedAtMs: Number(savedAtMs) };
    return [{ entry, upload, parts }];
  });
}

const newestOf = (heads: readonly Head[]): ReadonlyMap<string, Head> =>
  new Map(heads.map((head) => [head.entry.name, head]));

const entriesOf = (heads: readonly Head[]): readonly SnapshotEntry[] =>
  [...newestOf(heads).values()].map(({ entry }) => entry).sort(byNewest);

async function abandonedUploads(ask: Ask, database: string, task: Task): Promise<readonly string[]> {
  const found = await ask<[string]>(
    `SELECT DISTINCT upload FROM ${database}.snapshot_bytes WHERE ${whereTask}
      AND written_at < now64(6) - toIntervalMillisecond({ms:UInt64})
      AND upload NOT IN (SELECT upload FROM ${database}.snapshots WHERE ${whereTask})`,
    { ...paramsOf(task), ms: abandonedMs },
  );
  return found.map(([upload]) => upload);
}

async function insertBytes(client: ClickHouseClient, database: string, rows: Iterable<Uint8Array>): Promise<void> {
  const query = `INSERT INTO ${database}.snapshot_bytes (${byteColumns}) FORMAT RowBinary`;
  const { stream } = await client.exec({ query, values: Readable.from(rows, { objectMode: false }) });
  // Read to its end (it is empty), so that the connection can be used again.
  for await (const chunk of stream) void chunk;
}

async function insertHead(client: ClickHouseClient, database: string, { entry, upload, parts }: Head): Promise<void> {
  const { pipeline, version, shard, name, sha256, sizeBytes, savedAtMs } = entry;
  const savedAt = new Date(savedAtMs).toISOString().replace('T', ' ').replace('Z', '');
  await client.insert({
    table: `${database}.snapshots`,
    columns: ['pipeline', 'version', 'shard', 'name', 'upload', 'sha256', 'size_bytes', 'parts', 'saved_at'],
    values: [[pipeline, version, shard, name, upload, sha256, sizeBytes, parts, savedAt]],
    format: 'JSONCompactEachRow',
  });
}

async function selectBytes(client: ClickHouseClient, database: string, task: Task, upload: string): Promise<Buffer> {
  const { stream } = await client.exec({
    query: `SELECT bytes FROM ${database}.snapshot_bytes WHERE ${whereTask} AND upload = {upload:String}
      ORDER BY upload, part FORMAT RowBinary`,
    query_params: { ...paramsOf(task), upload },
    clickhouse_settings: { wait_end_of_query: 1 },
  });
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Out of disk, memory, parts or mutations: it passes when an operator or a merge makes room. */
const fullCodes = new Set(['241', '243', '252', '439', '692', '1001']);
/** Read-only, or not granted. */
const refusedCodes = new Set(['164', '242', '497', '516']);

async function answered<T>(answer: () => Promise<T>): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    const code = error instanceof ClickHouseError ? error.code : '';
    if (fullCodes.has(code)) throw new CheckpointError('full', 'ClickHouse has no room for a snapshot', error);
    if (refusedCodes.has(code))
      throw new CheckpointError('not_writable', 'ClickHouse does not let this user keep snapshots', error);
    throw new CheckpointError('unavailable', 'ClickHouse does not answer for snapshots', error);
  }
}
