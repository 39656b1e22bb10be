import type { RecordBatch } from '../sources/source.ts';
import type { KafkaContext } from './connection.ts';
import { KafkaError, type Admin } from './contract.ts';

/** What the broker says about a topic as a whole, and no message does. */
export interface TopicFacts {
  readonly timestampType: RecordBatch['timestampType'];
  /** The incarnation of the topic, or null: not known. */
  readonly incarnation: string | null;
}

/** How long a stream waits for the facts before it begins without: 'unknown' turns checks by append time off. */
const factsTimeoutMs = 30_000;

/**
 * Asks for the facts of topics; those asked for at the same time by several partitions once. `unknown` where the broker does not
 * let us look, or does not say in time: said once a topic to the log.
 */
export function createTopicFacts(context: KafkaContext): (topic: string) => Promise<TopicFacts> {
  const asking = new Map<string, Promise<TopicFacts>>();
  const warned = new Set<string>();
  const ask = async (admin: Admin, topic: string): Promise<TopicFacts> => {
    const late = new AbortController();
    const overdue = context.clock.sleep(factsTimeoutMs, late.signal).then(() => 'overdue' as const);
    const incarnation = admin.incarnation(topic).catch(() => null);
    const timestampType = admin.timestampType(topic).catch((error: unknown) => error);
    const found = await Promise.race([Promise.all([incarnation, timestampType]), overdue]);
    late.abort();
    const [id, type] = found === 'overdue' ? [null, 'not answered in time'] : found;
    if (type === 'append' || type === 'create') return { timestampType: type, incarnation: id };
    const isExpected =
      type instanceof KafkaError && (type.code === 'kafka_closed' || type.code === 'kafka_topic_missing');
    if (!isExpected && !warned.has(topic)) {
      warned.add(topic);
      context.logger.warn(
        { topic, why: type instanceof Error ? type.message : type },
        'whether the topic keeps append times is not known: clocks are not checked against them',
      );
    }
    return { timestampType: 'unknown', incarnation: id };
  };
  return (topic) => {
    const { admin } = context;
    if (admin === null) return Promise.resolve({ timestampType: 'create', incarnation: null });
    let facts = asking.get(topic);
    if (facts === undefined) {
      facts = ask(admin, topic).finally(() => asking.delete(topic));
      asking.set(topic, facts);
    }
    return facts;
  };
}
