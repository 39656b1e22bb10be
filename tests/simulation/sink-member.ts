import type { Membership } from '../../kafka/contract.ts';
import { KafkaError } from '../../kafka/contract.ts';
import { topicPartitionName } from '../../sources/source.ts';
import type { TopicPartition } from '../../sources/source.ts';
import { resultTopics } from '../../events/topics.ts';
import { SinkLoop } from '../../sinks/clickhouse/loop.ts';
import { defaultLimits } from '../../sinks/clickhouse/sink.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createSimSource } from './broker.ts';
import { createSimProcess } from './virtual-time.ts';
import { orderTopic, sinkPartitions } from './world.ts';
import type { SinkMember, World } from './world.ts';

/** A process that runs the real loop of the ClickHouse sink. */
export function startSink(world: World, i: number): SinkMember {
  const { time, broker, faults, clickhouse, epoch } = world;
  const process = createSimProcess(time, `s${world.ids++}`);
  const member: SinkMember = { process, loop: undefined as unknown as SinkLoop, handlers: null, assigned: new Set() };
  member.loop = new SinkLoop(
    {
      client: clickhouse.client(process),
      database: 'sim',
      reader: createSimSource(broker, process, faults),
      membership: createMembership(world, member, i),
      topics: { inputs: ['in'], orders: [orderTopic], results: Object.values(resultTopics) },
      epoch: epoch.current,
      clock: process.clock,
      logger: silentLogger,
      metrics: createMetrics(),
    },
    { ...defaultLimits, batchRowsMax: 150, batchWaitMs: 40, insertsPerMinuteMax: 60_000 },
  );
  void member.loop.start();
  return member;
}

/** A commit of who does not own its partitions any more is refused, as by the generation of a group. */
function createMembership(world: World, member: SinkMember, i: number): Membership {
  const { faults } = world;
  const isOwner = (tp: TopicPartition): boolean => world.sinkOwners.get(topicPartitionName(tp)) === i;
  const later = <T>(value: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      member.process.after(1 + faults.random() * 4, () => {
        try {
          resolve(value());
        } catch (error) {
          reject(error as Error); // only KafkaErrors are thrown
        }
      });
    });
  return {
    kind: 'group',
    start(handlers) {
      member.handlers = handlers;
      return Promise.resolve();
    },
    commit: (offsets) =>
      later(() => {
        const own = offsets.filter((offset) => member.assigned.has(topicPartitionName(offset)));
        if (!own.every(isOwner)) {
          faults.count('zombie_commit');
          throw new KafkaError('kafka_fenced', 'simulated');
        }
        if (faults.isOn() && faults.random() < 0.1) {
          faults.count('commit_lost');
          throw new KafkaError('kafka_timed_out', 'simulated');
        }
        for (const offset of own) world.committed.set(topicPartitionName(offset), offset.nextOffset);
      }),
    committed: (partitions) =>
      later(() => partitions.map((tp) => ({ ...tp, nextOffset: world.committed.get(topicPartitionName(tp)) ?? -1n }))),
    close: () => Promise.resolve(),
  };
}

/** The coordinator gives every partition an owner; each member hears of it late. */
export function assignSinks(world: World, isHeard: () => boolean): void {
  const { sinks, random, options, sinkOwners } = world;
  for (const tp of sinkPartitions(world)) {
    const name = topicPartitionName(tp);
    if (!sinkOwners.has(name)) sinkOwners.set(name, Math.floor(random() * options.sinks));
    for (const [i, { process, handlers, assigned }] of sinks.entries()) {
      const isMine = sinkOwners.get(name) === i;
      if (!handlers || !process.isUp() || isMine === assigned.has(name) || !isHeard()) continue;
      if (isMine) assigned.add(name);
      else assigned.delete(name);
      process.after(1, () => (assigned.has(name) ? handlers.assigned([tp]) : handlers.revoked([tp], 'lost')));
    }
  }
}
