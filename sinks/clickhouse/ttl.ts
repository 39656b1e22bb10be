import type { ClickHouseClient } from '@clickhouse/client';
import type { TableName } from './tables.ts';

/** Days that rows are kept after they were written; 0: for good. */
export interface TtlDays {
  readonly events: number;
  readonly orderLog: number;
  readonly windows: number;
  readonly deadLetters: number;
  readonly late: number;
  readonly decisions: number;
  readonly alerts: number;
  readonly deliveries: number;
  readonly recommendations: number;
  readonly predictions: number;
}

/**
 * Sets how long tables keep rows, where it is not so already. Counted from when a row was written, not from its event time:
 * a replay of last year's events must not expire on arrival. Repeating it changes nothing.
 */
export async function applyTtl(client: ClickHouseClient, database: string, days: TtlDays): Promise<void> {
  const orderLog = days.orderLog === 0 || days.events === 0 ? 0 : Math.max(days.orderLog, days.events);
  const wanted: readonly (readonly [TableName, string, number])[] = [
    ['events', 'ingested_at', days.events],
    ['order_log', 'ingested_at', orderLog],
    ['window_results', 'inserted_at', days.windows],
    ['dead_letters', 'inserted_at', days.deadLetters],
    ['quarantined', 'inserted_at', days.deadLetters],
    ['late_records', 'inserted_at', days.late],
    ['decisions', 'inserted_at', days.decisions],
    ['alerts', 'inserted_at', days.alerts],
    ['deliveries', 'inserted_at', days.deliveries],
    ['recommendation_lists', 'inserted_at', days.recommendations],
    ['predictions', 'inserted_at', days.predictions],
    ['forecast_scores', 'inserted_at', days.predictions],
    ['forecast_bands', 'inserted_at', days.predictions],
  ];
  const current = await currentTtls(client, database);
  for (const [table, column, kept] of wanted) {
    const found = current.get(table) ?? '';
    const isSo = kept === 0 ? found === '' : new RegExp(`toIntervalDay\\(${kept}\\)`).test(found);
    if (isSo) continue;
    const change = kept === 0 ? 'REMOVE TTL' : `MODIFY TTL toDateTime(${column}) + INTERVAL ${kept} DAY`;
    await client.command({ query: `ALTER TABLE ${database}.${table} ${change}` });
  }
}

async function currentTtls(client: ClickHouseClient, database: string): Promise<ReadonlyMap<string, string>> {
  const query = `SELECT name, extract(create_table_query, ' TTL (.*?)(?: SETTINGS|$)') FROM system.tables WHERE database = {database:String}`;
  const result = await client.query({ query, query_params: { database }, format: 'JSONCompactEachRow' });
  return new Map(await result.json<[string, string]>());
}
