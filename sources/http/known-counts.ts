// A producer that remembers for a moment how many partitions a topic has: to ask the broker for each request is a round trip more.
// Guarantees: a count is at most `keepMs` old; none is kept of a topic that is not there (yet). Redelivery: no state that matters.
import type { Producer } from '../../kafka/contract.ts';
import type { Clock } from '../../telemetry/clock.ts';

/** What the routes need of one. */
export type RouteProducer = Pick<Producer, 'partitionCount' | 'send' | 'isGated' | 'pendingMessages'>;

const keepMs = 5_000;

export function withKnownCounts(producer: RouteProducer, clock: Clock): RouteProducer {
  const known = new Map<string, { readonly count: Promise<number>; readonly untilMs: number }>();
  const ask = (topic: string): Promise<number> => {
    const count = producer.partitionCount(topic);
    known.set(topic, { count, untilMs: clock.nowMs() + keepMs });
    count.catch(() => {
      if (known.get(topic)?.count === count) known.delete(topic);
    });
    return count;
  };
  return {
    partitionCount(topic) {
      const found = known.get(topic);
      return found && clock.nowMs() < found.untilMs ? found.count : ask(topic);
    },
    send: (messages) => producer.send(messages),
    isGated: (tp) => producer.isGated(tp),
    pendingMessages: () => producer.pendingMessages(),
  };
}
