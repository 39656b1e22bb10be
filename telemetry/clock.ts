/** The only place that reads wall time. Everything else is handed a `Clock`, so that a test owns time. */
export interface Clock {
  /** Wall time in ms since 1970 (processing time). */
  nowMs(): number;
  /** Resolves after `ms`, earlier (never rejecting) when `signal` aborts. */
  sleep(ms: number, signal?: SleepSignal): Promise<void>;
}

/** What a clock needs of an `AbortSignal`, which is one: who sleeps often can have a cheaper one. */
export interface SleepSignal {
  readonly aborted: boolean;
  addEventListener(type: 'abort', listener: () => void, options?: { readonly once: boolean }): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** The machine's own clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep: (ms, signal) =>
    new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal?.addEventListener('abort', done, { once: true });
    }),
};
