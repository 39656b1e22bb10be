import { loadConfig } from '../config/load.ts';
import type { FoldOutput } from '../tasks/contract.ts';
import { type RevisionRange, diffSandbox, openSandbox } from '../sinks/clickhouse/sandbox.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { configFileOf } from './config-file.ts';
import { openClickHouse } from './open-clickhouse.ts';
import { chosenProcessors } from './open-tasks.ts';
import { UsageError, exitCodes } from './options.ts';
import { recomputeArchived } from './recompute-archived.ts';
import { resultTopics } from '../events/topics.ts';

/** The flags of `millrace verify --sandbox`, as commander gives them. */
export interface SandboxFlags {
  readonly sandbox: string;
  readonly pipeline?: string;
  readonly from?: string;
  readonly to?: string;
  readonly config?: string;
  readonly json?: boolean;
}

const writeRows = 5_000;
const sayEveryRows = 50_000;

/**
 * Makes the results of a pipeline again from the archive, into tables of a sandbox, and compares them with the live ones. No producer, no
 * webhook and no live table is within reach: it is handed the archive to read and the sandbox to write.
 */
export async function runSandbox(flags: SandboxFlags, env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadConfig({ file: configFileOf(flags.config, env), env });
  if (flags.pipeline === undefined) throw new UsageError('which pipeline? Say so with --pipeline');
  const [processor] = chosenProcessors(config, flags.pipeline);
  if (!processor) return;
  const [fromMs, toMs] = [timeOf(flags.from, -Infinity), timeOf(flags.to, Infinity)];
  const client = await openClickHouse(config, env);
  const live = { client, database: config.clickhouse.database };
  const say = (line: string): void => void (flags.json || process.stderr.write(`${line}\n`));
  try {
    const sandbox = await openSandbox(live, flags.sandbox, silentLogger).catch((error: unknown) => {
      throw error instanceof RangeError ? new UsageError(`--sandbox: ${error.message}`) : error;
    });
    const made = new Made();
    let changedRanges = 0;
    const { records, gaps } = await recomputeArchived({
      ...{ client, config, env, processor },
      async onOutputs(outputs, clockMs) {
        if (clockMs < fromMs || clockMs >= toMs) return;
        made.take(outputs);
        if (made.waiting.length < writeRows) return;
        await sandbox.write(made.waiting.splice(0));
        if (made.rows % sayEveryRows < writeRows)
          say(`${made.rows} results made again, up to ${new Date(clockMs).toISOString()}`);
      },
      onChanged: ([partition, start]) => {
        changedRanges += 1;
        say(`changed: ${partition} from ${start} on is not in the archive as it was ordered`);
      },
    });
    await sandbox.write(made.waiting.splice(0));
    for (const gap of gaps) say(`gap: ${gap}`);
    const { name: pipeline, version } = processor;
    const ranges = [...made.ranges.values()];
    const tables = await diffSandbox(live, { sandbox: sandbox.database, pipeline, version, ranges });
    for (const { table, rows, onlyLive, onlySandbox } of tables)
      say(`${table}: ${rows} rows made again, ${onlyLive} only live, ${onlySandbox} only here`);
    const diff = tables.reduce((sum, { onlyLive, onlySandbox }) => sum + onlyLive + onlySandbox, 0);
    const wouldTell = made.alerts;
    const counts = { results: made.rows, rejects: sandbox.rejects(), wouldTell, changedRanges, gaps: gaps.length };
    process.stdout.write(`${JSON.stringify({ sandbox: sandbox.database, records, ...counts, tables, diff })}\n`);
    if (diff + changedRanges + gaps.length > 0) process.exitCode = exitCodes.failed;
  } finally {
    await client.close();
  }
}

interface Stamped {
  readonly revision: string;
  readonly producer: { readonly shard: number };
}

/** What was made: what waits to be written, and which revisions it has. */
class Made {
  readonly waiting: Uint8Array[] = [];
  rows = 0;
  /** Transitions of alerts, which live would have told. */
  alerts = 0;
  /** By shard; its revisions rise. */
  readonly ranges = new Map<number, RevisionRange>();

  take(outputs: readonly FoldOutput[]): void {
    for (const { topic, value } of outputs) {
      this.waiting.push(value);
      this.rows += 1;
      if (topic === resultTopics.alerts) this.alerts += 1;
    }
    const [output] = outputs;
    if (!output) return;
    const { revision, producer } = JSON.parse(Buffer.from(output.value).toString()) as Stamped;
    const { shard } = producer;
    const to = BigInt(revision);
    this.ranges.set(shard, { shard, from: this.ranges.get(shard)?.from ?? to, to });
  }
}

function timeOf(text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  const timeMs = Date.parse(text);
  if (Number.isNaN(timeMs)) throw new UsageError(`${text} is no time: write one such as 2026-01-31T00:00:00Z`);
  return timeMs;
}
