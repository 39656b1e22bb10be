import { createRequire } from 'node:module';
import { KafkaError, type KafkaDriver } from './contract.ts';

/**
 * What we use of the two client packages: the low-level API that both took from the same ancestor. `loadDriver` levels
 * what differs; nothing else in `kafka/` knows which package runs.
 */
export interface NativePartition {
  topic: string;
  partition: number;
  offset?: number | null;
}

export interface NativeMessage {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly timestamp: number;
  readonly headers?: readonly Readonly<Record<string, Buffer>>[];
}

export interface NativeReport {
  readonly partition: number;
  readonly offset: number;
  readonly opaque: unknown;
}

export interface NativeMetadata {
  readonly brokers: readonly { readonly host: string; readonly port: number }[];
  readonly topics: readonly { readonly name: string; readonly partitions: readonly { readonly id: number }[] }[];
}

export type NativeCallback<T = void> = (error: unknown, value: T) => void;
export type NativeConfig = Record<string, unknown>;

export interface NativeClient {
  connect(options: { timeout: number; allTopics: boolean }, callback: NativeCallback<unknown>): unknown;
  isConnected(): boolean;
  getMetadata(
    options: { topic?: string; allTopics?: boolean; timeout: number },
    callback: NativeCallback<NativeMetadata>,
  ): unknown;
  on(event: string, listener: (...args: never[]) => void): unknown;
}

export interface NativeConsumer extends NativeClient {
  setDefaultConsumeTimeout(timeoutMs: number): void;
  consume(count: number, callback: NativeCallback<readonly NativeMessage[]>): unknown;
  subscribe(topics: readonly string[]): unknown;
  unsubscribe(): unknown;
  subscription(): readonly string[];
  incrementalAssign(partitions: readonly NativePartition[]): unknown;
  incrementalUnassign(partitions: readonly NativePartition[]): unknown;
  pause(partitions: readonly NativePartition[]): unknown;
  resume(partitions: readonly NativePartition[]): unknown;
  commit(partitions: readonly NativePartition[]): unknown;
  committed(
    partitions: readonly NativePartition[],
    timeoutMs: number,
    callback: NativeCallback<NativePartition[]>,
  ): unknown;
  queryWatermarkOffsets(
    topic: string,
    partition: number,
    timeoutMs: number,
    callback: NativeCallback<{ lowOffset: number; highOffset: number }>,
  ): unknown;
  getWatermarkOffsets(topic: string, partition: number): { lowOffset: number; highOffset: number };
  /** Only the confluent package tells a lost assignment from a revoked one. */
  assignmentLost?(): boolean;
  disconnect(callback: () => void): unknown;
}

export interface NativeProducer extends NativeClient {
  produce(
    topic: string,
    partition: number,
    value: Uint8Array | null,
    key: Uint8Array | null,
    timestampMs: number,
    opaque: unknown,
    headers: readonly Record<string, Uint8Array | string>[] | undefined,
  ): unknown;
  poll(): unknown;
  disconnect(flushTimeoutMs: number, callback: () => void): unknown;
}

interface NativePackage {
  readonly KafkaConsumer: new (config: NativeConfig, topicConfig: NativeConfig) => NativeConsumer;
  readonly Producer: new (config: NativeConfig, topicConfig: NativeConfig) => NativeProducer;
  readonly CODES: { readonly ERRORS: Readonly<Record<string, number>> };
  readonly features: readonly string[];
  readonly librdkafkaVersion: string;
}

export interface Driver {
  readonly name: KafkaDriver;
  readonly packageName: string;
  readonly packageVersion: string;
  readonly librdkafkaVersion: string;
  readonly features: readonly string[];
  consumer(config: NativeConfig, topicConfig: NativeConfig): NativeConsumer;
  producer(config: NativeConfig, topicConfig: NativeConfig): NativeProducer;
  /** The numeric code of whatever the package threw, passed or emitted; undefined where it gave none. */
  codeOf(error: unknown): number | undefined;
  /** node-rdkafka sends header values as UTF-8 text only; the other takes bytes. */
  headerValue(value: Uint8Array): Uint8Array | string;
}

let loaded: { readonly name: KafkaDriver; readonly driver: Promise<Driver> } | undefined;

/**
 * Imports the chosen package. One per process: both bring a `librdkafka.so.1`, and the second one loaded would silently
 * run on the first one's library; asking for the other is a bug and rejects with `kafka_fatal`. A package that is not
 * installed, or not built, rejects with `kafka_driver_missing`.
 */
export function loadDriver(name: KafkaDriver): Promise<Driver> {
  if (loaded === undefined) {
    // Each blocking native call holds one of libuv's threads, four by default. Counts only if no thread was used before.
    process.env['UV_THREADPOOL_SIZE'] ??= '16';
    loaded = { name, driver: importDriver(name) };
  }
  if (loaded.name === name) return loaded.driver;
  const message = `this process has loaded the Kafka driver ${loaded.name}; ${name} needs a process of its own`;
  return Promise.reject(new KafkaError('kafka_fatal', message));
}

async function importDriver(name: KafkaDriver): Promise<Driver> {
  const packageName = name === 'confluent' ? '@confluentinc/kafka-javascript' : 'node-rdkafka';
  const require = createRequire(import.meta.url);
  let native: NativePackage;
  try {
    const module: unknown =
      name === 'confluent' ? await import('@confluentinc/kafka-javascript') : await import('node-rdkafka');
    native = (module as { default: NativePackage }).default;
  } catch (cause) {
    const message =
      `the Kafka client ${packageName} is not installed or not built for this Node: run "npm rebuild ${packageName}" ` +
      `(needs python3, make, g++, zlib and openssl headers), or choose the other one with MILLRACE_KAFKA_DRIVER`;
    throw new KafkaError('kafka_driver_missing', message, { cause });
  }
  const library = require(`${packageName}/librdkafka.js`) as { err2str(code: number): string };
  const { version } = require(`${packageName}/package.json`) as { version: string };
  return {
    name,
    packageName,
    packageVersion: version.replace(/^v/, ''),
    librdkafkaVersion: native.librdkafkaVersion,
    features: native.features,
    consumer: (config, topicConfig) => new native.KafkaConsumer(config, topicConfig),
    producer: (config, topicConfig) => new native.Producer(config, topicConfig),
    codeOf: codeReader(Object.values(native.CODES.ERRORS), (code) => library.err2str(code)),
    headerValue: name === 'confluent' ? (value) => value : (value) => Buffer.from(value).toString('utf8'),
  };
}

/**
 * Where the packages lose the number on the way (error events of both, delivery reports of node-rdkafka) they keep the
 * library's own name of the code: that name is looked up in the library's own list, so this is still by code.
 */
function codeReader(
  codes: readonly number[],
  nameOf: (code: number) => string,
): (error: unknown) => number | undefined {
  const byName = new Map(codes.map((code) => [keyOf(nameOf(code)), code]));
  return (error) => {
    if (typeof error === 'number') return error;
    if (typeof error !== 'object' || error === null) return undefined;
    const { code, message, origin } = error as { code?: unknown; message?: unknown; origin?: unknown };
    if (typeof code === 'number' && code !== -1) return code;
    return byName.get(keyOf(`${String(origin)}: ${String(message)}`)) ?? byName.get(keyOf(String(message)));
  };
}

/** The packages keep the first two parts of `Origin: text: …`, in lower case. */
function keyOf(name: string): string {
  const [origin = '', text = ''] = name
    .toLowerCase()
    .replace(/^kafka:/, 'broker:')
    .split(': ');
  return `${origin === 'broker' ? 'broker' : 'local'}: ${text}`;
}
