import type { SimEvent } from './counting-fold.ts';
import { whyNotSettled } from './checks.ts';
import { startMember } from './member.ts';
import type { Oracle } from './oracle.ts';
import { createWorld, orderTopic, startMs } from './world.ts';
import type { Member, SimulationOptions, World } from './world.ts';

export interface SimulationResult {
  /** What went wrong; empty: nothing. */
  readonly wrong: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly entries: number;
  readonly claims: number;
  readonly ignored: number;
  readonly snapshots: number;
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
  while (time.nowMs() < untilMs && wrong.size === 0 && whyNotSettled(world) !== null)
    await time.runUntil(time.nowMs() + 100, () => wrong.size > 0);
  if (wrong.size === 0 && whyNotSettled(world) !== null) wrong.add(`STUCK ${whyNotSettled(world)}`);
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
    // What it is told is the newest decision, though pauses may have turned two of them round.
    process.after(1, () => (isAssigned[shard] ? handlers.assigned(tp) : handlers.revoked(tp, 'lost')));
  }
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
