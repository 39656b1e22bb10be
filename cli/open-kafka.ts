import type { Config } from '../config/schema.ts';
import { readSecret } from '../config/secrets.ts';
import type { KafkaSecurity } from '../kafka/connection.ts';
import type { Kafka } from '../kafka/contract.ts';
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
    reader: kafka.reader,
    sender: kafka.sender,
    clientId: kafka.clientId,
    ...target,
    ...parts,
    ...(security && { security }),
  });
}

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
