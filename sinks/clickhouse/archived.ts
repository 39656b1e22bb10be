import type { ClickHouseClient } from '@clickhouse/client';
import type { TopicPartition } from '../../sources/source.ts';
import type { TableName } from './tables.ts';

/**
 * What the archive holds already. Reads only; answers are exact for what was acknowledged before the call.
 */

/** The highest epoch that any archived record or rejected one has; −1 for an empty archive. */
export async function highestArchivedEpoch(client: ClickHouseClient, database: string): Promise<number> {
  const query = `SELECT max(epoch) FROM (
    SELECT toInt64(max(epoch)) AS epoch FROM ${database}.events HAVING count() > 0
    UNION ALL SELECT toInt64(max(epoch)) FROM ${database}.order_log HAVING count() > 0
    UNION ALL SELECT toInt64(max(epoch)) FROM ${database}.archive_gaps HAVING count() > 0
    UNION ALL SELECT -1)`;
  const rows = await (await client.query({ query, format: 'JSONCompactEachRow' })).json<[string]>();
  return Number(rows[0]?.[0] ?? -1);
}

/** The highest epoch that a claim in an archived order log opened, `restore`d ones included; −1 for none. */
export async function highestOrderedEpoch(client: ClickHouseClient, database: string): Promise<number> {
  const query = `SELECT if(count() = 0, -1, toInt64(max(JSONExtractUInt(ifNull(value, ''), 'genesis', 'epoch'))))
    FROM ${database}.order_log WHERE kind = 'claim' AND JSONHas(ifNull(value, ''), 'genesis')`;
  const rows = await (await client.query({ query, format: 'JSONCompactEachRow' })).json<[string]>();
  return Number(rows[0]?.[0] ?? -1);
}

/** The last archived offset below `nextOffset` of a partition, or `nextOffset − 1` when there is none (expired, or never archived). */
export async function archivedBefore(
  client: ClickHouseClient,
  database: string,
  table: Extract<TableName, 'events' | 'order_log'>,
  place: TopicPartition & { readonly epoch: number; readonly nextOffset: bigint },
): Promise<bigint> {
  const query = `SELECT max(offset) FROM ${database}.${table}
    WHERE topic = {topic:String} AND epoch = {epoch:UInt32} AND partition = {partition:Int32} AND offset < {next:Int64}
    HAVING count() > 0`;
  const query_params = {
    topic: place.topic,
    epoch: place.epoch,
    partition: place.partition,
    next: String(place.nextOffset),
  };
  const rows = await (await client.query({ query, query_params, format: 'JSONCompactEachRow' })).json<[string]>();
  const found = rows[0]?.[0];
  return found === undefined ? place.nextOffset - 1n : BigInt(found);
}

/** How many tasks an archived order topic was begun with, the highest of its epochs. */
export async function archivedShards(client: ClickHouseClient, database: string, orderTopic: string): Promise<number> {
  const query = `SELECT max(JSONExtractUInt(ifNull(value, ''), 'genesis', 'shards')) FROM ${database}.order_log
    WHERE topic = {orderTopic:String} AND kind = 'claim'`;
  const result = await client.query({ query, query_params: { orderTopic }, format: 'JSONCompactEachRow' });
  return Math.max(1, Number((await result.json<[string]>())[0]?.[0] ?? 1));
}

/** Which incarnations of an order topic the archive holds, oldest first. */
export async function archivedEpochs(
  client: ClickHouseClient,
  database: string,
  orderTopic: string,
): Promise<readonly number[]> {
  const query = `SELECT DISTINCT epoch FROM ${database}.order_log WHERE topic = {orderTopic:String} ORDER BY epoch`;
  const result = await client.query({ query, query_params: { orderTopic }, format: 'JSONCompactEachRow' });
  return (await result.json<[number]>()).map(([epoch]) => epoch);
}
