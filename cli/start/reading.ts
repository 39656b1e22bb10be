import { readSecret } from '../../config/secrets.ts';
import { readingRole } from '../../embedded/clickhouse-access.ts';
import { connectClickHouse } from '../../sinks/clickhouse/connection.ts';
import { createReadOnlyQuery, type ReadOnlyQuery } from '../../sinks/clickhouse/read-only-query.ts';
import type { RunContext } from './context.ts';
import type { Infrastructure } from './infrastructure.ts';

/** SQL of people on connections of its own: as the role that reads only (embedded), or as the user that `sql.user` names. */
export function openReading({
  infrastructure,
  config,
  env,
}: Pick<RunContext, 'config' | 'env'> & { readonly infrastructure: Infrastructure }): {
  readonly query: ReadOnlyQuery;
  close(): Promise<void>;
} {
  const { clickhouse, sql } = config;
  const isEmbedded = clickhouse.url === '';
  const password = readSecret(sql.user === '' ? clickhouse.passwordRef : sql.passwordRef, env);
  const reader = connectClickHouse({
    url: infrastructure.clickhouseUrl,
    user: sql.user === '' ? clickhouse.user : sql.user,
    ...(password !== null && { password }),
    database: clickhouse.database,
    requestTimeoutMs: sql.timeMaxMs + 5_000,
    connectionsMax: sql.concurrentMax,
  });
  const { rowsMax, resultBytesMax, memoryBytesMax, timeMaxMs } = sql;
  return {
    query: createReadOnlyQuery({
      client: infrastructure.clickhouse,
      reader,
      ...(isEmbedded && { role: readingRole }),
      limits: { rowsMax, resultBytesMax, memoryBytesMax, timeMaxMs },
    }),
    close: () => reader.close(),
  };
}
