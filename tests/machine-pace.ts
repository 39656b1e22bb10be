import { execFile } from 'node:child_process';
import { systemClock } from '../telemetry/clock.ts';

/** What an empty Node takes on a machine with nothing else to do, generously. */
const idleNodeMs = 100;

export interface Timed<T> {
  readonly value: T;
  /** How long it took; less where the machine does so much else that even an empty Node is slow. */
  readonly pacedMs: number;
}

/** For the few times that are a promise of the product: an empty Node before and one after tell how fast this machine is just now. */
export async function timed<T>(work: () => Promise<T>): Promise<Timed<T>> {
  const before = await emptyNodeMs();
  const beganMs = systemClock.nowMs();
  const value = await work();
  const tookMs = systemClock.nowMs() - beganMs;
  const slowness = Math.max(before, await emptyNodeMs()) / idleNodeMs;
  return { value, pacedMs: tookMs / Math.max(1, slowness) };
}

function emptyNodeMs(): Promise<number> {
  const beganMs = systemClock.nowMs();
  return new Promise((resolve) =>
    execFile(process.execPath, ['-e', '0'], () => resolve(systemClock.nowMs() - beganMs)),
  );
}
