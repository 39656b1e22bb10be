import { createFsStore } from '../../checkpoints/fs.ts';
import type { PipelineTopics } from '../../events/topics.ts';
import { systemClock } from '../../telemetry/clock.ts';
import { silentLogger } from '../../telemetry/logger.ts';
import { fraction } from '../crash/fraction.ts';
import { numberedOrder, numberedTopics, sessionTimeoutMs } from '../crash/rig.ts';
import type { Trial } from '../crash/trial.ts';
import { type Timed, timed } from '../machine-pace.ts';
import { brokerOf, flow, flowing, owns, untilFolding } from './flow.ts';
import { rekey, rekeyEnv, rekeyPipelines } from './rekey.ts';
import { scaleOut, scaleOutEnv } from './scale-out.ts';
import { standby, standbyEnv } from './standby.ts';

/** What a scenario found besides whether the rows are right; what is not as it must be makes it fail. */
export interface Found {
  readonly numbers: Readonly<Record<string, number>>;
  readonly faults: readonly string[];
}

/** One kind of failure, on a rig with a real broker. `scale` 1: as often and as long as the whole run does it. */
export interface Scenario {
  readonly name: string;
  readonly hasProxy?: boolean;
  /** More of the services' environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** What they run, where it is not the numbered pipeline alone. */
  readonly pipelines?: readonly PipelineTopics[];
  run(trial: Trial, scale: number): Promise<Found>;
}

/** On a machine with nothing else to do: what is judged by it is measured by `timed`. */
const resumeMaxMs = 15_000;
const drainMaxMs = 10_000;
const flowsAfterMs = 10_000;
/** Events a second: on a slow machine two hundred starts take long, and every event is compared in the end. */
const drainsRate = 300;

export const scenarios: readonly Scenario[] = [
  { name: 'broker-sigterm', run: (trial, scale) => broker(trial, 'SIGTERM', rounds(5, scale)) },
  { name: 'broker-sigkill', run: (trial, scale) => broker(trial, 'SIGKILL', rounds(5, scale)) },
  { name: 'broker-absent', run: (trial, scale) => absent(trial, 60_000 * scale) },
  { name: 'stopped-instance', run: (trial) => stopped(trial) },
  { name: 'rebalance-storm', run: (trial, scale) => storm(trial, 180_000 * scale) },
  { name: 'dropped-bytes', hasProxy: true, run: (trial, scale) => dropped(trial, 90_000 * scale) },
  { name: 'scale-out', env: scaleOutEnv, run: (trial, scale) => scaleOut(trial, 30_000 * scale) },
  {
    ...{ name: 'rekey', env: rekeyEnv, pipelines: rekeyPipelines },
    run: (trial, scale) => rekey(trial, rounds(10, scale)),
  },
  { name: 'standby', env: standbyEnv, run: (trial, scale) => standby(trial, rounds(10, scale)) },
  { name: 'drains', run: (trial, scale) => drains(trial, rounds(200, scale)) },
];

const rounds = (all: number, scale: number): number => Math.max(1, Math.round(all * scale));

async function broker(trial: Trial, signal: 'SIGTERM' | 'SIGKILL', times: number): Promise<Found> {
  await flowing(trial);
  const resumed: Timed<number>[] = [];
  for (let i = 0; i < times; i++) {
    await systemClock.sleep(2_000 + 2_000 * fraction(trial.options.seed, i), trial.signal);
    await brokerOf(trial).halt(signal);
    await systemClock.sleep(1_000, trial.signal);
    await brokerOf(trial).resume();
    resumed.push(await timed(() => untilFolding(trial)));
  }
  const worstMs = Math.max(...resumed.map(({ value }) => value));
  return { numbers: { restarts: times, resumedAfterMsMax: worstMs }, faults: resumed.flatMap(lateFault) };
}

const lateFault = ({ value, pacedMs }: Timed<number>): string[] =>
  pacedMs > resumeMaxMs ? [`resumed after ${value} ms, ${resumeMaxMs} are allowed`] : [];

/** The broker is not there when the service starts. */
async function absent(trial: Trial, awayMs: number): Promise<Found> {
  const { service } = trial.rig;
  await brokerOf(trial).halt('SIGTERM');
  service.start();
  await systemClock.sleep(awayMs, trial.signal);
  const waited = service.isRunning();
  await brokerOf(trial).resume();
  const sinceMs = systemClock.nowMs();
  await owns(trial, service);
  const ownedMs = systemClock.nowMs() - sinceMs;
  flow(trial);
  await untilFolding(trial);
  await systemClock.sleep(flowsAfterMs, trial.signal);
  const faults = [
    ...(waited ? [] : ['the service did not wait for the broker']),
    ...(ownedMs > resumeMaxMs
      ? [`owned its task ${ownedMs} ms after the broker came, ${resumeMaxMs} are allowed`]
      : []),
  ];
  return { numbers: { awayMs, ownedAfterMs: ownedMs }, faults };
}

