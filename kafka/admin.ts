import { Admin as Client } from '@platformatic/kafka';
import { topicPartitionName, type RecordBatch, type TopicPartition } from '../sources/source.ts';
import { KafkaError, type Admin, type NewTopic } from './contract.ts';
import type { KafkaContext } from './connection.ts';
import { linkError, securityOf } from './direct/security.ts';
import { kafkaError } from './errors.ts';

const requestTimeoutMs = 10_000;
/** The protocol's number of a topic among configuration resources. */
const topicResource = 2;
const committedOnly = 1;
/** Between two tries while no broker answers. */
const retryMs = 500;

/**
 * What neither native client can do, or each in its own way: topics with their settings, their time stamps' type, their
 * identity, and offsets by time. Over `@platformatic/kafka`, connected when first asked. Every call waits for a broker that is
 * away; what a broker refuses rejects with a `KafkaError`. Not for the embedded broker, which has no admin calls.
 */
export function openAdmin(context: Omit<KafkaContext, 'admin'>): Admin {
  let connected: Client | undefined;
  let closing: Promise<void> | undefined;
  const ask = async <T>(doing: string, request: (client: Client) => Promise<T>): Promise<T> => {
    for (;;) {
      if (closing || context.closing.aborted) throw new KafkaError('kafka_closed', `${doing}: closed`);
      try {
        return await request((connected ??= connectAdmin(context)));
      } catch (error) {
        const failure = adminError(doing, error);
        if (!failure.retryable) throw failure;
        context.logger.debug({ code: failure.code }, failure.message);
        await context.clock.sleep(retryMs, context.closing);
      }
    }
  };
  return {
    createTopics: (topics) => createTopics(ask, topics),
    check: async () => {
      try {
        await (connected ??= connectAdmin(context)).metadata({ topics: [], forceUpdate: true });
        return null;
      } catch (error) {
        return adminError('connect', error);
      }
    },
    timestampType: (topic) => ask(`settings of ${topic}`, (client) => timestampType(client, topic)),
    incarnation: (topic) => incarnation(ask, topic),
    offsetAt: (tp, timeMs) => ask(`offsets of ${topicPartitionName(tp)}`, (client) => offsetAt(client, tp, timeMs)),
    close: () => (closing ??= connected?.close() ?? Promise.resolve()),
  };
}

type Ask = <T>(doing: string, request: (client: Client) => Promise<T>) => Promise<T>;

function connectAdmin(context: Omit<KafkaContext, 'admin'>): Client {
  const bootstrapBrokers = context.brokers.split(',').map((address) => address.trim());
  return new Client({
    clientId: context.clientId,
    bootstrapBrokers,
    autocreateTopics: false,
    retries: false,
    timeout: requestTimeoutMs,
    ...securityOf(context.security, bootstrapBrokers[0]?.split(':')[0] ?? ''),
  });
}

async function createTopics(ask: Ask, topics: readonly NewTopic[]): Promise<void> {
  for (const { topic, partitions, replicas, settings } of topics) {
    const configs = Object.entries(settings).map(([name, value]) => ({ name, value: String(value) }));
    const wanted = { topics: [topic], partitions, replicas: replicas ?? -1, configs };
    if ((await incarnation(ask, topic)) !== null) continue;
    try {
      await ask(`create ${topic}`, (client) => client.createTopics(wanted));
    } catch (error) {
      if (!(error instanceof KafkaError) || protocolCode(error.cause) !== alreadyExists) throw error;
    }
  }
}

const alreadyExists = 36;

async function incarnation(ask: Ask, topic: string): Promise<string | null> {
  try {
    const request = { topics: [topic], forceUpdate: true, autocreateTopics: false };
    const { topics } = await ask(`identity of ${topic}`, (client) => client.metadata(request));
    return topics.get(topic)?.id ?? null;
  } catch (error) {
    if (error instanceof KafkaError && error.code === 'kafka_topic_missing') return null;
    throw error;
  }
}

async function timestampType(client: Client, topic: string): Promise<RecordBatch['timestampType']> {
  const configurationKeys = ['message.timestamp.type'];
  const found = await client.describeConfigs({
    resources: [{ resourceType: topicResource, resourceName: topic, configurationKeys }],
  });
  return found[0]?.configs[0]?.value === 'LogAppendTime' ? 'append' : 'create';
}

async function offsetAt(client: Client, { topic, partition }: TopicPartition, timeMs: number): Promise<bigint | null> {
  const [found] = await client.listOffsets({
    topics: [{ name: topic, partitions: [{ partitionIndex: partition, timestamp: BigInt(timeMs) }] }],
    isolationLevel: committedOnly,
  });
  const at = found?.partitions[0]?.offset ?? -1n;
  return at < 0n ? null : at;
}

/** The library's errors nest: the broker's own number is what counts, else what became of the connection. */
function adminError(doing: string, error: unknown): KafkaError {
  const code = protocolCode(error);
  if (code !== null) return kafkaError(code, doing, error);
  const all = [...nested(error)];
  // Of what we ask, the only thing that can be wrong by itself: a topic or partition that is not there.
  if (all.some((one) => one.code === 'PLT_KFK_USER'))
    return new KafkaError('kafka_topic_missing', `${doing}: it is not there`, { cause: error });
  const found = all.map((one) => linkError(one, doing));
  return found.find((one) => one.code === 'kafka_not_authorised') ?? found[0] ?? linkError(error, doing);
}

/** The first protocol error number in an error of the library, or null. */
function protocolCode(error: unknown): number | null {
  for (const one of nested(error)) if (typeof one.apiCode === 'number') return one.apiCode;
  return null;
}

interface LibraryError {
  readonly code?: unknown;
  readonly apiCode?: unknown;
  readonly errors?: unknown;
  readonly cause?: unknown;
}

function* nested(error: unknown): Generator<LibraryError> {
  if (typeof error !== 'object' || error === null) return;
  const one: LibraryError = error;
  yield one;
  if (Array.isArray(one.errors)) for (const inner of one.errors) yield* nested(inner);
  yield* nested(one.cause);
}
