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

export interface OpenClickHouse {
  readonly client: ClickHouseClient;
  readonly url: string;
  close(): Promise<void>;
}

/** Starts the embedded ClickHouse where the configuration names none, and connects. */
export async function openClickHouse(context: RunContext): Promise<OpenClickHouse> {
  const { config, env } = context;
  const engine = await ownClickHouse(context);
  const url = engine?.url ?? config.clickhouse.url;
  const password = readSecret(config.clickhouse.passwordRef, env);
  const client = connectClickHouse({ url, user: config.clickhouse.user, ...(password !== null && { password }) });
  return {
    ...{ client, url },
    async close() {
      await client.close();
      await engine?.stop();
    },
  };
}

/** Starts the embedded broker where the configuration names none, while ClickHouse is being opened, and connects. */
export async function startInfrastructure(
  context: RunContext,
  pipelines: readonly PipelineTopics[],
  opening: Promise<OpenClickHouse>,
): Promise<Infrastructure> {
  const { config, clock, logger, metrics, env } = context;
  const [broker, clickhouse] = await Promise.all([ownBroker(context, pipelines), opening]);
  const brokers = broker?.brokers ?? config.kafka.brokers;
  const gateAddress = broker?.gateAddress ?? config.kafka.gate;
  const isEmbeddedBroker = gateAddress !== '';
  const kafka = await openConfiguredKafka(
    config,
    { brokers, isEmbedded: isEmbeddedBroker },
    { clock, logger, metrics, env },
  );
  const gate = isEmbeddedBroker ? await connectGate(gateAddress) : undefined;
  const forgetAddress = broker
    ? writeEmbeddedAddress(config.embedded.dataDir, { brokers, gate: gateAddress, pid: process.pid })
    : () => {};
  return {
    kafka,
    gate,
    clickhouse: clickhouse.client,
    clickhouseUrl: clickhouse.url,
    brokers,
    isEmbeddedBroker,
    isFreshBroker: broker !== null,
    onBrokerLost: (callback) => broker?.onExit(callback),
    close: async () => {
      forgetAddress();
      await kafka.close();
      await gate?.close();
      await Promise.all([broker?.stop(), clickhouse.close()]);
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
