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

/** What was made again of one shard after the other. */
export interface RecomputedShards extends Omit<Recomputed, 'reached' | 'last'> {
  /** Whether all of a shard's log before a place is made again. */
  isReached(place: { readonly shard: number; readonly epoch: number; readonly orderOffset: bigint }): boolean;
}

/**
 * Makes everything that is archived of a pipeline again: its order logs, and where it took over from a version before, that one's as well,
 * folded as this version does. Reads the archive alone; nothing is produced or saved.
 */
export async function recomputeArchived(options: RecomputeArchivedOptions): Promise<RecomputedShards> {
  const { processor } = options;
  const all: Recomputed[] = [];
  const reached = new Map<string, bigint>();
  for (let shard = 0; shard < (processor.shards ?? 1); shard++) {
    const made: Recomputed[] = [];
    made.push(await recomputeVersion({ ...options, shard }, processor.version, made));
    for (const [epoch, offset] of made.flatMap((one) => [...one.reached])) {
      const at = `${shard}/${epoch}`;
      if (offset > (reached.get(at) ?? -1n)) reached.set(at, offset);
    }
    all.push(...made);
  }
  return {
    entries: all.reduce((sum, { entries }) => sum + entries, 0),
    records: all.reduce((sum, { records }) => sum + records, 0),
    gaps: all.flatMap(({ gaps }) => gaps),
    isReached: ({ shard, epoch, orderOffset }) => orderOffset < (reached.get(`${shard}/${epoch}`) ?? 0n),
  };
}

async function recomputeVersion(
  options: RecomputeArchivedOptions & { readonly shard: number },
  version: number,
  before: Recomputed[],
  following?: 'end',
): Promise<Recomputed> {
  const { client, config, env, processor, shard } = options;
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
    createFold: () => foldOf({ config, env, isEmbeddedBroker }, processor, shard),
    shard,
    orderPartition: { topic, partition: shard },
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
