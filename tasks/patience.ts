import { SourceError } from '../sources/source.ts';
import type { Clock } from '../telemetry/clock.ts';

/** As long as a stream waits for a topic that was there. */
const missingMaxMs = 15_000;

/** How long a task bears what may pass by itself though its error does not say so. */
export interface Patience {
  /** A broker that has just started may not know its topics yet: true for so long. */
  bears(error: unknown): boolean;
  /** All is well again. */
  renew(): void;
}

export function createPatience(clock: Pick<Clock, 'nowMs'>): Patience {
  let missingSinceMs: number | null = null;
  return {
    bears(error) {
      if (!(error instanceof SourceError) || error.code !== 'topic_missing') return false;
      missingSinceMs ??= clock.nowMs();
      return clock.nowMs() - missingSinceMs < missingMaxMs;
    },
    renew: () => (missingSinceMs = null),
  };
}
