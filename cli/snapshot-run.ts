import { parseSnapshotName } from '../checkpoints/name.ts';
import type { CheckpointStore, SnapshotEntry } from '../checkpoints/store.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { AnyProcessor } from '../processors/index.ts';
import { OperateError, acceptGap, findGaps, markSnapshot, restoreAt } from '../tasks/operate.ts';
import type { RestoreTerms } from '../tasks/operate.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { configFileOf } from './config-file.ts';
import { UsageError, exitCodes } from './options.ts';
import { type OpenTasks, chosenProcessors, openTasks } from './open-tasks.ts';
import { openStore } from './start/open-store.ts';

/** The flags that all of these commands have, as commander gives them. */
export interface OperateFlags {
  readonly pipeline?: string;
  readonly config?: string;
  readonly json?: boolean;
}

/** Named snapshots of a task: each holds a whole state, and none is ever let go by itself. */
const namedMax = 20;
const createWaitMs = 60_000;
const lookEveryMs = 200;

/** Runs `millrace snapshot list`. */
export async function runSnapshotList(flags: OperateFlags, env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadConfig({ file: configFileOf(flags.config, env), env, checkSecrets: false });
  const store = await openStore({ config, clock: systemClock, logger: silentLogger });
  for (const processor of chosenProcessors(config, flags.pipeline))
    for (const entry of await listOf(store, processor)) say(flags.json ? jsonOf(entry) : lineOf(entry));
  await store.close();
}

/** Runs `millrace snapshot create`: done when every chosen task has saved it. */
export function runSnapshotCreate(label: string, flags: OperateFlags, env: NodeJS.ProcessEnv): Promise<void> {
  return withTasks(flags, env, async ({ tasks, store }, processors) => {
    for (const processor of processors) await assertRoom(store, processor, label);
    for (const { operate } of tasks) await markSnapshot(operate, label, systemClock.nowMs());
    for (const processor of processors) {
      const saved = await savedAs(store, processor, label);
      if (!saved)
        throw new Error(`${processor.name} did not take the snapshot within ${createWaitMs / 1_000} s: does it run?`);
      say(saved.name);
    }
  });
}

/** Runs `millrace restore`, of every chosen pipeline that has the snapshot. */
export function runRestore(
  at: string,
  terms: RestoreTerms,
  flags: OperateFlags,
  env: NodeJS.ProcessEnv,
): Promise<void> {
  const pipeline = parseSnapshotName(at)?.pipeline ?? flags.pipeline;
  return withTasks(
    pipeline === undefined ? flags : { ...flags, pipeline },
    env,
    async ({ tasks, store }, processors) => {
      const named = await Promise.all(processors.map((processor) => listOf(store, processor)));
      const known = tasks.filter((_, i) => named[i]?.some(({ name, label }) => name === at || label === at));
      if (known.length === 0) throw new UsageError(`no snapshot ${at}: \`millrace snapshot list\` shows what there is`);
      for (const { name, operate, inputs } of known) {
        const { epoch } = await restoreAt(operate, at, inputs, terms);
        say(`${name}: epoch ${epoch} begins at ${at}`);
      }
    },
  );
}

/** Runs `millrace gap list` (why null) and `gap accept`. */
export function runGaps(why: string | null, flags: OperateFlags, env: NodeJS.ProcessEnv): Promise<void> {
  return withTasks(flags, env, async ({ tasks }) => {
    for (const { name, operate, nextReadable } of tasks) {
      const gaps = why === null ? await findGaps(operate, nextReadable) : await acceptGap(operate, nextReadable, why);
      for (const { partition, from, to } of gaps)
        say(`${name}: ${partition} ${from} to ${BigInt(to) - 1n} ${why === null ? 'is gone' : 'is accepted as gone'}`);
      if (gaps.length === 0) say(`${name}: nothing is missing`);
    }
  });
}

async function withTasks(
  flags: OperateFlags,
  env: NodeJS.ProcessEnv,
  run: (open: OpenTasks, processors: readonly AnyProcessor[]) => Promise<void>,
): Promise<void> {
  const config: Config = loadConfig({ file: configFileOf(flags.config, env), env });
  const processors = chosenProcessors(config, flags.pipeline);
  const open = await openTasks(config, env, processors);
  try {
    await run(open, processors);
  } catch (error) {
    if (!(error instanceof OperateError)) throw error;
    if (error.code !== 'raced') throw new UsageError(error.message, { cause: error });
    process.stderr.write(`millrace: ${error.message}\n`);
    process.exitCode = exitCodes.failed;
  } finally {
    await open.close();
  }
}

const listOf = (store: CheckpointStore, { name, version }: Pick<AnyProcessor, 'name' | 'version'>) =>
  store.list({ pipeline: name, version, shard: 0 });

async function assertRoom(store: CheckpointStore, processor: AnyProcessor, label: string): Promise<void> {
  const named = (await listOf(store, processor)).filter((entry) => entry.label !== undefined);
  if (named.some((entry) => entry.label === label))
    throw new UsageError(`${processor.name} has a snapshot ${label} already: choose another name`);
  if (named.length >= namedMax)
    throw new UsageError(`${processor.name} has ${named.length} named snapshots, the most there may be: delete a file`);
}

async function savedAs(store: CheckpointStore, processor: AnyProcessor, label: string): Promise<SnapshotEntry | null> {
  for (const untilMs = systemClock.nowMs() + createWaitMs; systemClock.nowMs() < untilMs;) {
    const saved = (await listOf(store, processor)).find((entry) => entry.label === label);
    if (saved) return saved;
    await systemClock.sleep(lookEveryMs);
  }
  return null;
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

const lineOf = ({ name, label, sizeBytes, savedAtMs }: SnapshotEntry): string =>
  [name, label ?? '-', `${sizeBytes} bytes`, new Date(savedAtMs).toISOString()].join('\t');

function jsonOf({ orderOffset, ...entry }: SnapshotEntry): string {
  return JSON.stringify({ ...entry, orderOffset: orderOffset.toString() });
}
