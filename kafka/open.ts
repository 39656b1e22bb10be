import { setMaxListeners } from 'node:events';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { KafkaError, type Kafka, type KafkaDriver, type KafkaReader, type KafkaSender } from './contract.ts';
import { settlesWithin, type KafkaContext, type KafkaSecurity } from './connection.ts';
import { loadDriver } from './driver.ts';
import { createGrowth } from './growth.ts';
import { openMembership } from './membership.ts';
import { openProducer } from './producer.ts';
import { openClientReader } from './reader-client.ts';

export interface OpenKafkaOptions {
  readonly driver: KafkaDriver;
  /** `host:port`, several with commas. */
  readonly brokers: string;
  readonly clientId: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly security?: KafkaSecurity;
  /** Set for the embedded broker: every hole in offsets is a loss, timestamps are create times, groups are slow. */
  readonly isEmbedded?: boolean;
  /** Where record bytes come from: the client package, or our own Fetch requests. Default `client`. */
  readonly reader?: KafkaReader;
  /** Who sends records: the client package, or our own Produce requests. Default `client`. */
  readonly sender?: KafkaSender;
}

const adminCloseMs = 2_000;

interface Closable {
  close(): Promise<void>;
}

/**
 * Loads the chosen client package and nothing else; connects nothing yet. Rejects with `kafka_driver_missing` where the
 * package is not there, with `kafka_fatal` where this process has loaded the other one. Readers, producers and
 * memberships wait inside their own opening for a broker that is away.
 */
export async function openKafka(options: OpenKafkaOptions): Promise<Kafka> {
  const driver = await loadDriver(options.driver);
  const closing = new AbortController();
  // Whatever waits for a broker listens.
  setMaxListeners(0, closing.signal);
  let leftBehind = 0;
  const base: Omit<KafkaContext, 'admin'> = {
    driver,
    brokers: options.brokers,
    clientId: options.clientId,
    logger: options.logger.child({ part: 'kafka' }),
    metrics: options.metrics,
    clock: options.clock,
    isEmbedded: options.isEmbedded ?? false,
    growth: options.isEmbedded ? createGrowth() : null,
    security: options.security,
    closing: closing.signal,
    leftBehind: () => void leftBehind++,
  };
  // What many processes never use is loaded by those that do: it is a third of what all of this takes to load.
  const admin = base.isEmbedded ? null : (await import('./admin.ts')).openAdmin(base);
  const context: KafkaContext = { ...base, admin };
  const open = new Set<Closable>();
  const keep = async <T extends Closable>(opening: Promise<T>): Promise<T> => {
    const part = await opening;
    if (closing.signal.aborted) {
      await part.close();
      throw new KafkaError('kafka_closed', 'closed while opening');
    }
    open.add(part);
    return part;
  };
  return {
    features: {
      driver: driver.name,
      packageVersion: driver.packageVersion,
      librdkafkaVersion: driver.librdkafkaVersion,
      features: driver.features,
    },
    async reader(readerOptions = {}) {
      const openClient = () => openClientReader(context, readerOptions);
      if (options.reader !== 'direct') return keep(openClient());
      const { openDirectReader } = await import('./direct/reader-direct.ts');
      return keep(openDirectReader(context, { ...readerOptions, openOther: openClient }));
    },
    async producer(producerOptions = {}) {
      if (options.sender !== 'direct') return keep(openProducer(context, producerOptions));
      const { openDirectProducer } = await import('./direct/producer-direct.ts');
      return keep(openDirectProducer(context, producerOptions));
    },
    membership: (membershipOptions) => keep(openMembership(context, membershipOptions)),
    admin,
    isAnyLeftBehind: () => leftBehind > 0,
    async close() {
      closing.abort();
      await Promise.all([...open].map((part) => part.close()));
      open.clear();
      if (admin) await settlesWithin(adminCloseMs, admin.close());
    },
  };
}
