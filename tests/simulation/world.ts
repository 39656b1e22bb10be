import { createMemoryStore } from '../../checkpoints/memory.ts';
import type { MemoryStore } from '../../checkpoints/memory.ts';
import type { MembershipHandlers } from '../../kafka/contract.ts';
import type { TaskSeams } from '../../tasks/options.ts';
import type { TaskService } from '../../tasks/service.ts';
import { createSimBroker } from './broker.ts';
import type { Faults, SimBroker } from './broker.ts';
import { resultTopic } from './counting-fold.ts';
import { createOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { createRandom, createVirtualTime } from './virtual-time.ts';
import type { SimProcess, VirtualTime } from './virtual-time.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly kind: 'solo' | 'group';
  readonly processes: number;
  readonly depth: number;
  readonly shards: number;
  /** How long things go wrong, in virtual ms. */
  readonly chaosMs: number;
  /** Broken parts for one process's tasks; told what that process appends. */
  readonly mutant?: ((sent: SentRecords) => Partial<TaskSeams>) | undefined;
}

/** Order records that a process has handed to its producer, by shard. */
export type SentRecords = (shard: number) => readonly Uint8Array[];

export const orderTopic = 'order';
export const resultPartitions = 2;
export const startMs = 1_000_000;

/** All of one run. */
export interface World {
  readonly options: SimulationOptions;
  readonly time: VirtualTime;
  readonly random: () => number;
  readonly broker: SimBroker;
  readonly store: MemoryStore;
  readonly oracles: readonly Oracle[];
  readonly faults: Faults;
  readonly counts: Record<string, number>;
  readonly wrong: Set<string>;
  /** The running hash that the first process had after an entry. */
  readonly chains: Map<string, number>;
  readonly members: Member[];
  /** Group: who the coordinator says owns each shard. */
  readonly owners: number[];
  isChaos: boolean;
  snapshots: number;
}

export interface Member {
  process: SimProcess;
  service: TaskService;
  handlers: MembershipHandlers | null;
  isAssigned: boolean[];
}

export function createWorld(options: SimulationOptions): World {
  const random = createRandom(options.seed);
  const time = createVirtualTime(startMs);
  const broker = createSimBroker(time);
  broker.createTopic('in', options.shards > 1 ? 4 : 2);
  broker.createTopic(orderTopic, options.shards);
  broker.createTopic(resultTopic, resultPartitions);
  const counts: Record<string, number> = {};
  const world: World = {
    ...{ options, time, random, broker, counts, isChaos: true, snapshots: 0 },
    store: createMemoryStore({ keep: 3, clock: time }),
    oracles: Array.from({ length: options.shards }, (_, shard) => createOracle(broker, orderTopic, shard)),
    faults: { random, isOn: () => world.isChaos, count: (kind) => (counts[kind] = (counts[kind] ?? 0) + 1) },
    wrong: new Set(),
    chains: new Map(),
    members: [],
    owners: Array.from({ length: options.shards }, () => 0),
  };
  return world;
}
