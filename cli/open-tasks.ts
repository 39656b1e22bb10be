import { randomUUID } from 'node:crypto';
import type { CheckpointStore } from '../checkpoints/store.ts';
import type { Config } from '../config/schema.ts';
import { type PipelineTopics, orderTopic } from '../events/topics.ts';
import type { AnyProcessor } from '../processors/index.ts';
import { highestArchivedEpoch } from '../sinks/clickhouse/archived.ts';
import { createArchiveSource } from '../sources/archive/archive.ts';
import { createChainedSource } from '../sources/archive/chained.ts';
import type { Source, TopicPartition } from '../sources/source.ts';
import type { OperateOptions } from '../tasks/operate.ts';
import { createOrderAppender } from '../tasks/order-log.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { connectBroker } from './connect-broker.ts';
import { openClickHouse } from './open-clickhouse.ts';
import { UsageError } from './options.ts';
import { foldOf } from './start/fold-of.ts';
import { openStore } from './start/open-store.ts';
import { processorsOf } from './start/processors-of.ts';

/** One task, to be told something. */
export interface OperatedTask {
  /** The pipeline's name, and which shard where it has several. */
  readonly name: string;
  readonly place: TaskPlace;
  readonly operate: OperateOptions;
  /** Its inputs, with the archive behind them. */
  readonly inputs: Source;
  /** The first offset from `position` on that broker or archive holds. */
  readonly nextReadable: (tp: TopicPartition, position: bigint) => Promise<bigint>;
}

/** Which task of which pipeline. */
export interface TaskPlace {
  readonly pipeline: string;
  readonly version: number;
  readonly shard: number;
}

/** Every task of a pipeline. */
export const placesOf = ({ name, version, shards = 1 }: PipelineTopics): readonly TaskPlace[] =>
  Array.from({ length: shards }, (_, shard) => ({ pipeline: name, version, shard }));

export interface OpenTasks {
  readonly tasks: readonly OperatedTask[];
  readonly store: CheckpointStore;
  close(): Promise<void>;
}

/** The pipelines that a command is about. Throws a `UsageError` for a name that does not run. */
export function chosenProcessors(config: Config, pipeline: string | undefined): readonly AnyProcessor[] {
  const all = processorsOf(config);
  const chosen = all.filter(({ name }) => pipeline === undefined || name === pipeline);
  if (chosen.length > 0) return chosen;
  throw new UsageError(`no pipeline ${pipeline}; there are ${all.map(({ name }) => name).join(', ')}`);
}

/** Connects to the order logs of these pipelines. Nothing is claimed; what is told counts by the judge's rules. */
export async function openTasks(
  config: Config,
  env: NodeJS.ProcessEnv,
  processors: readonly AnyProcessor[],
): Promise<OpenTasks> {
  const { database } = config.clickhouse;
  const broker = await connectBroker({}, config, env);
  const client = await openClickHouse(config, env).catch(async (error: unknown) => {
    await broker.close();
    throw error;
  });
  const parts = { clock: systemClock, logger: silentLogger };
  const store = await openStore({ config, ...parts }, () => Promise.resolve(client));
  const incarnation = Math.max(0, await highestArchivedEpoch(client, database));
  const archive = createArchiveSource({ client, database, epoch: incarnation, logger: silentLogger });
  const operated = async (processor: AnyProcessor, place: TaskPlace): Promise<OperatedTask> => {
    const { shard } = place;
    const [order, held] = [await broker.kafka.reader({ fetchWaitMs: 5 }), await broker.kafka.reader()];
    const orderPartition = { topic: orderTopic(processor.name, processor.version), partition: shard };
    const operate: OperateOptions = {
      ...{ store, ...parts, shard, newId: randomUUID, orderPartition },
      fold: foldOf({ config, env, isEmbeddedBroker: broker.isEmbedded }, processor, shard),
      orderSource: createChainedSource({ archive, broker: order, ...parts }),
      appender: createOrderAppender(broker.producer, orderPartition),
    };
    const nextReadable = async (tp: TopicPartition, position: bigint): Promise<bigint> => {
      const { lowOffset } = await held.bounds(tp);
      if (position >= lowOffset) return position;
      const archived = await archive.bounds(tp);
      return position >= archived.lowOffset && position < archived.endOffset ? position : lowOffset;
    };
    const inputs = createChainedSource({ archive, broker: held, ...parts });
    const name = (processor.shards ?? 1) > 1 ? `${processor.name} shard ${shard}` : processor.name;
    return { name, place, operate, inputs, nextReadable };
  };
  const tasks: OperatedTask[] = [];
  for (const processor of processors)
    for (const place of placesOf(processor)) tasks.push(await operated(processor, place));
  return {
    tasks,
    store,
    async close() {
      await store.close();
      await broker.close();
      await client.close();
    },
  };
}
