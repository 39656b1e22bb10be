import { systemClock } from '../../telemetry/clock.ts';
import { fraction } from '../crash/fraction.ts';
import type { Trial } from '../crash/trial.ts';
import { flowing } from './flow.ts';
import type { Found } from './scenarios.ts';

/** Snapshots as rare as they are by default: what was made since the last one is what a standby has to send first. */
export const standbyEnv = {
  MILLRACE_TASKS_STANDBY: 'true',
  MILLRACE_SNAPSHOTS_STORE: 'clickhouse',
  MILLRACE_SNAPSHOTS_EVERY_MS: '10000',
} as const;

const takeoverMaxMs = 1_000;

/** kill -9 of the owner again and again: how long until the standby's first new result, once the group has given it the task. */
export async function standby(trial: Trial, times: number): Promise<Found> {
  await flowing(trial);
  let [owner, other] = [trial.rig.service, trial.rig.addService()];
  const tookMs: number[] = [];
  for (let i = 0; i < times; i++) {
    other.start();
    await trial.until(
      () => other.status()?.isStandby === true && trial.folded(other) >= trial.folded(owner),
      'the standby follows',
    );
    await systemClock.sleep(2_000 + 8_000 * fraction(trial.options.seed, i), trial.signal);
    await owner.kill('SIGKILL');
    const survivor = other;
    await trial.until(
      () => survivor.status()?.takeoverMs !== null && survivor.status()?.isOwner === true,
      'it took over',
    );
    tookMs.push(survivor.status()?.takeoverMs ?? Infinity);
    [owner, other] = [other, owner];
  }
  const worstMs = Math.max(...tookMs);
  const medianMs = tookMs.toSorted((a, b) => a - b)[Math.floor(times / 2)] ?? 0;
  const faults =
    worstMs > takeoverMaxMs ? [`the first new result came after ${worstMs} ms, ${takeoverMaxMs} are allowed`] : [];
  return { numbers: { kills: times, takeoverMsMedian: medianMs, takeoverMsMax: worstMs }, faults };
}
