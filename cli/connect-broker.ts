import type { Config } from '../config/schema.ts';
import { connectGate } from '../embedded/gate-client.ts';
import type { Kafka, ProduceGate, Producer } from '../kafka/contract.ts';
import { systemClock } from '../telemetry/clock.ts';
import { createLogger } from '../telemetry/logger.ts';
import { createMetrics } from '../telemetry/metrics.ts';
import { readEmbeddedAddress } from './embedded-address.ts';
import { openConfiguredKafka } from './open-kafka.ts';
import { UsageError } from './options.ts';

/** Addresses that stand above the configured ones. */
export interface BrokerFlags {
  readonly brokers?: string;
  readonly gate?: string;
}

export interface BrokerConnection {
  readonly kafka: Kafka;
  readonly gate: ProduceGate | undefined;
  readonly isEmbedded: boolean;
  readonly producer: Producer;
  close(): Promise<void>;
}

const brokerWaitMs = 15_000;

/** As told, as configured, or the embedded broker that runs on the same data folder. Throws a `UsageError` when none answers. */
export async function connectBroker(
  flags: BrokerFlags,
  config: Config,
  env: NodeJS.ProcessEnv,
): Promise<BrokerConnection> {
  const { brokers, gateAddress } = addressOf(flags, config);
  const logger = createLogger(config.log.level === 'info' ? 'warn' : config.log.level);
  const isEmbedded = gateAddress !== '';
  const gate = isEmbedded ? await connectGate(gateAddress).catch(() => noGate(gateAddress)) : undefined;
  const parts = { clock: systemClock, logger, metrics: createMetrics(), env };
  const kafka = await openConfiguredKafka(config, { brokers, isEmbedded }, parts);
  const close = async () => {
    await kafka.close();
    await gate?.close();
  };
  const waiting = new AbortController();
  const producer = await Promise.race([
    kafka.producer({ lingerMs: 5, ...(gate && { gate }) }),
    systemClock.sleep(brokerWaitMs, waiting.signal).then(() => null),
  ]);
  waiting.abort();
  if (producer) return { kafka, gate, isEmbedded, producer, close };
  await close();
  throw new UsageError(`no broker answers at ${brokers}; is it running, and is that its address?`);
}

function addressOf(flags: BrokerFlags, { kafka, embedded }: Config): { brokers: string; gateAddress: string } {
  const brokers = flags.brokers ?? kafka.brokers;
  if (brokers !== '') return { brokers, gateAddress: flags.gate ?? kafka.gate };
  const running = readEmbeddedAddress(embedded.dataDir);
  if (running) return { brokers: running.brokers, gateAddress: flags.gate ?? running.gate };
  throw new UsageError(
    'no broker: none is configured, and no embedded one runs on this data folder; run `npm start` beside, or give --brokers',
  );
}

function noGate(address: string): never {
  throw new UsageError(`no gate answers at ${address}; is that embedded broker still running?`);
}
