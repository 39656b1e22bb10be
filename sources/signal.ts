/**
 * Wakes those who wait for something to become true. Guarantees no lost wake-up: the condition is asked before and after
 * every `notify`. Nothing is delivered, so nothing can be delivered twice.
 */
export interface Signal {
  /** Something may have changed. */
  readonly notify: () => void;
  /** True as soon as `isReady()`, false after `maxWaitMs`. */
  readonly wait: (isReady: () => boolean, maxWaitMs: number) => Promise<boolean>;
}

/** A signal that nobody waits for yet. */
export function createSignal(): Signal {
  const waiting = new Set<() => void>();
  return {
    notify: () => {
      for (const wake of [...waiting]) wake();
    },
    wait: (isReady, maxWaitMs) =>
      new Promise((resolve) => {
        if (isReady()) return resolve(true);
        const done = (result: boolean): void => {
          clearTimeout(timer);
          waiting.delete(wake);
          resolve(result);
        };
        const wake = (): void => void (isReady() && done(true));
        const timer = setTimeout(() => done(isReady()), maxWaitMs);
        waiting.add(wake);
      }),
  };
}
