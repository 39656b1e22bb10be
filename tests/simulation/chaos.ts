import type { SimEvent } from './fold.ts';
import { startMember } from './member.ts';
import { assignSinks, startSink } from './sink-member.ts';
import { orderTopic, powerCut, startMs } from './world.ts';
import type { Member, World } from './world.ts';

/** One ms of the world outside the processes. */
export function step(world: World): void {
  const { random, time, options, members, sinks, isChaos } = world;
  if (!isChaos) {
    if (options.kind === 'group') for (const [i, member] of members.entries()) tellAssignment(world, member, i);
    assignSinks(world, () => true);
    time.at(time.nowMs() + 50, () => step(world));
    return;
  }
  if (world.isHandsOn) {
    if (options.kind === 'group') for (const [i, member] of members.entries()) tellAssignment(world, member, i);
  } else {
    const isQuiet = (time.nowMs() - startMs) % 2_000 > 1_400;
    if (!isQuiet && random() < 0.12) produce(world);
    for (const i of members.keys()) upset(world, i);
    for (const i of sinks.keys()) upsetSink(world, i);
    if (random() < 0.0002) powerCut(world);
    if (options.kind === 'group' && random() < 0.001) rebalance(world);
    if (options.sinks > 1 && random() < 0.001) rebalanceSinks(world);
  }
  if (random() < 0.05) assignSinks(world, () => random() < 0.5);
  time.at(time.nowMs() + 1, () => step(world));
}

/** An event, or its copy, or what is none; late ones, and some from the future. */
function produce(world: World): void {
  const { random, broker, options, faults, time } = world;
  const count = broker.count('in');
  if (options.shards === 1 && count < 3 && random() < 0.004) broker.createTopic('in', 3);
  const number = Math.floor(random() * 4);
  const shard = number % options.shards;
  const inShard = Math.ceil((count - shard) / options.shards);
  const partition = shard + options.shards * Math.floor(random() * inShard);
  const dice = random();
  const lateMs = dice < 0.03 ? 1_500 : 250;
  const event: SimEvent = {
    id: `e${world.ids++}`,
    type: dice > 0.97 ? 'other' : 'sim',
    source: 'shop',
    key: `k${number}`,
    eventTimeMs: time.nowMs() - Math.floor(random() * lateMs) + (dice > 0.96 && dice < 0.965 ? 5_000 : 0),
    amount: Math.floor(random() * 9) - 2,
  };
  const isBad = dice > 0.95 && dice < 0.96;
  const value = Buffer.from(isBad ? 'no event' : JSON.stringify(event));
  broker.append({ topic: 'in', partition }, { key: Buffer.from(event.key), value });
  if (random() < 0.03) {
    faults.count('duplicate_event');
    const again = shard + options.shards * Math.floor(random() * inShard);
    broker.append({ topic: 'in', partition: again }, { key: Buffer.from(event.key), value });
  }
  if (random() < 0.03) {
    faults.count('hole');
    broker.hole({ topic: 'in', partition });
  }
}

function upset(world: World, i: number): void {
  const { random, faults, options } = world;
  const member = world.members[i] as Member; // i is one of its keys
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
    if (process.skew(Math.floor(random() * 400) - 200)) faults.count('clock_back');
  }
  if (options.kind === 'group' && random() < 0.01) tellAssignment(world, member, i);
}

function upsetSink(world: World, i: number): void {
  const { random, faults } = world;
  const { process } = world.sinks[i] as World['sinks'][number]; // i is one of its keys
  if (!process.isUp()) {
    if (random() < 0.01) world.sinks[i] = startSink(world, i);
    return;
  }
  const dice = random();
  if (dice < 0.0004) {
    faults.count('sink_crash');
    process.crash();
  } else if (dice < 0.001) {
    faults.count('sink_pause');
    process.pause(random() * 800);
  }
}

function rebalance(world: World): void {
  const { random, owners, options } = world;
  owners[Math.floor(random() * options.shards)] = Math.floor(random() * options.processes);
  world.faults.count('rebalance');
}

function rebalanceSinks({ sinkOwners, random, options, faults }: World): void {
  for (const name of sinkOwners.keys()) if (random() < 0.5) sinkOwners.set(name, Math.floor(random() * options.sinks));
  faults.count('sink_rebalance');
}

/** A member learns late what the coordinator decided. */
function tellAssignment({ owners, faults }: World, member: Member, i: number): void {
  const { process, handlers, isAssigned } = member;
  for (const [shard, owner] of owners.entries()) {
    const isMine = owner === i;
    if (isMine === (isAssigned[shard] ?? false) || !handlers) continue;
    const isOwner = member.service.status().shards[shard]?.state === 'owner';
    if (!isMine && isOwner) faults.count('zombie');
    isAssigned[shard] = isMine;
    const tp = [{ topic: orderTopic, partition: shard }];
    // What it is told is the newest decision, though pauses may have turned two of them round.
    process.after(1, () => (isAssigned[shard] ? handlers.assigned(tp) : handlers.revoked(tp, 'lost')));
  }
}
