import type { CheckpointStore } from '../../checkpoints/store.ts';
import { CheckpointError } from '../../checkpoints/store.ts';
import { createMemoryStore } from '../../checkpoints/memory.ts';
import type { MemoryStore } from '../../checkpoints/memory.ts';
import type { Membership, MembershipHandlers, OutMessage } from '../../kafka/contract.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createMetrics } from '../../telemetry/metrics.ts';
import type { FoldEntry } from '../contract.ts';
import type { TaskSeams } from '../options.ts';
import { createTaskService } from '../service.ts';
import type { TaskService } from '../service.ts';
import { createSimBroker, createSimOrderProducer, createSimProducer, createSimSource } from './broker.ts';
import type { Faults, SimBroker } from './broker.ts';
import { createCountingFold, resultTopic } from './counting-fold.ts';
import type { SimEvent, SimResult } from './counting-fold.ts';
import { consumed, createOracle } from './oracle.ts';
import type { Oracle } from './oracle.ts';
import { createRandom, createSimProcess, createVirtualTime } from './virtual-time.ts';
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

export interface SimulationResult {
  /** What went wrong; empty: nothing. */
  readonly wrong: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly entries: number;
  readonly claims: number;
  readonly ignored: number;
  readonly snapshots: number;
}

const orderTopic = 'order';
const resultPartitions = 2;
const startMs = 1_000_000;

