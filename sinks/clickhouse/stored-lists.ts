import type { RecommendationList } from '../../events/insights.ts';
import type { ReadFrom } from './queries.ts';

/**
 * Recommendation lists as they were published, from rows: of each key the newest. Reads only.
 * Guarantees positions and items word for word. Redelivered rows come once.
 */
export interface ListQuery {
  readonly pipeline: string;
  readonly version: number;
  readonly list: RecommendationList['list'];
  /** One key; some of those after a key, in their order; all keys when absent: trending lists of the newest hour at least, see `spanMs`. */
  readonly key?: string;
  readonly after?: string;
}

/** Lists without a key that are read at most, and how far back: every list that still trends was published within it. */
const listsMax = 1_001;
const spanMs = 86_400_000;
/** Lists of one reading after a key, at most. */
const pageMax = 250;

export async function storedLists(
  { client, database }: ReadFrom,
  { pipeline, version, list, key, after }: ListQuery,
): Promise<readonly RecommendationList[]> {
  const place = 'pipeline = {pipeline:String} AND version = {version:UInt32} AND list = {list:String}';
  const narrowed =
    key !== undefined
      ? 'key = {key:String}'
      : after !== undefined
        ? `key > {after:String} AND key <= (SELECT max(key) FROM (
           SELECT key FROM ${database}.recommendation_lists WHERE ${place} AND key > {after:String} ORDER BY key LIMIT {pageMax:UInt32}))`
        : `slot >= (SELECT max(slot) FROM ${database}.recommendation_lists WHERE ${place}) - toIntervalMillisecond({spanMs:UInt32})`;
  const query = `SELECT key, items, toUnixTimestamp64Milli(event_time), toUnixTimestamp64Milli(clock), revision, shard, epoch,
       order_offset, output_index, entry_id
     FROM ${database}.recommendation_lists FINAL WHERE ${place} AND ${narrowed}
     ORDER BY ${after === undefined ? '' : 'key, '}revision DESC, output_index DESC LIMIT 1 BY key LIMIT {listsMax:UInt32}`;
  const result = await client.query({
    query,
    query_params: { pipeline, version, list, key: key ?? '', after: after ?? '', pageMax, spanMs, listsMax },
    format: 'JSONCompactEachRow',
  });
  return (await result.json<Row>()).map((row) => toList(row, { pipeline, version, list }));
}

type Row = readonly [
  key: string,
  items: string,
  eventTimeMs: string,
  clockMs: string,
  revision: string,
  shard: number,
  epoch: number,
  orderOffset: string,
  index: number,
  entryId: string,
];

function toList(
  [key, items, eventTimeMs, clockMs, revision, shard, epoch, orderOffset, index, entryId]: Row,
  { pipeline, version, list }: Omit<ListQuery, 'key'>,
): RecommendationList {
  return {
    ...{ kind: 'recommendation-list', pipeline, version, list, key },
    items: JSON.parse(items) as RecommendationList['items'],
    ...{ eventTimeMs: Number(eventTimeMs), clockMs: Number(clockMs), revision },
    producer: { pipeline, version, shard, epoch, orderOffset, index, entryId },
  };
}
