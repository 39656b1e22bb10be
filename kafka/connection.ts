import type { Clock } from '../telemetry/clock.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { KafkaError, type Admin } from './contract.ts';
import type { Driver, NativeClient, NativeConfig } from './driver.ts';
import { kafkaError, nativeCode } from './errors.ts';
import type { Growth } from './growth.ts';

/** How to reach a broker that wants TLS or a login; absent: plain text. Files are paths in PEM. */
export interface KafkaSecurity {
  readonly protocol: 'plaintext' | 'ssl' | 'sasl_plaintext' | 'sasl_ssl';
  readonly mechanism?: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512';
  readonly username?: string;
  readonly password?: string;
  readonly caFile?: string;
  readonly certificateFile?: string;
  readonly keyFile?: string;
  readonly keyPassword?: string;
}

export interface KafkaContext {
  readonly driver: Driver;
  readonly brokers: string;
  readonly clientId: string;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly clock: Clock;
  /** The embedded broker: every hole in offsets is a loss, and timestamps are create times. */
  readonly isEmbedded: boolean;
  readonly security: KafkaSecurity | undefined;
  /** Null with the embedded broker. */
  readonly admin: Admin | null;
  /** Null with a real broker, which wakes a fetch that waits. */
  readonly growth: Growth | null;
  /** Aborts when the `Kafka` is closed. */
  readonly closing: AbortSignal;
  /** A client did not end in time, and holds a thread of libuv's now. */
  readonly leftBehind: () => void;
}

/** What every client of a process is configured with. */
export function baseConfig(context: KafkaContext): NativeConfig {
  return {
    'bootstrap.servers': context.brokers,
    'client.id': context.clientId,
    'socket.nagle.disable': true,
    'socket.keepalive.enable': true,
    'reconnect.backoff.ms': 50,
    'reconnect.backoff.max.ms': 2_000,
    'log.connection.close': false,
    ...securityConfig(context.security),
  };
}

function securityConfig(security: KafkaSecurity | undefined): NativeConfig {
  if (security === undefined) return {};
  const config: NativeConfig = {
    'security.protocol': security.protocol,
    'sasl.mechanisms': security.mechanism,
    'sasl.username': security.username,
    'sasl.password': security.password,
    'ssl.ca.location': security.caFile,
    'ssl.certificate.location': security.certificateFile,
    'ssl.key.location': security.keyFile,
    'ssl.key.password': security.keyPassword,
  };
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined));
}

const connectTimeoutMs = 3_000;
const retryMinMs = 200;
const retryMaxMs = 5_000;

export interface Connected<C extends NativeClient> {
  readonly client: C;
  readonly availability: Availability;
}

/**
 * A connected client. A broker that is away is waited for as long as it takes, said once to the log; a refused login
 * rejects with `kafka_not_authorised`, closing the `Kafka` meanwhile with `kafka_closed`.
 */
export async function connect<C extends NativeClient>(
  context: KafkaContext,
  what: string,
  make: () => C,
): Promise<Connected<C>> {
  const availability = createAvailability(context, what);
  for (let retryMs = retryMinMs; ; retryMs = Math.min(2 * retryMs, retryMaxMs)) {
    if (context.closing.aborted) throw new KafkaError('kafka_closed', `${what}: closed while connecting`);
    const client = make();
    availability.watch(client);
    const error = await tryConnect(context.driver, what, client);
    if (error === null) {
      availability.heard();
      return { client, availability };
    }
    const refused = availability.refusal() ?? (await refusalBy(context, error));
    if (!refused.retryable) throw refused;
    availability.lost(refused);
    await context.clock.sleep(retryMs, context.closing);
  }
}

/** A client that is refused says only that it has no connection: the admin client is told why. */
async function refusalBy({ admin }: KafkaContext, error: KafkaError): Promise<KafkaError> {
  if (!error.retryable || admin === null) return error;
  const told = await admin.check();
  return told?.code === 'kafka_not_authorised' ? told : error;
}