/** All of one run. */
interface World {
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

interface Member {
  process: SimProcess;
  service: TaskService;
  handlers: MembershipHandlers | null;
  isAssigned: boolean[];
}

/** Runs the real task code of several processes against simulated Kafka, clocks and snapshots; the seed decides everything. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const world = createWorld(options);
  const { time, members, wrong, oracles } = world;
  for (let i = 0; i < options.processes; i++) members.push(startMember(world));
  time.at(startMs, () => step(world));
  await time.runUntil(startMs + options.chaosMs, () => wrong.size > 0);
  world.isChaos = false;
  for (const [i, member] of members.entries()) if (!member.process.isUp()) members[i] = startMember(world);
  const untilMs = time.nowMs() + settleMs;
  while (time.nowMs() < untilMs && wrong.size === 0 && !isSettled(world))
    await time.runUntil(time.nowMs() + 100, () => wrong.size > 0);
  if (wrong.size === 0 && !isSettled(world)) wrong.add(`STUCK ${whyNotSettled(world)}`);
  if (wrong.size === 0) await drainAll(world);
  const sum = (of: (oracle: Oracle) => number): number => oracles.reduce((total, oracle) => total + of(oracle), 0);
  return {
    wrong: [...wrong],
    faults: world.counts,
    entries: sum((oracle) => Number(oracle.nextOffset())),
    claims: sum((oracle) => oracle.claims()),
    ignored: sum((oracle) => oracle.ignored()),
    snapshots: world.snapshots,
  };
}

const settleMs = 40_000;

function createWorld(options: SimulationOptions): World {
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

/** One ms of the world outside the processes. */
function step(world: World): void {
  const { random, time, broker, options, members, isChaos } = world;
  if (!isChaos) {
    if (options.kind === 'group') for (const [i, member] of members.entries()) tellAssignment(world, member, i);
    if (members.length > 0) time.at(time.nowMs() + 50, () => step(world));
    return;
  }
  const count = broker.count('in');
  const isQuiet = (time.nowMs() - startMs) % 2_000 > 1_400;
  if (!isQuiet && random() < 0.25) {
    const event: SimEvent = {
      key: `k${Math.floor(random() * 4)}`,
      amount: Math.floor(random() * 9) - 2,
      eventTimeMs: time.nowMs() - Math.floor(random() * 500),
    };
    const partition = Math.floor(random() * count);
    broker.append(
      { topic: 'in', partition },
      { key: Buffer.from(event.key), value: Buffer.from(JSON.stringify(event)) },
    );
    if (random() < 0.03) broker.hole({ topic: 'in', partition });
  }
  if (options.shards === 1 && count < 3 && random() < 0.0005) broker.createTopic('in', 3);
  for (const [i, member] of members.entries()) upset(world, member, i);
  if (options.kind === 'group' && random() < 0.001) rebalance(world);
  time.at(time.nowMs() + 1, () => step(world));
}

function upset(world: World, member: Member, i: number): void {
  const { random, faults, options } = world;
  const { process } = member;
  if (!process.isUp()) {
    if (random() < 0.01) world.members[i] = startMember(world);
    return;
  }
  const dice = random();
  if (dice < 0.0006) {
    faults.count('crash');
    process.crash();
  } else if (dice < 0.0012) {
    faults.count('pause');
    process.pause(random() * 1_200);
  } else if (dice < 0.0016) {
    faults.count('clock');
    process.skew(Math.floor(random() * 400) - 200);
  }
  if (options.kind === 'group' && random() < 0.01) tellAssignment(world, member, i);
}

function rebalance(world: World): void {
  const { random, owners, options } = world;
  owners[Math.floor(random() * options.shards)] = Math.floor(random() * options.processes);
  world.faults.count('rebalance');
}

/** A member learns late what the coordinator decided. */
function tellAssignment({ owners }: World, member: Member, i: number): void {
  const { process, handlers, isAssigned } = member;
  for (const [shard, owner] of owners.entries()) {
    const isMine = owner === i;
    if (isMine === isAssigned[shard] || !handlers) continue;
    isAssigned[shard] = isMine;
    const tp = [{ topic: orderTopic, partition: shard }];
    process.after(1, () => (isMine ? handlers.assigned(tp) : handlers.revoked(tp, 'lost')));
  }
}

function startMember(world: World): Member {
  const { time, broker, faults, options, random } = world;
  const process = createSimProcess(time, `p${Math.floor(random() * 1e9)}`);
  const member: Member = { process, service: undefined as unknown as TaskService, handlers: null, isAssigned: [] };
  const sent: Uint8Array[][] = Array.from({ length: options.shards }, () => []);
  const onSend = ({ partition, value }: OutMessage): void => void (value && sent[partition]?.push(value));
  const slow = createRandom(Math.floor(random() * 2 ** 31));
  member.service = createTaskService({
    createFold: (shard) => createCountingFold((entry, chain) => checkChain(world, shard, entry, chain)),
    shards: options.shards,
    membership: createMembership(world, member),
    orderTopic,
    startFrom: 'earliest',
    epoch: { current: 1, openNew: false },
    inputs: createSimSource(broker, process, faults),
    order: createSimSource(broker, process, faults),
    producer: createSimProducer(broker, time, process, faults),
    orderProducer: createSimOrderProducer(broker, time, process, faults, onSend),
    partitionFor: (_topic, key) => key.charCodeAt(1) % resultPartitions,
    store: createSimStore(world, process),
    clock: process.clock,
    random: slow,
    logger: silentLogger,
    metrics: createMetrics(),
    tuning: { ...tuning, pipelineDepth: options.depth },
    seams: options.mutant?.((shard) => sent[shard] ?? []),
  });
  void member.service.start();
  return member;
}

const tuning = {
  entryRecordsMax: 40,
  idleMs: 300,
  tickMs: 150,
  ownerHeartbeatMs: 250,
  ownerSilenceMs: 900,
  reclaimMaxMs: 300,
  starvedWaitMs: 30,
  partitionCheckMs: 400,
  snapshotEveryMs: 300,
  clockSkewMaxMs: null,
};

function createMembership({ options }: World, member: Member): Membership {
  return {
    kind: options.kind,
    start(handlers) {
      member.handlers = handlers;
      const all = Array.from({ length: options.shards }, (_, partition) => ({ topic: orderTopic, partition }));
      if (options.kind === 'solo') member.process.after(2, () => handlers.assigned(all));
      return Promise.resolve();
    },
    commit: () => new Promise((resolve) => member.process.after(2, resolve)),
    committed: () => Promise.resolve([]),
    close: () => Promise.resolve(),
  };
}

/** Everyone who folds an entry must have seen the same up to it, and it must be what the oracle made of it. */
function checkChain(world: World, shard: number, entry: FoldEntry, chain: number): void {
  const at = `${shard}@${entry.orderOffset}`;
  const first = world.chains.get(at);
  if (first === undefined) world.chains.set(at, chain);
  else if (first !== chain) world.wrong.add(`DIVERGED at ${at}`);
  const oracle = world.oracles[shard];
  oracle?.advance();
  if (oracle?.chainAt(entry.orderOffset) !== chain) world.wrong.add(`ORACLE differs at ${at}`);
}

/** Shared by all processes; a save may be slow, refused, or come after the crash; a snapshot may rot. */
function createSimStore(world: World, process: SimProcess): CheckpointStore {
  const { store, faults, time } = world;
  const later = <T>(value: () => Promise<T>): Promise<T> =>
    new Promise((resolve, reject) => process.after(1 + faults.random() * 3, () => void value().then(resolve, reject)));
  return {
    list: (task) => later(() => store.list(task)),
    load: (name) => later(() => store.load(name)),
    close: () => Promise.resolve(),
    save(id, bytes) {
      checkOutputs(world, id.shard, id.orderOffset);
      const isRefused = faults.isOn() && faults.random() < 0.1;
      return new Promise((resolve, reject) => {
        time.at(time.nowMs() + faults.random() * 60, () => {
          if (isRefused) {
            faults.count('disk_full');
            process.after(1, () => reject(new CheckpointError('full', 'simulated')));
            return;
          }
          void store.save(id, bytes).then((entry) => {
            world.snapshots++;
            if (faults.isOn() && faults.random() < 0.05) {
              faults.count('rot');
              store.damage(entry.name);
            }
            process.after(1, () => resolve(entry));
          });
        });
      });
    },
  };
}

const resultId = (shard: number, { orderOffset, index }: SimResult): string => `${shard}/${orderOffset}/${index}`;

/** No snapshot is ahead of the outputs that the broker has. */
function checkOutputs(world: World, shard: number, orderOffset: bigint): void {
  if (world.options.shards > 1) return;
  const present = new Set(consumed(world.broker, resultPartitions).map((result) => resultId(shard, result)));
  const oracle = world.oracles[shard];
  oracle?.advance();
  for (const result of oracle?.results() ?? [])
    if (result.orderOffset < Number(orderOffset) && !present.has(resultId(shard, result)))
      world.wrong.add(`SNAPSHOT at ${orderOffset} without output ${result.orderOffset}/${result.index}`);
}

const isSettled = (world: World): boolean => whyNotSettled(world) === null;

/** Null once everything is ordered, and what the consumers hold is what the oracle says. */
function whyNotSettled({ oracles, broker, options, members }: World): string | null {
  for (const oracle of oracles) oracle.advance();
  for (let partition = 0; partition < broker.count('in'); partition++) {
    const position = oracles[partition % options.shards]?.position(`in-${partition}`);
    if (position !== broker.partition({ topic: 'in', partition }).endOffset)
      return `in-${partition} is ordered up to ${position}`;
  }
  for (const member of members) {
    const parked = member.service.status().shards.find((shard) => shard.parked);
    if (parked) return `parked: ${parked.parked?.code} ${parked.parked?.message}`;
  }
  if (options.shards > 1)
    return tableOf(oracles.flatMap((o) => o.results())) === tableOf(allResults(broker)) ? null : 'TABLE';
  const expected = oracles[0]?.results() ?? [];
  const byPartition = [...expected].sort(
    (a, b) => partitionOf(a) - partitionOf(b) || a.orderOffset - b.orderOffset || a.index - b.index,
  );
  if (JSON.stringify(byPartition) !== JSON.stringify(consumed(broker, resultPartitions))) return 'RESULTS differ';
  return tableOf(expected) === tableOf(allResults(broker)) ? null : 'TABLE';
}

const partitionOf = ({ key }: SimResult): number => key.charCodeAt(1) % resultPartitions;

function allResults(broker: SimBroker): SimResult[] {
  return Array.from(
    { length: resultPartitions },
    (_, partition) => broker.partition({ topic: resultTopic, partition }).records,
  )
    .flat()
    .map(({ value }) => JSON.parse(Buffer.from(value ?? []).toString()) as SimResult);
}

/** As a store that is idempotent by identity and revision sees it; shards have keys in common, so the position tells rows apart. */
function tableOf(results: readonly SimResult[]): string {
  const rows = new Set(results.map((result) => JSON.stringify(result)));
  return JSON.stringify([...rows].sort());
}

/** After all that, everyone drains in turn; whoever owned leaves a snapshot of the whole log. */
async function drainAll({ members, time, wrong }: World): Promise<void> {
  for (const { service } of members) {
    const wasOwner = service.status().shards.some(({ state }) => state === 'owner');
    let isDone = false;
    void service.drain().then(() => (isDone = true));
    await time.runUntil(time.nowMs() + 20_000, () => isDone);
    if (!isDone) wrong.add('DRAIN does not end');
    const left = service.status().shards.filter(({ state }) => state !== 'stopped' && state !== 'parked');
    if (wasOwner && left.length > 0) wrong.add(`DRAIN leaves ${left.map(({ state }) => state).join()}`);
  }
}
