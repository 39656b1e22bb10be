import type { Clock, SleepSignal } from '../telemetry/clock.ts';

/** What a task's loop sleeps on: any event wakes it, and so does the time. One waiter. */
export interface Wake {
  /** Ends the wait in progress, or the next one at once. */
  wake(): void;
  wait(maxMs: number): Promise<void>;
}

export function createWake(clock: Pick<Clock, 'sleep'>): Wake {
  let isDue = false;
  let waiting: Alarm | null = null;
  return {
    wake() {
      isDue = true;
      waiting?.ring();
    },
    async wait(maxMs) {
      if (!isDue) {
        waiting = new Alarm();
        await clock.sleep(Math.max(0, maxMs), waiting);
        waiting = null;
      }
      isDue = false;
    },
  };
}

/** An abort signal for one sleep: an `AbortController` is ten times as dear, and a task sleeps some times an entry. */
class Alarm implements SleepSignal {
  aborted = false;
  private listener: (() => void) | undefined;

  ring(): void {
    this.aborted = true;
    this.listener?.();
  }

  addEventListener(_type: 'abort', listener: () => void): void {
    this.listener = listener;
  }

  removeEventListener(): void {
    this.listener = undefined;
  }
}
