import { createFsStore } from '../../checkpoints/fs.ts';
import type { CheckpointStore, SnapshotEntry } from '../../checkpoints/store.ts';
import { OperateError, restoreAt } from '../../tasks/operate.ts';
import type { OperateOptions } from '../../tasks/operate.ts';
import { decodeOrderRecord } from '../../tasks/order-codec.ts';
import { createOrderAppender } from '../../tasks/order-log.ts';
import type { ParkCode } from '../../tasks/park.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { createSimSource } from './broker.ts';
import type { Faults } from './broker.ts';
import { madeAt } from './checks.ts';
import { createSimFold } from './fold.ts';
import { startMember } from './member.ts';
import { createSimOrderProducer } from './producers.ts';
import { startSink } from './sink-member.ts';
import { createSimProcess } from './virtual-time.ts';
import { createWorldBroker, orderTopic } from './world.ts';
import type { Disaster, World } from './world.ts';

/**
 * What millrace does not get over by itself, and the operator's step. While an operator is at it nothing else goes wrong:
 * the point is that the task stops where it must, and goes on right when told.
 */
export async function disaster(world: World): Promise<void> {
  const { time, options, wrong } = world;
  const strike = strikes[options.disaster];
  for (const untilMs = time.nowMs() + patienceMs; time.nowMs() < untilMs && wrong.size === 0;) {
    world.isHandsOn = true;
    const hasStruck = await strike(world);
    world.isHandsOn = false;
    if (hasStruck) return;
    await time.runUntil(time.nowMs() + 50, () => wrong.size > 0);
  }
}

/** How long the world goes on until there is enough of it to be lost. */
const patienceMs = 5_000;
/** A partition that ends early is looked at a few times, then the archive is asked, each with its wait. */
const parkedWithinMs = 30_000;
const landedMs = 1_000;

/** Each gives false, with nothing done, when it is too early for it. */
const strikes: Readonly<Record<Disaster, (world: World) => boolean | Promise<boolean>>> = {
  none: () => true,
  new_broker: newBroker,
  log_truncated: truncateLog,
  log_cut: cutLog,
  topic_recreated: recreateTopic,
};

/** The embedded broker's child was killed: everything ends, and a start finds empty topics. */
function newBroker(world: World): boolean {
  const { time, published, options, oracles, members, sinks, faults } = world;
  for (const oracle of oracles) oracle.advance();
  for (const { process } of [...members, ...sinks]) process.crash();
  world.broker.die();
  world.broker = createWorldBroker(time, published, options);
  for (const oracle of oracles) oracle.follow(world.broker);
  world.committed = new Map();
  world.sinkOwners = new Map();
  world.epoch = { current: 2, incarnation: 2, openNew: true, previous: { epoch: 1 } };
  faults.count('new_broker');
  return true;
}

/** The order log loses its end, below the newest snapshot, in an unclean election that takes the processes down as well. */
async function truncateLog(world: World): Promise<boolean> {
  const { random, members } = world;
  const operator = createOperator(world);
  const [newest, older] = await operator.whole();
  if (!newest || !older || newest.orderOffset - older.orderOffset < 2n) return false;
  for (const { process } of members) process.crash();
  // What they were at in this moment still ends.
  await world.time.runUntil(world.time.nowMs() + 2, () => false);
  const span = Number(newest.orderOffset - older.orderOffset);
  await loseEnd(world, operator, 'log_truncated', older.orderOffset + BigInt(Math.floor(random() * span)));
  return true;
}

/** The same, above the newest snapshot: only the archive knows that more was published. */
async function cutLog(world: World): Promise<boolean> {
  const { random, broker, members, made } = world;
  const operator = createOperator(world);
  const [newest] = await operator.whole();
  if (!newest) return false;
  for (const { process } of members) process.crash();
  // Longer than anything is on its way: as many records that land late as were lost would hide it.
  await world.time.runUntil(world.time.nowMs() + landedMs, () => false);
  const tp = { topic: orderTopic, partition: 0 };
  const endOffset = await operator.archivedEnd();
  const span = Number(endOffset - newest.orderOffset);
  const end = newest.orderOffset + BigInt(Math.floor(random() * span));
  const lost = broker.partition(tp).records.filter(({ offset }) => offset >= end && offset < endOffset);
  const hasLost = lost.some(({ offset, value }) => {
    const record = decodeOrderRecord(value);
    return record?.kind === 'entry' && made.has(madeAt(0, world.epoch.current, offset, record.id));
  });
  if (hasLost) await loseEnd(world, operator, 'log_cut', end);
  else startMembers(world);
  return hasLost;
}

/** The order log ends there now: whoever starts stops, until an operator has spoken. */
async function loseEnd(world: World, operator: Operator, what: Disaster, end: bigint): Promise<void> {
  world.broker.truncate({ topic: orderTopic, partition: 0 }, end);
  for (const oracle of world.oracles) oracle.reread();
  world.faults.count(what);
  startMembers(world);
  await expectParked(world, ['log_truncated']);
  await operator.restore(false);
  await restartSinks(world, [`${orderTopic}-0`]);
}

