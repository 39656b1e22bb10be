import { loadConfig } from '../config/load.ts';
import type { DeliveryAttempt } from '../events/decisions.ts';
import { deliveryLog } from '../sinks/clickhouse/stored-deliveries.ts';
import { configFileOf } from './config-file.ts';
import { openClickHouse } from './open-clickhouse.ts';

/** The flags of `millrace webhook list`, as commander gives them. */
export interface WebhookListFlags {
  readonly all?: boolean;
  readonly limit: number;
  readonly json?: boolean;
  readonly config?: string;
}

/** Runs `millrace webhook list`: from ClickHouse, also while no millrace runs. */
export async function runWebhookList(
  endpoint: string | undefined,
  { all = false, limit, json, config: file }: WebhookListFlags,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const config = loadConfig({ file: configFileOf(file, env), env });
  const client = await openClickHouse(config, env);
  try {
    const from = { client, database: config.clickhouse.database };
    const rows = await deliveryLog(from, { endpoint, isDead: !all, rowsMax: limit });
    const lines = rows.map((row) => (json ? JSON.stringify(row) : lineOf(row)));
    if (rows.length === 0 && !json) lines.push(all ? 'no attempt is stored' : 'nothing is dead');
    for (const line of lines) process.stdout.write(`${line}\n`);
  } finally {
    await client.close();
  }
}

function lineOf({ atMs, endpoint, webhookId, transition, alertId, attempt, outcome, detail }: DeliveryAttempt): string {
  const at = new Date(atMs).toISOString();
  const why = detail === '' ? '' : `: ${detail}`;
  return `${at}  ${endpoint}  ${webhookId}  ${transition} of alert ${alertId}  attempt ${attempt} ${outcome}${why}`;
}
