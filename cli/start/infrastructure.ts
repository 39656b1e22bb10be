import { join } from 'node:path';
import type { ClickHouseClient } from '@clickhouse/client';
import { readSecret } from '../../config/secrets.ts';
import { startEmbeddedBroker, type EmbeddedBroker } from '../../embedded/broker.ts';
import { startEmbeddedClickHouse, type EmbeddedClickHouse } from '../../embedded/clickhouse.ts';
import { connectGate } from '../../embedded/gate-client.ts';
import type { PipelineTopics } from '../../events/topics.ts';
import { readingGroups } from '../../events/topics.ts';
import type { Kafka, ProduceGate } from '../../kafka/contract.ts';
import { connectClickHouse } from '../../sinks/clickhouse/connection.ts';
import { writeEmbeddedAddress } from '../embedded-address.ts';
import { openConfiguredKafka } from '../open-kafka.ts';
import type { RunContext } from './context.ts';
import { hasWebhooks } from './webhook-endpoints.ts';

/** What every service stands on: a broker and a ClickHouse, embedded or real. */
export interface Infrastructure {
  readonly kafka: Kafka;
  readonly gate: ProduceGate | undefined;
  readonly clickhouse: ClickHouseClient;
  readonly clickhouseUrl: string;
  readonly brokers: string;
  /** The broker's memory is an embedded one's, started by this process or by another. */
  readonly isEmbeddedBroker: boolean;
  /** This process started the broker: inputs and order logs begin anew. */
  readonly isFreshBroker: boolean;
  /** Calls back when a child of ours that cannot be replaced is gone. */
  onBrokerLost(callback: () => void): void;
  close(): Promise<void>;
}

/** Starts the embedded parts that the configuration leaves open, side by side, and connects. */
export async function startInfrastructure(
  context: RunContext,
  pipelines: readonly PipelineTopics[],
): Promise<Infrastructure> {
  const { config, clock, logger, metrics, env } = context;
  const [broker, engine] = await Promise.all([ownBroker(context, pipelines), ownClickHouse(context)]);
  const brokers = broker?.brokers ?? config.kafka.brokers;
  const gateAddress = broker?.gateAddress ?? config.kafka.gate;
  const isEmbeddedBroker = gateAddress !== '';
  const kafka = await openConfiguredKafka(
    config,
    { brokers, isEmbedded: isEmbeddedBroker },
    { clock, logger, metrics, env },
  );
  const gate = isEmbeddedBroker ? await connectGate(gateAddress) : undefined;
  const clickhouseUrl = engine?.url ?? config.clickhouse.url;
  const password = readSecret(config.clickhouse.passwordRef, env);
  const clickhouse = connectClickHouse({
    url: clickhouseUrl,
    user: config.clickhouse.user,
    ...(password !== null && { password }),
  });
  const forgetAddress = broker
    ? writeEmbeddedAddress(config.embedded.dataDir, { brokers, gate: gateAddress, pid: process.pid })
    : () => {};
  return {
    kafka,
    gate,
    clickhouse,
    clickhouseUrl,
    brokers,
    isEmbeddedBroker,
    isFreshBroker: broker !== null,
    onBrokerLost: (callback) => broker?.onExit(callback),
    close: async () => {
      forgetAddress();
      await kafka.close();
      await gate?.close();
      await clickhouse.close();
      await Promise.all([broker?.stop(), engine?.stop()]);
    },
  };
}

async function ownBroker(
  { config, logger }: RunContext,
  pipelines: readonly PipelineTopics[],
): Promise<EmbeddedBroker | null> {
  if (config.kafka.brokers !== '') return null;
  const broker = await startEmbeddedBroker({
    logger,
    driver: config.kafka.driver,
    gate: {
      bytesMax: config.embedded.gateBytesMax,
      groups: readingGroups(pipelines, { hasWebhooks: hasWebhooks(config) }),
    },
  });
  return broker;
}

async function ownClickHouse({ config, logger, clock }: RunContext): Promise<EmbeddedClickHouse | null> {
  if (config.clickhouse.url !== '') return null;
  const dataDir = join(config.embedded.dataDir, 'clickhouse');
  const { database } = config.clickhouse;
  return startEmbeddedClickHouse({ dataDir, database, port: config.embedded.clickhousePort, logger, clock });
}