function tryConnect(driver: Driver, what: string, client: NativeClient): Promise<KafkaError | null> {
  return new Promise((resolve) => {
    client.connect({ timeout: connectTimeoutMs, allTopics: false }, (error) =>
      resolve(error ? kafkaError(driver.codeOf(error), `${what}: connect`, error) : null),
    );
  });
}

/** Whether a client's brokers answer, as far as it has told; the change is logged once each way. */
export interface Availability {
  watch(client: NativeClient): void;
  /** Something came from a broker. */
  heard(): void;
  lost(error: KafkaError): void;
  isAvailable(): boolean;
  /** The login or permission error that a broker answered with, if any. */
  refusal(): KafkaError | null;
}

/** Counts and logs what it is told of `what`. */
export function createAvailability(context: KafkaContext, what: string): Availability {
  const { driver, logger, brokers } = context;
  const away = context.metrics.gauge('millrace_kafka_unavailable', 'Kafka clients whose brokers do not answer');
  let isAvailable = true;
  let refusal: KafkaError | null = null;
  const availability: Availability = {
    watch(client) {
      client.on('event.error', (error: unknown) => {
        const failure = kafkaError(driver.codeOf(error), what, error);
        if (failure.code === 'kafka_not_authorised') refusal = failure;
        if (driver.codeOf(error) === nativeCode.allBrokersDown) availability.lost(failure);
        else logger.debug({ what, code: failure.code, said: failure.message }, 'kafka client event');
      });
      client.on('event.log', (event: { fac?: string; message?: string }) =>
        logger.debug({ what, facility: event.fac }, event.message ?? 'librdkafka'),
      );
    },
    heard() {
      if (isAvailable) return;
      isAvailable = true;
      away.dec();
      logger.info({ what, brokers }, 'kafka answers again');
    },
    lost(error) {
      if (!isAvailable) return;
      isAvailable = false;
      away.inc();
      logger.warn({ what, brokers, code: error.code }, `kafka does not answer at ${brokers}: waiting for it`);
    },
    isAvailable: () => isAvailable,
    refusal: () => refusal,
  };
  return availability;
}

/** Calls `disconnect` once and waits for it, but never longer than `timeoutMs`: the native call is known to hang. */
export async function disconnectBounded(
  context: KafkaContext,
  what: string,
  timeoutMs: number,
  disconnect: (done: () => void) => void,
): Promise<void> {
  if (!(await settlesWithin(timeoutMs, new Promise<void>(disconnect)))) leaveBehind(context, what, timeoutMs);
}

/** What is still in its library cannot be closed, nor can this process end by itself. */
export function leaveBehind({ logger, leftBehind }: KafkaContext, what: string, timeoutMs: number): void {
  logger.warn({ what, timeoutMs }, 'a kafka client did not end in time: left behind');
  leftBehind();
}

/** Whether it is done, well or badly, within that time. */
export function settlesWithin(timeoutMs: number, work: Promise<unknown>): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), timeoutMs);
    const settle = (): void => {
      clearTimeout(timer);
      resolve(true);
    };
    work.then(settle, settle);
  });
}

/** The partitions of a topic as the broker tells now; 0 where it does not exist. Rejects where it is denied to us. */
export async function countPartitions(context: KafkaContext, client: NativeClient, topic: string): Promise<number> {
  const count = await askPartitions(context, client, topic);
  // A topic that we may not see looks like one that is not there: the admin client is told which.
  if (count === 0) await context.admin?.incarnation(topic);
  return count;
}

function askPartitions(context: KafkaContext, client: NativeClient, topic: string): Promise<number> {
  return new Promise((resolve, reject) => {
    if (!client.isConnected()) return reject(new KafkaError('kafka_closed', `metadata of ${topic}: closed`));
    client.getMetadata({ topic, timeout: 5_000 }, (error, metadata) => {
      if (!error) return resolve(metadata.topics.find(({ name }) => name === topic)?.partitions.length ?? 0);
      const failure = kafkaError(context.driver.codeOf(error), `metadata of ${topic}`, error);
      if (failure.code === 'kafka_topic_missing') resolve(0);
      else reject(failure);
    });
  });
}
