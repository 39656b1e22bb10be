// When an event of a replayed file is due: event time runs `speed` times as fast as the clock, from the first event on. What is
// behind is due at once, so that a stall is caught up and order is kept.
import type { Clock } from '../../telemetry/clock.ts';

export interface Pace {
  /** How long until an event of that time is due; 0 when it is. The first call sets the start. */
  waitMs(eventTimeMs: number): number;
  /** Resolves when it is due, or stopped. */
  wait(eventTimeMs: number): Promise<void>;
}

/** Shorter waits than a timer keeps well are not waited. */
const shortestWaitMs = 5;

/** `max` never waits. */
export function createPace(speed: number | 'max', clock: Clock, signal?: AbortSignal): Pace {
  let start: { readonly clockMs: number; readonly eventTimeMs: number } | null = null;
  const waitMs = (eventTimeMs: number): number => {
    if (speed === 'max') return 0;
    start ??= { clockMs: clock.nowMs(), eventTimeMs };
    const left = start.clockMs + (eventTimeMs - start.eventTimeMs) / speed - clock.nowMs();
    return left < shortestWaitMs ? 0 : left;
  };
  return {
    waitMs,
    wait: async (eventTimeMs) => {
      // A timer holds 2^31 ms at most: longer waits are taken in parts.
      for (let left = waitMs(eventTimeMs); left > 0 && !signal?.aborted; left = waitMs(eventTimeMs))
        await clock.sleep(Math.min(left, 86_400_000), signal);
    },
  };
}
