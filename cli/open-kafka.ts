import type { Config } from '../config/schema.ts';
import { readSecret } from '../config/secrets.ts';
import type { KafkaSecurity } from '../kafka/connection.ts';
import type { Kafka, KafkaReader, KafkaSender } from '../kafka/contract.ts';
import { openKafka } from '../kafka/open.ts';
import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export interface OpenKafkaParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where secrets are referred to. */
  readonly env: NodeJS.ProcessEnv;
}

/** The Kafka client as the configuration has it, towards `brokers`. `isEmbedded`: see `OpenKafkaOptions`. */
export function openConfiguredKafka(
  { kafka }: Config,
  target: { readonly brokers: string; readonly isEmbedded: boolean },
  { env, ...parts }: OpenKafkaParts,
): Promise<Kafka> {
  const security = target.isEmbedded ? undefined : securityOf(kafka.security, env);
  return openKafka({
    driver: kafka.driver,
    reader: ownOr(kafka.reader, target),
    sender: ownOr(kafka.sender, target),
    clientId: kafka.clientId,
    ...target,
    ...parts,
    ...(security && { security }),
  });
}

/** The embedded broker never wakes a fetch that waits: only our own reader hears from our own producers what has grown. */
const ownOr = (
  chosen: Config['kafka']['reader' | 'sender'],
  { isEmbedded }: { readonly isEmbedded: boolean },
): KafkaReader & KafkaSender => (chosen === 'auto' ? (isEmbedded ? 'direct' : 'client') : chosen);

function securityOf(security: Config['kafka']['security'], env: NodeJS.ProcessEnv): KafkaSecurity {
  const password = readSecret(security.passwordRef, env);
  return {
    protocol: security.protocol,
    ...(security.saslMechanism && { mechanism: security.saslMechanism }),
    ...(security.username && { username: security.username }),
    ...(password && { password }),
    ...(security.caFile && { caFile: security.caFile }),
  };
}
