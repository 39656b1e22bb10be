import type { Alert } from '../../events/decisions.ts';
import { revisionOf } from '../../events/results.ts';
import { clickhouseGroup, resultTopics } from '../../events/topics.ts';
import { liveAlerts } from '../../sinks/clickhouse/stored-alerts.ts';
import type { TopicPartition } from '../../sources/source.ts';
import type { Predecessor, SwapPlace } from '../../tasks/backfill.ts';
import type { FoldOutput } from '../../tasks/contract.ts';
import type { ServiceParts } from './parts.ts';

export interface AlertSwap {
  readonly observe: Predecessor['onQuiet'];
  readonly endings: Predecessor['endings'];
}

const lookEveryMs = 200;
const sayEveryMs = 30_000;

/**
 * Alerts over a change of versions: what the old version has told and the new one holds as well is adopted in silence; what the new one
 * does not hold it resolves, in its own name.
 */
export function createAlertSwap(
  parts: ServiceParts,
  { pipeline, version, before }: { readonly pipeline: string; readonly version: number; readonly before: number },
): AlertSwap {
  const { clickhouse: client } = parts.infrastructure;
  const held = new Set<string>();
  return {
    observe(outputs) {
      for (const { topic, value } of outputs) {
        if (topic !== resultTopics.alerts) continue;
        const { alertId, transition } = JSON.parse(Buffer.from(value).toString()) as Alert;
        if (transition === 'raised' || transition === 'updated') held.add(alertId);
        else held.delete(alertId);
      }
    },
    async endings(place) {
      await allStored(parts, pipeline);
      const told = await liveAlerts({ client, database: parts.config.clickhouse.database }, pipeline, before);
      const over = told.filter(({ alertId }) => !held.has(alertId));
      parts.logger.info({ pipeline, adopted: told.length - over.length, ended: over.length }, 'live alerts');
      return over.map((alert, index) => resolved(alert, { version, place, index }));
    },
  };
}

function resolved(
  alert: Alert,
  { version, place, index }: { readonly version: number; readonly place: SwapPlace; readonly index: number },
): FoldOutput {
  const { shard, epoch, orderOffset, clockMs } = place;
  const { pipeline, alertId, version: before } = alert;
  const at = { shard, epoch, orderOffset: String(orderOffset), index, entryId: `swap-v${before}-v${version}` };
  const body: Alert = {
    ...alert,
    ...{ version, transition: 'resolved', clockMs, revision: String(revisionOf(epoch, orderOffset)) },
    producer: { pipeline, version, ...at },
  };
  return { topic: resultTopics.alerts, key: alertId, value: Buffer.from(JSON.stringify(body)) };
}

/** Waits until ClickHouse has every alert that is on the topic now: what was told there is what has to be ended. */
async function allStored({ infrastructure, clock, logger }: ServiceParts, pipeline: string): Promise<void> {
  const { kafka } = infrastructure;
  const reader = await kafka.reader();
  const sink = await kafka.membership({ groupId: clickhouseGroup, topics: [], kind: 'solo' });
  try {
    const count = await reader.partitionCount(resultTopics.alerts);
    const partitions = Array.from({ length: count }, (_, partition): TopicPartition => ({
      topic: resultTopics.alerts,
      partition,
    }));
    const ends = await Promise.all(partitions.map((tp) => reader.bounds(tp)));
    for (let waitedMs = 0; ; waitedMs += lookEveryMs) {
      const stored = await sink.committed(partitions);
      if (ends.every(({ endOffset }, i) => (stored[i]?.nextOffset ?? -1n) >= endOffset || endOffset === 0n)) return;
      if (waitedMs % sayEveryMs === 0 && waitedMs > 0)
        logger.warn({ pipeline }, 'the new version waits for ClickHouse to have the alerts of the one before');
      await clock.sleep(lookEveryMs);
    }
  } finally {
    await sink.close();
    await reader.close();
  }
}
