import type { Clock } from '../telemetry/clock.ts';
import type { Outputs } from './outputs.ts';

/** How long a task was without results of its own after it was given to this instance: told once a term. */
export interface Takeover {
  /** Entries from here on are of this owner. */
  owned(): void;
  /** What an entry made. */
  made(orderOffset: bigint, outputs: number): void;
  /** To be called when outputs are acknowledged. */
  acked(outputs: Pick<Outputs, 'isAckedBefore'>): void;
}

/** `sinceMs`: when the task was assigned; `onDone` is told the ms until the first new result was acknowledged. */
export function createTakeover(options: {
  readonly clock: Pick<Clock, 'nowMs'>;
  readonly sinceMs: () => number;
  readonly onDone: (ms: number) => void;
}): Takeover {
  let isOwner = false;
  let first: bigint | null = null;
  let isDone = false;
  return {
    owned: () => (isOwner = true),
    made(orderOffset, outputs) {
      if (isOwner && outputs > 0) first ??= orderOffset;
    },
    acked(outputs) {
      if (isDone || first === null || !outputs.isAckedBefore(first + 1n)) return;
      isDone = true;
      options.onDone(Math.max(0, options.clock.nowMs() - options.sinceMs()));
    },
  };
}
