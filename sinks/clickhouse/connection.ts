import { ClickHouseLogLevel, createClient, type ClickHouseClient } from '@clickhouse/client';

/** How millrace talks to ClickHouse: one place for the settings that its guarantees rest on. */
export interface ClickHouseOptions {
  /** http(s)://host:port */
  readonly url: string;
  readonly user?: string;
  readonly password?: string;
  /** Where names without a database are looked for; `default` unless told. */
  readonly database?: string;
  readonly requestTimeoutMs?: number;
  readonly connectionsMax?: number;
}

/**
 * A client as millrace uses it, for the sink, the archive and queries. Guarantees: inserts are durable when acknowledged (not
 * queued by the server), and 64-bit integers come as decimal text. Not connected until the first request.
 */
export function connectClickHouse(options: ClickHouseOptions): ClickHouseClient {
  return createClient({
    url: options.url,
    username: options.user ?? 'default',
    password: options.password ?? '',
    ...(options.database !== undefined && { database: options.database }),
    application: 'millrace',
    request_timeout: options.requestTimeoutMs ?? 60_000,
    max_open_connections: options.connectionsMax ?? 16,
    compression: { request: false, response: false },
    log: { level: ClickHouseLogLevel.OFF },
    clickhouse_settings: {
      output_format_json_quote_64bit_integers: 1,
      async_insert: 0,
      // A repeated block is harmless here, and a dropped one would not be noticed.
      insert_deduplicate: 0,
    },
  });
}
