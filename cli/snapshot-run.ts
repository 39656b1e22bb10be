import { parseSnapshotName } from '../checkpoints/name.ts';
import type { CheckpointStore, SnapshotEntry } from '../checkpoints/store.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { OperateError, acceptGap, findGaps, markSnapshot, restoreAt } from '../tasks/operate.ts';
import type { RestoreTerms } from '../tasks/operate.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { configFileOf } from './config-file.ts';
import { UsageError, exitCodes } from './options.ts';
import { type OpenTasks, type TaskPlace, chosenProcessors, openTasks, placesOf } from './open-tasks.ts';
import { openClickHouse } from './open-clickhouse.ts';
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
  const processors = chosenProcessors(config, flags.pipeline);
  let close = (): Promise<void> => Promise.resolve();
  const store = await openStore({ config, clock: systemClock, logger: silentLogger }, async () => {
    const client = await openClickHouse(config, env);
    close = () => client.close();
    return client;
  });
  try {
    for (const place of processors.flatMap(placesOf))
      for (const entry of await store.list(place)) say(flags.json ? jsonOf(entry) : lineOf(entry));
  } finally {
    await store.close();
    await close();
  }
}

/** Runs `millrace snapshot create`: done when every chosen task has saved it. */
export function runSnapshotCreate(label: string, flags: OperateFlags, env: NodeJS.ProcessEnv): Promise<void> {
  return withTasks(flags, env, async ({ tasks, store }) => {
    for (const { name, place } of tasks) await assertRoom(store, { name, place }, label);
    for (const { operate } of tasks) await markSnapshot(operate, label, systemClock.nowMs());
    for (const { name, place } of tasks) {
      const saved = await savedAs(store, place, label);
      if (!saved) throw new Error(`${name} did not take the snapshot within ${createWaitMs / 1_000} s: does it run?`);
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
  return withTasks(pipeline === undefined ? flags : { ...flags, pipeline }, env, async ({ tasks, store }) => {
    const named = await Promise.all(tasks.map(({ place }) => store.list(place)));
    const known = tasks.filter((_, i) => named[i]?.some(({ name, label }) => name === at || label === at));
    if (known.length === 0) throw new UsageError(`no snapshot ${at}: \`millrace snapshot list\` shows what there is`);
    assertWhole(tasks, known, at);
    for (const { name, operate, inputs } of known) {
      const { epoch } = await restoreAt(operate, at, inputs, terms);
      say(`${name}: epoch ${epoch} begins at ${at}`);
    }
  });
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
  run: (open: OpenTasks) => Promise<void>,
): Promise<void> {
  const config: Config = loadConfig({ file: configFileOf(flags.config, env), env });
  const processors = chosenProcessors(config, flags.pipeline);
  const open = await openTasks(config, env, processors);
  try {
    await run(open);
  } catch (error) {
    if (!(error instanceof OperateError)) throw error;
    if (error.code !== 'raced') throw new UsageError(error.message, { cause: error });
    process.stderr.write(`millrace: ${error.message}\n`);
    process.exitCode = exitCodes.failed;
  } finally {
    await open.close();
  }
}

type Task = Pick<OpenTasks['tasks'][number], 'name' | 'place'>;

/** A label that only some shards of a pipeline have would put one half of it back. The name of one snapshot is of one shard. */
function assertWhole(tasks: readonly Task[], known: readonly Task[], at: string): void {
  if (parseSnapshotName(at)) return;
  const pipelines = new Set(known.map(({ place }) => place.pipeline));
  const missing = tasks.find((task) => pipelines.has(task.place.pipeline) && !known.includes(task));
  if (missing) throw new UsageError(`${missing.name} has no snapshot ${at}, and other shards of it have`);
}

async function assertRoom(store: CheckpointStore, { name, place }: Task, label: string): Promise<void> {
  const named = (await store.list(place)).filter((entry) => entry.label !== undefined);
  if (named.some((entry) => entry.label === label))
    throw new UsageError(`${name} has a snapshot ${label} already: choose another name`);
  if (named.length >= namedMax)
    throw new UsageError(`${name} has ${named.length} named snapshots, the most there may be: delete one`);
}

async function savedAs(store: CheckpointStore, place: TaskPlace, label: string): Promise<SnapshotEntry | null> {
  for (const untilMs = systemClock.nowMs() + createWaitMs; systemClock.nowMs() < untilMs;) {
    const saved = (await store.list(place)).find((entry) => entry.label === label);
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
