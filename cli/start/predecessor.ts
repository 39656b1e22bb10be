import { parseSnapshotName } from '../../checkpoints/name.ts';
import { orderTopic, resultTopics } from '../../events/topics.ts';
import type { AnyProcessor } from '../../processors/index.ts';
import { archivedEpochs, archivedShards } from '../../sinks/clickhouse/archived.ts';
import { hasLiveVersion, setLiveVersion, versionBefore } from '../../sinks/clickhouse/live-versions.ts';
import type { Source } from '../../sources/source.ts';
import { backfilledFrom, type Predecessor } from '../../tasks/backfill.ts';
import { createAlertSwap } from './alert-swap.ts';
import type { ServiceParts } from './parts.ts';

/** What people and webhooks are told: not again for what is past. */
export const quietTopics: readonly string[] = [resultTopics.alerts, resultTopics.deliveries];

/** The version that this one takes over from; undefined: it is the first, or has run before. */
export async function predecessorOf(
  parts: ServiceParts,
  { name, version, acceptsBehindMs, shards = 1 }: AnyProcessor,
  openOrder: () => Promise<Source>,
): Promise<Predecessor | undefined> {
  const { infrastructure, config, epoch, logger } = parts;
  const { clickhouse: client, isFreshBroker } = infrastructure;
  const { database } = config.clickhouse;
  const from = { client, database };
  if (version <= 1 || (await archivedEpochs(client, database, orderTopic(name, version))).length > 0) return undefined;
  const before = await versionBefore(from, name, version);
  if (before === null) return undefined;
  const topic = orderTopic(name, before);
  const shardsBefore = await archivedShards(client, database, topic);
  if (shards > 1 || shardsBefore > 1) {
    // Keys may be in other partitions, and so in other tasks, than they were: one state is not made from the other.
    logger.warn(
      { pipeline: name, version, shards, shardsBefore },
      'not filled from the version before: it begins anew',
    );
    return undefined;
  }
  const archived = await archivedEpochs(client, database, topic);
  const alerts = createAlertSwap(parts, { pipeline: name, version, before });
  return {
    version: before,
    orderTopic: topic,
    order: isFreshBroker ? null : await openOrder(),
    deadEpochs: isFreshBroker ? archived : archived.filter((one) => one !== epoch.incarnation),
    placeOf: ({ name: snapshot }) => parseSnapshotName(snapshot),
    async olderLog({ name: snapshot }) {
      const filledFrom = backfilledFrom(parseSnapshotName(snapshot) ?? {});
      if (filledFrom === null) return null;
      const older = orderTopic(name, filledFrom);
      return { orderTopic: older, epochs: await archivedEpochs(client, database, older) };
    },
    isQuiet: (one) => quietTopics.includes(one),
    onQuiet: alerts.observe,
    endings: alerts.endings,
    async onBegin() {
      logger.info({ pipeline: name, from: before, to: version }, 'the new version is filled from the one before');
      if (!(await hasLiveVersion(from, name)))
        await setLiveVersion(from, { pipeline: name, version: before, fromMs: 0 });
    },
    async onSwap(watermarkMs) {
      // Every window that may still change is the new version's: it knows all of it.
      const fromMs = Number.isFinite(watermarkMs) ? watermarkMs - acceptsBehindMs : 0;
      await setLiveVersion(from, { pipeline: name, version, fromMs });
      logger.info({ pipeline: name, version, from: new Date(Math.max(0, fromMs)) }, 'the new version is live');
    },
  };
}
