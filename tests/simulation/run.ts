import { step } from './chaos.ts';
import { checkSettled, whyNotSettled } from './checks.ts';
import { disaster } from './disasters.ts';
import { startMember } from './member.ts';
import { startSink } from './sink-member.ts';
import { createWorld, startMs } from './world.ts';
import type { SimulationOptions, World } from './world.ts';

export interface SimulationResult {
  /** What went wrong; empty: nothing. */
  readonly wrong: readonly string[];
  readonly faults: Readonly<Record<string, number>>;
  readonly entries: number;
  readonly claims: number;
  readonly ignored: number;
  readonly snapshots: number;
  readonly rows: number;
}

/** Runs the real task, pipeline, snapshot and sink code of several processes in a simulated world; the seed decides everything. */
export async function simulate(options: SimulationOptions): Promise<SimulationResult> {
  const world = createWorld(options);
  const { time, members, sinks, wrong } = world;
  for (let i = 0; i < options.processes; i++) members.push(startMember(world));
  for (let i = 0; i < options.sinks; i++) sinks.push(startSink(world, i));
  time.at(startMs, () => step(world));
  const disasterMs = options.disaster === 'none' ? options.chaosMs : options.chaosMs * (0.4 + 0.3 * world.random());
  await time.runUntil(startMs + disasterMs, () => wrong.size > 0);
  if (wrong.size === 0) await disaster(world);
  await time.runUntil(Math.max(startMs + options.chaosMs, time.nowMs() + 200), () => wrong.size > 0);
  world.isChaos = false;
  restartAll(world);
  await settle(world);
  if (wrong.size === 0) checkSettled(world);
  if (wrong.size === 0) await drainAll(world);
  return resultOf(world);
}

const settleMs = 40_000;

async function settle(world: World): Promise<void> {
  const { time, wrong } = world;
  const untilMs = time.nowMs() + settleMs;
  let why = whyNotSettled(world);
  while (why !== null && wrong.size === 0 && time.nowMs() < untilMs) {
    await time.runUntil(time.nowMs() + 100, () => wrong.size > 0);
    why = whyNotSettled(world);
  }
  if (wrong.size === 0 && why !== null) wrong.add(`STUCK ${why}`);
}

function restartAll(world: World): void {
  for (const [i, { process }] of world.members.entries()) if (!process.isUp()) world.members[i] = startMember(world);
  for (const [i, { process }] of world.sinks.entries()) if (!process.isUp()) world.sinks[i] = startSink(world, i);
}

function resultOf({ wrong, counts, oracles, snapshots }: World): SimulationResult {
  const sum = (of: (oracle: World['oracles'][number]) => number): number =>
    oracles.reduce((total, oracle) => total + of(oracle), 0);
  const faults = {
    ...counts,
    entry_doubled: sum((oracle) => oracle.copies),
    claim_raced: sum((oracle) => oracle.claimsLost),
  };
  return {
    wrong: [...wrong],
    faults,
    entries: sum((oracle) => oracle.entries()),
    claims: sum((oracle) => oracle.claims),
    ignored: sum((oracle) => oracle.ignored),
    snapshots,
    rows: sum((oracle) => oracle.rows().length),
  };
}

/** After all that, everyone drains in turn; whoever owned leaves a snapshot of the whole log. */
async function drainAll({ members, sinks, time, wrong }: World): Promise<void> {
  for (const { service } of members) {
    const wasOwner = service.status().shards.some(({ state }) => state === 'owner');
    let isDone = false;
    void service.drain().then(() => (isDone = true));
    await time.runUntil(time.nowMs() + 20_000, () => isDone);
    if (!isDone) wrong.add('DRAIN does not end');
    const left = service.status().shards.filter(({ state }) => state !== 'stopped' && state !== 'parked');
    if (wasOwner && left.length > 0) wrong.add(`DRAIN leaves ${left.map(({ state }) => state).join()}`);
  }
  for (const { loop } of sinks) {
    let isDone = false;
    void loop.drain().then(() => (isDone = true));
    await time.runUntil(time.nowMs() + 20_000, () => isDone);
    if (!isDone || loop.status().state !== 'stopped') wrong.add('DRAIN of a sink does not end');
  }
}
