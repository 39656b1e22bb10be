import type { ReadFrom } from './queries.ts';

/**
 * Dead letters and quarantined events as they are stored, one for each input record however many pipelines refused it: to be
 * looked at, and to be sent again once their cause is gone. Reads only.
 */
export interface DeadRecord {
  /** `payments-2/4711/1764000000000`: partition, offset and time of the record; the time tells incarnations of a topic apart. */
  readonly id: string;
  readonly topic: string;
  readonly partition: number;
  readonly timestampMs: number;
  readonly pipelines: readonly string[];
  readonly reasons: readonly string[];
  readonly messages: readonly string[];
  /** How often it was sent again. */
  readonly redriven: number;
  readonly keyBase64: string | null;
  readonly valueBase64: string | null;
}

export interface DeadQuery {
  readonly kind: 'dead-letters' | 'quarantined';
  readonly reason?: string | undefined;
  readonly topic?: string | undefined;
  /** Ids as above; absent: all. */
  readonly ids?: readonly string[] | undefined;
  /** Also those that were sent again before. */
  readonly isRedrivenToo: boolean;
  readonly rowsMax: number;
}

/** Header of a record that was sent again: the id of the dead letter that it was. */
export const redriveHeader = 'millrace-redrive';

/** Oldest first. */
export async function deadRecords({ client, database }: ReadFrom, query: DeadQuery): Promise<readonly DeadRecord[]> {
  const isDead = query.kind === 'dead-letters';
  const [table, reason, message] = isDead
    ? ['dead_letters', 'reason', 'message']
    : ['quarantined', `'newer_version'`, `concat(event_type, ' v', toString(event_version))`];
  const conditions = [
    ...(query.reason === undefined || !isDead ? [] : ['reason = {reason:String}']),
    ...(query.topic === undefined ? [] : ['topic = {topic:String}']),
    ...(query.ids === undefined ? [] : [`has({ids:Array(String)}, ${idSql})`]),
  ];
  const sql = `WITH again AS (
      SELECT arrayFirst(h -> h.1 = {header:String}, headers).2 AS id, uniqExact(epoch, topic, partition, offset) AS times
      FROM ${database}.events WHERE has(headers.name, {header:String}) GROUP BY id)
    SELECT d.id AS id, topic, partition, toUnixTimestamp64Milli(at) AS timestampMs, pipelines, reasons, messages,
      toUInt32(ifNull(again.times, 0)) AS redriven, keyBase64, valueBase64
    FROM (
      SELECT ${idSql} AS id, topic, partition, offset, timestamp AS at,
        arraySort(groupUniqArray(toString(pipeline))) AS pipelines,
        arraySort(groupUniqArray(toString(${reason}))) AS reasons, groupUniqArray(3)(${message}) AS messages,
        any(base64Encode(key)) AS keyBase64, any(base64Encode(value)) AS valueBase64
      FROM ${database}.${table} FINAL ${conditions.length > 0 ? `WHERE ${conditions.join(' AND ')}` : ''}
      GROUP BY topic, partition, offset, timestamp) AS d
    LEFT JOIN again ON again.id = d.id
    ${query.isRedrivenToo ? '' : 'WHERE redriven = 0'}
    ORDER BY at, topic, partition, offset LIMIT {rowsMax:UInt32}`;
  const query_params = {
    ...{ reason: query.reason ?? '', topic: query.topic ?? '', ids: query.ids ?? [] },
    ...{ header: redriveHeader, rowsMax: query.rowsMax },
  };
  const answer = await client.query({ query: sql, query_params, format: 'JSONEachRow' });
  const rows = await answer.json<Omit<DeadRecord, 'timestampMs'> & { timestampMs: string }>();
  return rows.map((row) => ({ ...row, timestampMs: Number(row.timestampMs) }));
}

const idSql = `concat(topic, '-', toString(partition), '/', toString(offset), '/', toString(toUnixTimestamp64Milli(timestamp)))`;
