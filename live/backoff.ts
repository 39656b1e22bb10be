export interface BackOff {
  readonly firstMs: number;
  readonly maxMs: number;
}

/**
 * Pause before attempt `attempt` (from 0): doubles from `firstMs` to `maxMs`, of which a random half to the whole is taken, so that
 * clients that were dropped together do not come back together. `random` gives [0, 1).
 */
export function backOffMs(attempt: number, { firstMs, maxMs }: BackOff, random: () => number): number {
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return full / 2 + (full / 2) * random();
}
