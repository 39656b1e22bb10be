import { ownTopics } from '../../cli/start/own-topics.ts';
import { loadConfig } from '../../config/load.ts';
import { failpointNames, type FailpointName } from '../../tasks/failpoint.ts';
import { systemClock } from '../../telemetry/clock.ts';
import type { CrashComparison } from './crash-compare.ts';
import type { Feed } from './crash-feed.ts';
import { fraction } from './fraction.ts';
import { numberedGroup, numberedOrder, numberedTopics } from './rig.ts';
import { runTrial, type Trial, type TrialOptions } from './trial.ts';

export interface CrashOptions extends TrialOptions {
  readonly events: number;
  /** What dies: the service or the ClickHouse child by kill -9, or the service by its own hand at each failpoint in turn. */
  readonly victim: 'service' | 'clickhouse' | 'failpoints';
  /** How often; of failpoints: so often each. */
  readonly kills: number;
}

export interface CrashOutcome extends CrashComparison {
  readonly kills: number;
  readonly elapsedMs: number;
}

/** A kill comes up to so long after its share of the events is folded. */
const delayMaxMs = 400;
/** A death is at most at so many-th passing of a place; of others at the first. */
const passingsMax: Partial<Record<FailpointName, number>> = {
  ...{ 'after-append': 20, 'after-read-back': 20, 'after-fold': 20, 'mid-output': 10, 'after-output': 10 },
  ...{ 'mid-snapshot': 2, 'after-snapshot': 2 },
};
/** So many events each look while the service has not died where it is to. */
const trickleEvents = 10;

/** Numbered events through a service that is killed again and again; in the end every row against the oracle. */
export async function runCrash(options: CrashOptions): Promise<CrashOutcome> {
  const startedMs = systemClock.nowMs();
  const { driven, ...compared } = await runTrial(options, (trial) => killAlong(options, trial));
  return { ...compared, kills: driven, elapsedMs: systemClock.nowMs() - startedMs };
}

/** Feeds and kills; gives how often. Each life has its own share of the events. */
async function killAlong(options: CrashOptions, trial: Trial): Promise<number> {
  const { events, say, victim, kills } = options;
  const { service } = trial.rig;
  trial.needs(events);
  if (victim === 'failpoints') await makeSpareOrderPartition(trial);
  service.start();
  await trial.until(() => service.status()?.isOwner === true, 'the service owns its task');
  const feed = trial.startFeed();
  const deaths = victim === 'failpoints' ? kills * failpointNames.length : kills;
  for (let death = 0; death < deaths; death++) {
    feed.allow(Math.ceil(((death + 1) * events) / (deaths + 1)));
    if (victim === 'failpoints') await dieAtFailpoint(options, trial, feed, death);
    else await dieByKill(options, trial, feed, (death + fraction(options.seed, 1_000_000 + death)) / (deaths + 1));
    if ((death + 1) % 10 === 0) say(`${death + 1} of ${deaths} killed, ${feed.sent()} events sent`);
  }
  return deaths;
}

/** A second member of the group can be given only what no task is behind: a partition more than there are tasks. */
async function makeSpareOrderPartition({ rig }: Trial): Promise<void> {
  const own = ownTopics(loadConfig({ file: undefined, env: {} }), [{ ...numberedTopics, shards: 2 }]);
  await rig.kafka.admin?.createTopics(own.filter(({ topic }) => topic === numberedOrder));
}

/** kill -9 when that part of all events is folded, and a little later. */
async function dieByKill(
  { events, seed, victim }: CrashOptions,
  trial: Trial,
  feed: Feed,
  part: number,
): Promise<void> {
  const { service, clickhouse } = trial.rig;
  const moment = Math.round(part * events);
  await trial.until(() => trial.folded() >= moment || feed.sent() >= events, `${moment} records are folded`);
  await systemClock.sleep(delayMaxMs * fraction(seed, 2_000_000 + moment), trial.signal);
  if (victim === 'service') {
    await service.kill();
    service.start();
    return;
  }
  await trial.until(() => clickhouse.pid() !== null, 'ClickHouse is up');
  process.kill(clickhouse.pid() ?? 0, 'SIGKILL');
}

/** The service is started so that it kills itself at the next failpoint, and goes on until it has. */
async function dieAtFailpoint({ seed }: CrashOptions, trial: Trial, feed: Feed, death: number): Promise<void> {
  const { service, kafka } = trial.rig;
  const name = failpointNames[death % failpointNames.length] ?? 'after-fold';
  const passing = 1 + Math.floor(fraction(seed, death) * (passingsMax[name] ?? 1));
  await service.kill();
  service.start(`${name}:${passing}`);
  if (name === 'in-revoke') {
    // Nothing is revoked by itself: a second member joins, and what it is given is taken from the first.
    await trial.until(() => service.status()?.isOwner === true || !service.isRunning(), 'the service owns its task');
    const joining = {
      groupId: numberedGroup,
      topics: [numberedOrder],
      kind: 'group',
      sessionTimeoutMs: 2_000,
    } as const;
    const member = await kafka.membership(joining);
    await member.start({ assigned: () => {}, revoked: () => {}, failed: () => {} });
    await trial.until(() => !service.isRunning(), `it dies at ${name}`);
    await member.close();
    return;
  }
  // A place where nothing happens without records needs some.
  const isDead = (): boolean => {
    if (service.status()?.isOwner === true) feed.allow(feed.sent() + trickleEvents);
    return !service.isRunning();
  };
  await trial.until(isDead, `it dies at ${name}:${passing}`);
}
