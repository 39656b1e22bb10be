import type { ClickHouseClient } from '@clickhouse/client';
import { parseSnapshotName } from '../checkpoints/name.ts';
import type { Config } from '../config/schema.ts';
import { orderTopic } from '../events/topics.ts';
import type { AnyProcessor } from '../processors/index.ts';
import { archivedEpochs } from '../sinks/clickhouse/archived.ts';
import { createArchiveSource } from '../sources/archive/archive.ts';
import { backfilledFrom } from '../tasks/backfill.ts';
import type { OrderRange } from '../tasks/contract.ts';
import { ParkError } from '../tasks/park.ts';
import { recompute, type Recomputed, type RecomputeOptions } from '../tasks/recompute.ts';
import type { TaskSnapshot } from '../tasks/snapshot.ts';
import { systemClock } from '../telemetry/clock.ts';
import { silentLogger } from '../telemetry/logger.ts';
import { foldOf } from './start/fold-of.ts';
import { quietTopics } from './start/predecessor.ts';

export interface RecomputeArchivedOptions {
  readonly client: ClickHouseClient;
  readonly config: Config;
  readonly env: NodeJS.ProcessEnv;
  readonly processor: AnyProcessor;
  readonly onOutputs: RecomputeOptions['onOutputs'];
  /** Told of each range whose count or CRC is not what was ordered. */
  readonly onChanged: (range: OrderRange, epoch: number) => void;
}

/**
 * Makes everything that is archived of a pipeline again: its order log, and where it took over from a version before, that one's as well,
 * folded as this version does. Reads the archive alone; nothing is produced or saved.
 */
export async function recomputeArchived(options: RecomputeArchivedOptions): Promise<Recomputed> {
  const { processor } = options;
  const before: Recomputed[] = [];
  const own = await recomputeVersion(options, processor.version, before);
  const all = [...before, own];
  const reached = new Map<number, bigint>();
  for (const [epoch, offset] of all.flatMap((one) => [...one.reached]))
    if (offset > (reached.get(epoch) ?? -1n)) reached.set(epoch, offset);
  return {
    ...own,
    entries: all.reduce((sum, { entries }) => sum + entries, 0),
    records: all.reduce((sum, { records }) => sum + records, 0),
    gaps: all.flatMap(({ gaps }) => gaps),
    reached,
  };
}

async function recomputeVersion(
  options: RecomputeArchivedOptions,
  version: number,
  before: Recomputed[],
  following?: 'end',
): Promise<Recomputed> {
  const { client, config, env, processor } = options;
  const { database } = config.clickhouse;
  const topic = orderTopic(processor.name, version);
  // As the start decides it: without brokers of its own, or with a gate, the broker is an embedded one.
  const isEmbeddedBroker = config.kafka.brokers === '' || config.kafka.gate !== '';
  let filled: Promise<TaskSnapshot> | null = null;
  const fill = async (name: string, from: number): Promise<TaskSnapshot> => {
    const made = await recomputeVersion(options, from, before, 'end');
    before.push(made);
    if (made.last) return made.last.snapshot;
    throw new ParkError('base_missing', `it starts from ${name}: the order log of version ${from} is not archived`);
  };
  return recompute({
    createFold: (shard) => foldOf({ config, env, isEmbeddedBroker }, processor, shard),
    shard: 0,
    orderPartition: { topic, partition: 0 },
    epochs: await archivedEpochs(client, database, topic),
    archive: (epoch) => createArchiveSource({ client, database, epoch, logger: silentLogger }),
    placeOf: ({ name }) => parseSnapshotName(name),
    loadBase({ name }) {
      const from = backfilledFrom(parseSnapshotName(name) ?? {});
      if (from !== null) return (filled ??= fill(name, from));
      const why = `it starts from ${name}, which the archive does not lead to`;
      return Promise.reject(new ParkError('base_missing', why));
    },
    ...(following && { following }),
    ...{ clock: systemClock, queueBytesMax: config.tasks.queueBytesMax },
    // What is past is not told again by a new version.
    onOutputs: (outputs, clockMs) =>
      options.onOutputs(following ? outputs.filter((one) => !quietTopics.includes(one.topic)) : outputs, clockMs),
    onChanged: options.onChanged,
  });
}