function startMembers(world: World): void {
  for (const i of world.members.keys()) world.members[i] = startMember(world);
}

/** An input topic is deleted and made anew: other records at the same offsets. */
async function recreateTopic(world: World): Promise<boolean> {
  const { broker, faults, oracles } = world;
  const operator = createOperator(world);
  if ((await operator.whole()).length === 0) return false;
  for (const oracle of oracles) oracle.advance();
  if (!oracles[0]?.position('in-0') || !oracles[0].position('in-1')) return false;
  for (const [i, { process }] of world.members.entries()) if (!process.isUp()) world.members[i] = startMember(world);
  broker.recreate('in');
  faults.count('topic_recreated');
  await expectParked(world, ['topic_recreated', 'log_truncated', 'input_lost', 'crc_mismatch']);
  await operator.restore(true);
  world.epoch = { ...world.epoch, incarnation: world.epoch.current };
  for (const { process } of world.members) process.crash();
  startMembers(world);
  await restartSinks(
    world,
    [0, 1, 2].map((partition) => `in-${partition}`),
  );
  return true;
}

/** Nobody goes on as if nothing had happened, and somebody says what it is. */
async function expectParked(world: World, codes: readonly ParkCode[]): Promise<void> {
  const { time, members, wrong } = world;
  const shards = () => members.flatMap(({ service, process }) => (process.isUp() ? service.status().shards : []));
  const isParked = (): boolean => shards().some(({ parked }) => parked && codes.includes(parked.code));
  const untilMs = time.nowMs() + parkedWithinMs;
  while (!isParked() && time.nowMs() < untilMs && wrong.size === 0)
    await time.runUntil(time.nowMs() + 20, () => wrong.size > 0);
  const states = shards().map(({ state, parked, trouble }) => `${state} ${parked?.code ?? trouble ?? ''}`);
  if (!isParked()) wrong.add(`NOT PARKED ${codes.join(' or ')}: ${states.join()}`);
}

/** Where the sink stands is beyond what is there: an operator sets its group back. */
async function restartSinks(world: World, partitions: readonly string[]): Promise<void> {
  const { sinks, time } = world;
  for (const { process } of sinks) process.crash();
  await time.runUntil(time.nowMs() + 5, () => false);
  for (const name of partitions) world.committed.delete(name);
  for (const i of sinks.keys()) sinks[i] = startSink(world, i);
}

interface Operator {
  /** Where the archived order log ends. */
  archivedEnd(): Promise<bigint>;
  /** Snapshots that are whole, newest first. */
  whole(): Promise<readonly SnapshotEntry[]>;
  /** `millrace restore --at` the newest one that the log still has. */
  restore(acceptsGap: boolean): Promise<void>;
}

function createOperator(world: World): Operator {
  const { time, broker, disk, random, wrong } = world;
  const process = createSimProcess(time, 'operator');
  const calm: Faults = { random, isOn: () => false, count: () => {} };
  const tp = { topic: orderTopic, partition: 0 };
  const source = createSimSource(broker, process, calm);
  const opening = createFsStore({
    ...{ folder: '/snapshots', keep: 3, clock: process.clock, logger: silentLogger },
    files: disk.files(process, calm),
  });
  const fold = createSimFold(0, 1, () => undefined);
  /** The simulation's own time has to pass for anything to come. */
  const done = async <T>(what: Promise<T>): Promise<T> => {
    let isDone = false;
    const mark = (): void => void (isDone = true);
    what.then(mark, mark);
    while (!isDone) await time.runUntil(time.nowMs() + 5, () => isDone);
    return what;
  };
  const list = async (store: CheckpointStore): Promise<SnapshotEntry[]> => {
    const whole: SnapshotEntry[] = [];
    for (const entry of await store.list({ pipeline: 'sim', version: 1, shard: 0 }))
      if (await store.load(entry.name)) whole.push(entry);
    return whole;
  };
  return {
    async archivedEnd() {
      for (;;) {
        const bounds = await done(world.clickhouse.archive(1, process).bounds(tp)).catch(() => null);
        if (bounds) return bounds.endOffset;
      }
    },
    whole: () => done(opening.then(list)),
    async restore(acceptsGap) {
      const store = await done(opening);
      let ids = 0;
      const options: OperateOptions = {
        ...{ store, fold, shard: 0, orderPartition: tp, orderSource: source, clock: process.clock },
        logger: silentLogger,
        newId: () => `operator.${world.ids}.${ids++}`,
        appender: createOrderAppender(
          createSimOrderProducer(broker, time, process, calm, () => {}),
          tp,
        ),
      };
      for (const { name } of await done(list(store))) {
        try {
          const { epoch } = await done(restoreAt(options, name, source, { acceptsGap }));
          world.epoch = { current: epoch, incarnation: world.epoch.incarnation ?? 1, openNew: false };
          return;
        } catch (error) {
          // Beyond the end of the log, or let go by retention meanwhile: the one before it.
          const isGone = error instanceof OperateError && (error.code === 'foreign' || error.code === 'unknown');
          if (!isGone) throw error;
        }
      }
      wrong.add('RESTORE finds no snapshot');
    },
  };
}
