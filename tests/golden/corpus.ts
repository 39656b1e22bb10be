import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { foldOf } from '../../cli/start/fold-of.ts';
import { processorsOf } from '../../cli/start/processors-of.ts';
import { loadConfig } from '../../config/load.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import { EntryLog, type LoggedRecord } from '../../streams/entry-log.ts';
import type { Fold, FoldEntry } from '../../tasks/contract.ts';

/** A record of the corpus: when it was appended, where, and its bytes as text. */
export interface CorpusRecord {
  readonly atMs: number;
  readonly partition: string;
  readonly key: string;
  readonly value: string;
}

/** One entry in so much of the corpus's time. */
const entryMs = 2_500;
/** After the last record the clock goes on, all input idle, so that ticks publish what silence closes. */
const silenceMs = [10_000, 70_000, 3_700_000];

/** The pipelines as the defaults have them. */
export const goldenProcessors = (): readonly AnyProcessor[] =>
  processorsOf(loadConfig({ file: undefined, env: {}, checkSecrets: false }));

export const goldenFold = (processor: AnyProcessor): Fold =>
  foldOf(
    { config: loadConfig({ file: undefined, env: {}, checkSecrets: false }), env: {}, isEmbeddedBroker: false },
    processor,
    0,
  );

export const goldenFile = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** The corpus as order entries of a task that reads `inputs`. */
export function corpusEntries(inputs: readonly string[]): readonly FoldEntry[] {
  const lines = readFileSync(goldenFile('corpus.jsonl'), 'utf8').trimEnd().split('\n');
  const records = lines.map((line) => JSON.parse(line) as CorpusRecord);
  const own = records.filter(({ partition }) => inputs.includes(partition.slice(0, partition.lastIndexOf('-'))));
  const partitions = [...new Set(own.map(({ partition }) => partition))].sort();
  const log = new EntryLog(partitions);
  const entries: FoldEntry[] = [];
  let waiting: LoggedRecord[] = [];
  let clockMs = (records[0]?.atMs ?? 0) + entryMs;
  for (const { atMs, ...record } of own) {
    for (; atMs >= clockMs; clockMs += entryMs) {
      entries.push(log.append({ clockMs, records: waiting }));
      waiting = [];
    }
    waiting.push({ ...record, timestampMs: atMs });
  }
  entries.push(log.append({ clockMs, records: waiting }));
  for (const ms of silenceMs) entries.push(log.append({ clockMs: clockMs + ms, idle: partitions }));
  return entries;
}

/** What an entry gave, as a line: how many outputs, and a hash over topics, keys and bytes. */
export function outputLine(fold: Fold, entry: FoldEntry): string {
  const outputs = fold.fold(entry);
  const hash = createHash('sha256');
  for (const { topic, key, value } of outputs) hash.update(`${topic}\n${key}\n${value.length}\n`).update(value);
  return `${entry.orderOffset} ${outputs.length} ${hash.digest('hex')}`;
}

/** Where in the corpus the kept snapshots were taken. */
export const snapshotAt = (entries: readonly FoldEntry[]): number => Math.floor(entries.length / 2);
