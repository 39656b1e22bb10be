import type { Clock } from '../../telemetry/clock.ts';
import type { SinkError } from '../sink.ts';
import { toSinkError } from './errors.ts';

/** Trying again for ever is what keeps rows: the sink waits here while ClickHouse is away or full. */
const backOffMs = { first: 100, max: 5_000 } as const;

export interface RetryOptions {
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Hears of each failure that will be tried again. */
  readonly onRetry: (error: SinkError, waitMs: number) => void;
}

/**
 * Does `action` until it succeeds: retryable errors for ever, with back-off (0.1 s doubling to 5 s). That is the sink's
 * back-pressure: while it waits here, nothing is polled. Rejects with a `rejected` error, or once `signal` aborts.
 */
export async function untilDone<T>(what: string, options: RetryOptions, action: () => Promise<T>): Promise<T> {
  for (let waitMs: number = backOffMs.first; ; waitMs = Math.min(waitMs * 2, backOffMs.max)) {
    try {
      return await action();
    } catch (cause) {
      const error = toSinkError(cause, what);
      if (!error.retryable || options.signal.aborted) throw error;
      options.onRetry(error, waitMs);
      await options.clock.sleep(waitMs, options.signal);
      if (options.signal.aborted) throw error;
    }
  }
}
