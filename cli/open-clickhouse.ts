import type { ClickHouseClient } from '@clickhouse/client';
import type { Config } from '../config/schema.ts';
import { readSecret } from '../config/secrets.ts';
import { connectClickHouse } from '../sinks/clickhouse/connection.ts';
import { UsageError } from './options.ts';

/** The ClickHouse that is configured, or the embedded one that a running millrace has open. Throws a `UsageError` when it does not answer. */
export async function openClickHouse(
  { clickhouse, embedded }: Config,
  env: NodeJS.ProcessEnv,
): Promise<ClickHouseClient> {
  const isEmbedded = clickhouse.url === '';
  const url = isEmbedded ? `http://127.0.0.1:${embedded.clickhousePort}` : clickhouse.url;
  const password = readSecret(clickhouse.passwordRef, env);
  const client = connectClickHouse({ url, user: clickhouse.user, ...(password !== null && { password }) });
  const { success } = await client.ping();
  if (success) return client;
  await client.close();
  throw new UsageError(
    isEmbedded
      ? `no ClickHouse answers at ${url}: run \`npm start\` beside, or set MILLRACE_CLICKHOUSE_URL`
      : `ClickHouse does not answer at ${url}`,
  );
}
