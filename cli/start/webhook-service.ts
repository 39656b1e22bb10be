import { clickhouseGroup, resultTopics, webhookGroup } from '../../events/topics.ts';
import { partitionOfText } from '../../kafka/partitioner.ts';
import {
  endpointNotes,
  lastAttempts,
  newestAlerts,
  unsettledTransitions,
} from '../../sinks/clickhouse/stored-deliveries.ts';
import { createWebhookService } from '../../sinks/webhook/service.ts';
import type { Service } from '../../telemetry/service.ts';
import { owning } from './owning.ts';
import { memberOf, type ServiceParts } from './parts.ts';
import { endpointsOf } from './webhook-endpoints.ts';

/** The webhooks, with clients of their own; what is to be delivered is restored from ClickHouse and what its sink has not read. */
export async function webhookService(parts: ServiceParts): Promise<Service> {
  const { infrastructure, config, env, clock, metrics } = parts;
  const { kafka, gate, clickhouse } = infrastructure;
  const from = { client: clickhouse, database: config.clickhouse.database };
  const reader = await kafka.reader({ fetchWaitMs: 100 });
  const producer = await kafka.producer(gate && { gate });
  const sinkPositions = await kafka.membership({ groupId: clickhouseGroup, topics: [], kind: 'solo' });
  const counts = new Map<string, number>();
  for (const topic of [resultTopics.alerts, resultTopics.deliveries])
    counts.set(topic, await producer.partitionCount(topic));
  const service = createWebhookService({
    endpoints: endpointsOf(config, env),
    stored: {
      positions: (partitions) => sinkPositions.committed(partitions),
      unsettled: (query) => unsettledTransitions(from, query),
      lastAttempts: (webhookIds) => lastAttempts(from, webhookIds),
      notes: () => endpointNotes(from),
      newestAlerts: (rowsMax) => newestAlerts(from, rowsMax),
    },
    ...{ reader, producer },
    partitionFor: (topic, key) => partitionOfText(key, counts.get(topic) ?? 1),
    membership: await memberOf(parts, webhookGroup, [resultTopics.alerts]),
    ...{ clock, random: Math.random, metrics },
    logger: parts.logger.child({ service: 'webhook' }),
  });
  return owning(service, [producer, sinkPositions, reader]);
}
