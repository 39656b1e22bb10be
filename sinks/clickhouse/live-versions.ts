import type { ReadFrom } from './queries.ts';

/**
 * Which version of a pipeline the `*_final` views show, by window start. Guarantees that saying the same again changes nothing.
 */
export interface LiveVersion {
  readonly pipeline: string;
  readonly version: number;
  /** Windows that start from here on. */
  readonly fromMs: number;
}

/** From there on that version is shown; the highest version said for one start wins. */
export async function setLiveVersion({ client, database }: ReadFrom, live: LiveVersion): Promise<void> {
  const { pipeline, version, fromMs } = live;
  const query = `INSERT INTO ${database}.live_versions (pipeline, version, from_window_start, revision)
    SELECT {pipeline:String}, {version:UInt32}, fromUnixTimestamp64Milli({fromMs:Int64}), {version:UInt64}`;
  await client.command({ query, query_params: { pipeline, version, fromMs: Math.max(0, Math.floor(fromMs)) } });
}

/** Whether any version of the pipeline was ever said to be live. */
export async function hasLiveVersion({ client, database }: ReadFrom, pipeline: string): Promise<boolean> {
  const query = `SELECT count() FROM ${database}.live_versions WHERE pipeline = {pipeline:String}`;
  const answer = await client.query({ query, query_params: { pipeline }, format: 'JSONCompactEachRow' });
  return Number((await answer.json<[string]>())[0]?.[0] ?? 0) > 0;
}

/** The highest version below `version` of which an order log is archived; null when there is none. */
export async function versionBefore(
  { client, database }: ReadFrom,
  pipeline: string,
  version: number,
): Promise<number | null> {
  const query = `SELECT max(version) FROM ${database}.order_log
    WHERE pipeline = {pipeline:String} AND version < {version:UInt32}`;
  const answer = await client.query({ query, query_params: { pipeline, version }, format: 'JSONCompactEachRow' });
  return (await answer.json<[number]>())[0]?.[0] || null;
}
