import type { Feed } from '../crash/crash-feed.ts';
import type { ServiceProcess } from '../crash/service-process.ts';
import type { Trial } from '../crash/trial.ts';
import type { RealKafka } from '../kafka/broker.ts';
import { systemClock } from '../../telemetry/clock.ts';

const usualRate = 1_500;
const stepMs = 100;

export function brokerOf({ rig }: Trial): RealKafka {
  if (rig.broker === null) throw new Error('this needs a real broker');
  return rig.broker;
}

/** The service runs and owns its task, and events flow at an even pace until the trial is over. */
export async function flowing(trial: Trial, ratePerSecond = usualRate): Promise<Feed> {
  const { service } = trial.rig;
  service.start();
  await owns(trial, service);
  return flow(trial, ratePerSecond);
}

/** Events at an even pace until the trial is over; what a broker that was away has missed follows at once. */
export function flow(trial: Trial, ratePerSecond = usualRate): Feed {
  const feed = trial.startFeed();
  const sinceMs = systemClock.nowMs();
  void (async () => {
    while (!trial.signal.aborted && !feed.isFinished()) {
      feed.allow(Math.floor(((systemClock.nowMs() - sinceMs) * ratePerSecond) / 1_000));
      await systemClock.sleep(stepMs, trial.signal);
    }
  })();
  return feed;
}

/** Throws where it ends instead. */
export const owns = (trial: Trial, service: ServiceProcess): Promise<void> =>
  trial.until(() => {
    if (!service.isRunning()) throw new Error('the service ended before it owned the task');
    return service.status()?.isOwner === true;
  }, 'a service owns the task');

/** How long until more is folded than now. */
export async function untilFolding(trial: Trial): Promise<number> {
  const sinceMs = systemClock.nowMs();
  const before = folded(trial);
  await trial.until(() => folded(trial) > before, 'folding goes on');
  return systemClock.nowMs() - sinceMs;
}

/** As the instance that is furthest says. */
export const folded = (trial: Trial): number => Math.max(...trial.rig.services.map((service) => trial.folded(service)));