/** The owner stands still for three session time-outs: another takes over, and the first one's word counts no more. */
async function stopped(trial: Trial): Promise<Found> {
  await flowing(trial);
  const [first, second] = [trial.rig.service, trial.rig.addService()];
  second.start();
  await trial.until(() => second.status() !== null, 'the second one runs');
  await systemClock.sleep(3_000, trial.signal);
  const [owner, other] = first.status()?.isOwner ? [first, second] : [second, first];
  owner.signal('SIGSTOP');
  const sinceMs = systemClock.nowMs();
  await trial.until(() => other.status()?.isOwner === true, 'the other one takes over');
  const takenMs = systemClock.nowMs() - sinceMs;
  await systemClock.sleep(Math.max(0, 3 * sessionTimeoutMs - takenMs), trial.signal);
  owner.signal('SIGCONT');
  await systemClock.sleep(3_000, trial.signal);
  await untilFolding(trial);
  return { numbers: { takenOverAfterMs: takenMs }, faults: [] };
}

/** One of three instances joins or leaves every 2 s, the owner as often as the others. */
async function storm(trial: Trial, lastsMs: number): Promise<Found> {
  await flowing(trial);
  const { seed } = trial.options;
  const services = [trial.rig.service, trial.rig.addService(), trial.rig.addService()];
  const untilMs = systemClock.nowMs() + lastsMs;
  let owner = trial.rig.service;
  let [changes, ownerChanges] = [0, 0];
  for (; systemClock.nowMs() < untilMs; changes++) {
    const here = services.filter((service) => service.isRunning());
    const away = services.filter((service) => !service.isRunning());
    const leaves = away.length === 0 || (here.length > 1 && fraction(seed, 2 * changes) < 0.5);
    const pool = leaves ? here : away;
    const one = pool[Math.floor(fraction(seed, 2 * changes + 1) * pool.length)];
    if (leaves) void one?.kill(changes % 3 === 0 ? 'SIGKILL' : 'SIGTERM');
    else one?.start();
    await systemClock.sleep(2_000, trial.signal);
    trial.check('the storm');
    const now = services.find((service) => service.status()?.isOwner && service !== owner);
    if (now && !owner.status()?.isOwner) [owner, ownerChanges] = [now, ownerChanges + 1];
  }
  if (services.every((service) => !service.isRunning())) trial.rig.service.start();
  const calmMs = await untilFolding(trial);
  return { numbers: { changes, ownerChanges, foldsAfterMs: calmMs }, faults: [] };
}

/** Nothing gets through between service and broker. */
async function dropped(trial: Trial, lastsMs: number): Promise<Found> {
  await flowing(trial);
  await systemClock.sleep(3_000, trial.signal);
  trial.rig.proxy?.drop();
  await systemClock.sleep(lastsMs, trial.signal);
  trial.rig.proxy?.heal();
  const resumed = await timed(() => untilFolding(trial));
  return { numbers: { droppedMs: lastsMs, resumedAfterMs: resumed.value }, faults: lateFault(resumed) };
}

/** SIGTERM again and again: how long it takes, and whether the next start has anything to fold again. */
async function drains(trial: Trial, times: number): Promise<Found> {
  await flowing(trial, drainsRate);
  const { service, snapshotsDir, kafka } = trial.rig;
  const store = await createFsStore({ folder: snapshotsDir, keep: 3, clock: systemClock, logger: silentLogger });
  const reader = await kafka.reader();
  let [worstMs, totalMs, clean] = [0, 0, 0];
  for (let i = 0; i < times; i++) {
    await owns(trial, service);
    await systemClock.sleep(500 * fraction(trial.options.seed, i), trial.signal);
    const sinceMs = systemClock.nowMs();
    await service.kill('SIGTERM');
    const tookMs = systemClock.nowMs() - sinceMs;
    [worstMs, totalMs] = [Math.max(worstMs, tookMs), totalMs + tookMs];
    trial.progress();
    const [newest] = await store.list({ pipeline: numberedTopics.name, version: numberedTopics.version, shard: 0 });
    const { endOffset } = await reader.bounds({ topic: numberedOrder, partition: 0 });
    if (newest?.orderOffset === endOffset) clean += 1;
    service.start();
    if ((i + 1) % 20 === 0) trial.options.say(`${i + 1} of ${times} drains, the longest ${worstMs} ms`);
  }
  await reader.close();
  const faults = [
    ...(worstMs > drainMaxMs ? [`a drain took ${worstMs} ms, ${drainMaxMs} are allowed`] : []),
    ...(clean < 0.9 * times ? [`${times - clean} of ${times} starts had something to fold again`] : []),
  ];
  return {
    numbers: { drains: times, drainMsMean: Math.round(totalMs / times), drainMsMax: worstMs, withoutRefolding: clean },
    faults,
  };
}
