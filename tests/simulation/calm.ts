import { createMemoryStore } from '../../checkpoints/memory.ts';
import type { MemoryStore } from '../../checkpoints/memory.ts';
import type { MembershipHandlers, NextOffset } from '../../kafka/contract.ts';
import type { OrderRecord } from '../../tasks/contract.ts';
import type { TaskServiceOptions } from '../../tasks/options.ts';
import { createTaskService } from '../../tasks/service.ts';
import type { TaskService, TaskServiceStatus, TaskStatus } from '../../tasks/service.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import { createSimBroker, createSimSource } from './broker.ts';
import type { SimBroker } from './broker.ts';
import { createCountingFold, resultTopic } from './counting-fold.ts';
import type { SimResult } from './counting-fold.ts';
import { createSimOrderProducer, createSimProducer } from './producers.ts';
import { createRandom, createSimProcess, createVirtualTime } from './virtual-time.ts';
import type { SimProcess, VirtualTime } from './virtual-time.ts';

/** A world in which nothing goes wrong by itself, for a test that breaks one thing. */
export interface CalmWorld {
  readonly time: VirtualTime;
  readonly broker: SimBroker;
  readonly store: MemoryStore;
  /** Starts a process with the real task service. */
  start(overrides?: Partial<TaskServiceOptions>, world?: { readonly broker?: SimBroker }): CalmMember;
  /** Appends an event to `in`. */
  produce(partition: number, amount: number, eventTimeMs?: number): void;
  run(ms: number): Promise<void>;
  /** Runs until it is so; throws after 60 virtual seconds. */
  until(what: string, isSo: () => boolean): Promise<void>;
  /** The records of the order log. */
  log(shard?: number): OrderRecord[];
  /** The newest total of every key. */
  totals(): Record<string, readonly [count: number, sum: number]>;
}

export interface CalmMember {
  readonly process: SimProcess;
  readonly service: TaskService;
  readonly options: TaskServiceOptions;
  readonly committed: NextOffset[][];
  handlers(): MembershipHandlers;
  status(): TaskServiceStatus;
  shard(i?: number): TaskStatus;
  drain(): Promise<void>;
}

const noFaults = (seed: number) => ({ isOn: () => false, random: createRandom(seed), count: () => {} });

export function createCalmWorld(options: { readonly partitions?: number; readonly shards?: number } = {}): CalmWorld {
  const time = createVirtualTime(1_000_000);
  const broker = createSimBroker(time);
  broker.createTopic('in', options.partitions ?? 2);
  broker.createTopic('order', options.shards ?? 1);
  broker.createTopic(resultTopic, 1);
  const store = createMemoryStore({ keep: 3, clock: time });
  let seed = 0;
  const until: CalmWorld['until'] = async (what, isSo) => {
    const untilMs = time.nowMs() + 60_000;
    while (!isSo() && time.nowMs() < untilMs) await time.runUntil(time.nowMs() + 10, () => false);
    if (!isSo()) throw new Error(`never: ${what}`);
  };
  return {
    ...{ time, broker, store, until },
    start(overrides = {}, world = {}) {
      const member = startMember(
        { time, store, broker: world.broker ?? broker },
        ++seed,
        { shards: options.shards ?? 1, ...overrides },
        until,
      );
      void member.service.start();
      return member;
    },
    produce(partition, amount, eventTimeMs = time.nowMs()) {
      const value = Buffer.from(JSON.stringify({ key: `k${amount % 3}`, amount, eventTimeMs }));
      broker.append({ topic: 'in', partition }, { key: null, value });
    },
    run: (ms) => time.runUntil(time.nowMs() + ms, () => false),
    log: (shard = 0) => jsonOf<OrderRecord>(broker, { topic: 'order', partition: shard }),
    totals() {
      const results = jsonOf<SimResult>(broker, { topic: resultTopic, partition: 0 });
      return Object.fromEntries(results.map(({ key, count, sum }) => [key, [count, sum] as const]));
    },
  };
}

/** The values of a partition's records, from JSON. */
export const jsonOf = <T>(broker: SimBroker, tp: { topic: string; partition: number }): T[] =>
  broker.partition(tp).records.map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as T);

function startMember(
  { time, store, broker }: Pick<CalmWorld, 'time' | 'store' | 'broker'>,
  seed: number,
  overrides: Partial<TaskServiceOptions>,
  until: CalmWorld['until'],
): CalmMember {
  const process = createSimProcess(time, `p${seed}`);
  const faults = noFaults(seed);
  const committed: NextOffset[][] = [];
  let handlers: MembershipHandlers | null = null;
  const shards = overrides.shards ?? 1;
  const options: TaskServiceOptions = {
    createFold: () => createCountingFold(),
    shards,
    membership: {
      kind: 'solo',
      start(given) {
        handlers = given;
        given.assigned(Array.from({ length: shards }, (_, partition) => ({ topic: 'order', partition })));
        return Promise.resolve();
      },
      commit: (offsets) => Promise.resolve(void committed.push([...offsets])),
      committed: () => Promise.resolve([]),
      close: () => Promise.resolve(),
    },
    orderTopic: 'order',
    startFrom: 'earliest',
    epoch: { current: 0, openNew: true },
    inputs: createSimSource(broker, process, faults),
    order: createSimSource(broker, process, faults),
    producer: createSimProducer(broker, time, process, faults),
    orderProducer: createSimOrderProducer(broker, time, process, faults, () => {}),
    partitionFor: () => 0,
    store,
    clock: process.clock,
    random: createRandom(seed),
    logger: silentLogger,
    metrics: createMetrics(),
    ...overrides,
  };
  const service = createTaskService(options);
  return {
    ...{ process, service, options, committed },
    handlers() {
      if (!handlers) throw new Error('not started');
      return handlers;
    },
    status: () => service.status(),
    shard: (i = 0) => service.status().shards[i] ?? notYet,
    async drain() {
      let isDone = false;
      void service.drain().then(() => (isDone = true));
      await until('drained', () => isDone);
    },
  };
}

/** Before the service has looked at the order topic. */
const notYet: TaskStatus = {
  ...{ shard: 0, state: 'unassigned', parked: null, trouble: null, epoch: 0, orderOffset: '0', inputs: {}, idle: [] },
  ...{
    watermarkMs: -Infinity,
    clockMs: 0,
    totals: { entries: 0, records: 0, ignored: 0 },
    outputsPending: 0,
    takeoverMs: null,
    counters: {},
  },
};
