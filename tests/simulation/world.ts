import { resultTopics } from '../../events/topics.ts';
import type { MembershipHandlers } from '../../kafka/contract.ts';
import type { SinkLoop } from '../../sinks/clickhouse/loop.ts';
import type { EpochOptions, TaskSeams } from '../../tasks/options.ts';
import type { TaskService } from '../../tasks/service.ts';
import { createSimBroker } from './broker.ts';
import type { Faults, SimBroker } from './broker.ts';
import { createSimClickHouse } from './clickhouse.ts';
import type { SimClickHouse } from './clickhouse.ts';
import { createSimDisk } from './disk.ts';
import type { SimDisk } from './disk.ts';
import { positionOf, rules } from './fold.ts';
import type { FoldSeams } from './fold.ts';
import type { OracleRules } from './oracle-model.ts';
import { Oracle } from './oracle.ts';
import { createRandom, createVirtualTime } from './virtual-time.ts';
import type { SimProcess, VirtualTime } from './virtual-time.ts';

/** What an operator has to step in for. */
export type Disaster = 'none' | 'log_truncated' | 'log_cut' | 'topic_recreated' | 'new_broker';

export interface SimulationOptions {
  readonly seed: number;
  readonly kind: 'solo' | 'group';
  readonly processes: number;
  readonly sinks: number;
  readonly depth: number;
  readonly shards: number;
  /** How long things go wrong, in virtual ms. */
  readonly chaosMs: number;
  readonly disaster: Disaster;
  readonly mutant?: Mutant | undefined;
}

/** Parts of each process that are broken on purpose. */
export interface Mutant {
  readonly seams?: (member: MutantView) => Partial<TaskSeams>;
  readonly fold?: FoldSeams;
  /** Changes an output on its way out. */
  readonly output?: (value: Uint8Array, nowMs: number) => Uint8Array;
  /** Changes a snapshot on its way to the store. */
  readonly snapshot?: (bytes: Uint8Array) => Uint8Array;
}

export interface MutantView {
  /** Order records that this process has handed to its producer, by shard. */
  sent(shard: number): readonly Uint8Array[];
  /** Whether this process appended what stands at an order offset. */
  hasWritten(orderOffset: bigint): boolean;
}

export const orderTopic = 'millrace.order.sim.v1';
export const resultPartitions = 2;
export const startMs = 1_000_000;

/** All of one run. */
export interface World {
  readonly options: SimulationOptions;
  readonly time: VirtualTime;
  readonly random: () => number;
  broker: SimBroker;
  readonly clickhouse: SimClickHouse;
  readonly disk: SimDisk;
  readonly oracles: readonly Oracle[];
  readonly faults: Faults;
  readonly counts: Record<string, number>;
  readonly wrong: Set<string>;
  /** What the first process to fold an entry had as the hash of its outputs. */
  readonly made: Map<string, number>;
  /** Indexes of outputs that were ever appended, by entry. */
  readonly published: Map<string, Set<number>>;
  /** What the ClickHouse sink's group has committed, by partition. */
  committed: Map<string, bigint>;
  readonly members: Member[];
  readonly sinks: SinkMember[];
  /** Group: who the coordinator says owns each shard, and each partition that sinks read. */
  readonly owners: number[];
  sinkOwners: Map<string, number>;
  epoch: EpochOptions;
  isChaos: boolean;
  /** Things are being put right by hand: nobody is restarted, nothing is produced. */
  isHandsOn: boolean;
  ids: number;
  snapshots: number;
  /** The process that saved the last snapshot. */
  lastSaver: string;
}

export interface Member {
  process: SimProcess;
  service: TaskService;
  handlers: MembershipHandlers | null;
  isAssigned: boolean[];
}

export interface SinkMember {
  process: SimProcess;
  loop: SinkLoop;
  handlers: MembershipHandlers | null;
  readonly assigned: Set<string>;
}

const { tumblingMs, hoppingMs, advanceMs, gapMs, reachMs, allowedLatenessMs } = rules;
const oracleRules: OracleRules = {
  ...rules,
  outputs: [
    { output: 'tumbling', sizeMs: tumblingMs, advanceMs: tumblingMs },
    { output: 'hopping', sizeMs: hoppingMs, advanceMs },
  ],
  session: { output: 'session', gapMs, reachMs, allowedLatenessMs },
};

export function createWorld(options: SimulationOptions): World {
  const random = createRandom(options.seed);
  const time = createVirtualTime(startMs);
  const counts: Record<string, number> = {};
  const published: World['published'] = new Map();
  const faults: Faults = {
    random,
    isOn: () => world.isChaos,
    count: (kind) => (counts[kind] = (counts[kind] ?? 0) + 1),
  };
  const broker = createWorldBroker(time, published, options);
  const world: World = {
    ...{ options, time, random, broker, counts, faults, published, isChaos: true, isHandsOn: false, ids: 0 },
    ...{ snapshots: 0, lastSaver: '', committed: new Map(), sinkOwners: new Map() },
    clickhouse: createSimClickHouse(time, faults),
    disk: createSimDisk(faults),
    oracles: Array.from({ length: options.shards }, (_, shard) => new Oracle(broker, orderTopic, shard, oracleRules)),
    wrong: new Set(),
    made: new Map(),
    members: [],
    sinks: [],
    owners: Array.from({ length: options.shards }, () => 0),
    epoch: { current: 1, openNew: false },
  };
  return world;
}

/** A broker with the topics of a run, in which outputs are noted as they land. */
export function createWorldBroker(
  time: VirtualTime,
  published: World['published'],
  options: SimulationOptions,
): SimBroker {
  const results = new Set<string>(Object.values(resultTopics));
  const broker = createSimBroker(time, ({ topic }, { value }) => {
    const at = results.has(topic) && value ? positionOf(value) : null;
    if (!at) return;
    const indexes = published.get(at.entry) ?? new Set();
    published.set(at.entry, indexes.add(at.index));
  });
  broker.createTopic('in', options.shards > 1 ? 4 : 2);
  broker.createTopic(orderTopic, options.shards);
  for (const topic of results) broker.createTopic(topic, resultPartitions);
  return broker;
}

/** Every partition that the ClickHouse sink reads. */
export function sinkPartitions({ broker, options }: World): { readonly topic: string; readonly partition: number }[] {
  const topics: [string, number][] = [
    ['in', broker.count('in')],
    [orderTopic, options.shards],
  ];
  for (const topic of Object.values(resultTopics)) topics.push([topic, resultPartitions]);
  return topics.flatMap(([topic, count]) => Array.from({ length: count }, (_, partition) => ({ topic, partition })));
}

/** All processes stop at once, and the disk loses what was not synced. */
export function powerCut(world: World): void {
  const { members, sinks, disk, faults, isChaos, isHandsOn } = world;
  if (!isChaos || isHandsOn) return;
  for (const { process } of [...members, ...sinks]) process.crash();
  faults.count('power_cut');
  for (let torn = disk.powerCut(); torn > 0; torn--) faults.count('disk_torn');
}
