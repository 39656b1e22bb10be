import { loadConfig } from '../config/load.ts';
import type { OutMessage, Producer } from '../kafka/contract.ts';
import { partitionOf } from '../kafka/partitioner.ts';
import { type DeadRecord, deadRecords, redriveHeader } from '../sinks/clickhouse/dead-letters.ts';
import { configFileOf } from './config-file.ts';
import { connectBroker } from './connect-broker.ts';
import { openClickHouse } from './open-clickhouse.ts';
import { UsageError } from './options.ts';

/** The flags of `millrace dlq list`, as commander gives them. */
export interface DlqFlags {
  readonly quarantine?: boolean;
  readonly reason?: string;
  readonly topic?: string;
  readonly again?: boolean;
  readonly limit: number;
  readonly config?: string;
  readonly json?: boolean;
}

/** The flags of `millrace dlq redrive`. */
export interface RedriveFlags extends DlqFlags {
  readonly dryRun?: boolean;
}

/** Runs `millrace dlq list`. */
export async function runDlqList(flags: DlqFlags, env: NodeJS.ProcessEnv): Promise<void> {
  const found = await find([], flags, env);
  for (const record of found) process.stdout.write(`${flags.json ? JSON.stringify(record) : lineOf(record)}\n`);
  if (!flags.json) process.stderr.write(`${found.length} found\n`);
}

/** Runs `millrace dlq redrive`. */
export async function runDlqRedrive(
  ids: readonly string[],
  flags: RedriveFlags,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const found = await find(ids, flags, env);
  if (found.length === 0) throw new UsageError('nothing matches: `millrace dlq list` shows what there is');
  if (flags.dryRun) return void process.stdout.write(`${found.length} would be sent again\n`);
  const config = loadConfig({ file: configFileOf(flags.config, env), env });
  const broker = await connectBroker({}, config, env);
  try {
    await redrive(found, broker.producer);
  } finally {
    await broker.close();
  }
  process.stdout.write(`${found.length} sent again\n`);
}

const sendMax = 1_000;

/** Puts records on their topics again, oldest first, each with a header that names it: it is then known as sent again. */
export async function redrive(
  records: readonly DeadRecord[],
  producer: Pick<Producer, 'partitionCount' | 'send'>,
): Promise<void> {
  const counts = new Map<string, number>();
  for (const { topic } of records) if (!counts.has(topic)) counts.set(topic, await producer.partitionCount(topic));
  const messages = records.map((record): OutMessage => {
    const key = bytesOf(record.keyBase64);
    // A key keeps its order; without one the place that it had is as good as any.
    const partition = key ? partitionOf(key, counts.get(record.topic) ?? 1) : record.partition;
    const headers = [[redriveHeader, Buffer.from(record.id)] as const];
    return { topic: record.topic, partition, key, value: bytesOf(record.valueBase64), headers };
  });
  for (let from = 0; from < messages.length; from += sendMax) await producer.send(messages.slice(from, from + sendMax));
}

async function find(ids: readonly string[], flags: DlqFlags, env: NodeJS.ProcessEnv): Promise<readonly DeadRecord[]> {
  const config = loadConfig({ file: configFileOf(flags.config, env), env });
  const client = await openClickHouse(config, env);
  try {
    return await deadRecords(
      { client, database: config.clickhouse.database },
      {
        kind: flags.quarantine ? 'quarantined' : 'dead-letters',
        ...{ reason: flags.reason, topic: flags.topic, ids: ids.length > 0 ? ids : undefined },
        ...{ isRedrivenToo: flags.again ?? false, rowsMax: flags.limit },
      },
    );
  } finally {
    await client.close();
  }
}

const bytesOf = (base64: string | null): Uint8Array | null => (base64 === null ? null : Buffer.from(base64, 'base64'));

function lineOf({ id, timestampMs, reasons, pipelines, messages, redriven }: DeadRecord): string {
  const when = new Date(timestampMs).toISOString();
  const again = redriven > 0 ? `sent again ${redriven}×` : '';
  return [id, when, reasons.join(','), pipelines.join(','), messages[0] ?? '', again].join('\t').trimEnd();
}
