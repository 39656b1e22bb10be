import type { Clock } from '../telemetry/clock.ts';

/** What a task's loop sleeps on: any event wakes it, and so does the time. One waiter. */
export interface Wake {
  /** Ends the wait in progress, or the next one at once. */
  wake(): void;
  wait(maxMs: number): Promise<void>;
}

export function createWake(clock: Pick<Clock, 'sleep'>): Wake {
  let isDue = false;
  let waiting: AbortController | null = null;
  return {
    wake() {
      isDue = true;
      waiting?.abort('woken');
    },
    async wait(maxMs) {
      if (!isDue) {
        waiting = new AbortController();
        await clock.sleep(Math.max(0, maxMs), waiting.signal);
        waiting = null;
      }
      isDue = false;
    },
  };
}
