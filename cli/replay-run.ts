import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '../config/load.ts';
import { partitionOf } from '../kafka/partitioner.ts';
import { FileError } from '../sources/file/error.ts';
import { loadMapping } from '../sources/file/load-mapping.ts';
import { badRowText, replayFile } from '../sources/file/replay.ts';
import type { BadRow, FileFormat } from '../sources/file/rows.ts';
import { systemClock } from '../telemetry/clock.ts';
import { configFileOf } from './config-file.ts';
import { connectBroker } from './connect-broker.ts';
import { UsageError, exitCodes } from './options.ts';
import { createProgressBar, resultText } from './replay-progress.ts';

/** The flags of `millrace replay`, as commander gives them. */
export interface ReplayFlags {
  readonly topic: string;
  readonly file: string;
  readonly format?: FileFormat;
  readonly map: string;
  readonly speed: number | 'max';
  readonly limit?: number;
  readonly strict?: boolean;
  readonly brokers?: string;
  readonly gate?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** Bad rows named one by one; further ones are only counted. */
const badRowsShownMax = 20;

/** Runs `millrace replay`; a mapping's faults are told here, the rest is thrown. */
export async function runReplay(flags: ReplayFlags, env: NodeJS.ProcessEnv): Promise<void> {
  try {
    await replay(flags, env);
  } catch (error) {
    if (!isToldMapping(error)) throw asUsage(error);
  }
}

async function replay(flags: ReplayFlags, env: NodeJS.ProcessEnv): Promise<void> {
  const format = flags.format ?? formatOf(flags.file);
  const mapping = await loadMapping(mappingFile(flags.map));
  const config = loadConfig({ file: configFileOf(flags.config, env), env });
  const stopping = new AbortController();
  const stop = () => (stopping.signal.aborted ? process.exit(exitCodes.failed) : stopping.abort());
  process.on('SIGINT', stop).on('SIGTERM', stop);
  const connection = await connectBroker(flags, config, env);
  const bar = createProgressBar(process.stderr, systemClock.nowMs);
  let badRows = 0;
  const showBadRow = (bad: BadRow) => {
    if (++badRows > badRowsShownMax) return;
    bar.clear();
    process.stderr.write(`${flags.file}:${badRowText(bad)}\n`);
    if (badRows === badRowsShownMax) process.stderr.write('further bad rows are only counted\n');
  };
  try {
    const result = await replayFile({
      file: flags.file,
      format,
      mapping,
      topic: flags.topic,
      speed: flags.speed,
      ...(flags.limit !== undefined && { limit: flags.limit }),
      isStrict: flags.strict ?? false,
      producer: connection.producer,
      partitionOf,
      clock: systemClock,
      signal: stopping.signal,
      onProgress: bar.show,
      onBadRow: showBadRow,
    });
    bar.clear();
    process.stdout.write(`${flags.json ? JSON.stringify(result) : resultText(flags.topic, result)}\n`);
  } finally {
    bar.clear();
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await connection.close();
  }
}

function mappingFile(name: string): string {
  const shipped = fileURLToPath(new URL(`../config/mappings/${name}.yaml`, import.meta.url));
  return !existsSync(name) && /^[\w-]+$/.test(name) && existsSync(shipped) ? shipped : name;
}

function formatOf(file: string): FileFormat {
  if (/\.csv(\.gz)?$/i.test(file)) return 'csv';
  if (/\.(jsonl|ndjson)(\.gz)?$/i.test(file)) return 'jsonl';
  throw new UsageError(`${file}: is it csv or jsonl? Say so with --format`);
}

function asUsage(error: unknown): unknown {
  if (!(error instanceof FileError)) return error;
  if (error.code === 'file_damaged' || error.code === 'row_rejected') return error;
  return new UsageError(error.message, { cause: error });
}

/** A mapping's faults are told here, one a line. */
function isToldMapping(error: unknown): boolean {
  if (!(error instanceof FileError) || error.code !== 'mapping_invalid') return false;
  process.stderr.write(`millrace: the mapping cannot be used\n${error.message}\n`);
  process.exitCode = exitCodes.badConfig;
  return true;
}
