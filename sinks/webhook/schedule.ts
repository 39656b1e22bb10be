// When a failed delivery is tried again: the schedule that the Standard Webhooks specification recommends.
// Pure: chance is an argument.
const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** Pause before attempt 1, 2, … after the one before it (standard-webhooks.md, "Retry schedule": 10 attempts, about 75.6 h in all). */
export const pausesMs: readonly number[] = [
  ...[0, 5_000, 5 * minuteMs, 30 * minuteMs],
  ...[2, 5, 10, 14, 20, 24].map((hours) => hours * hourMs),
];

/** No receiver puts us off for longer. */
const retryAfterMaxMs = 24 * hourMs;
/** A fifth more at most, so that deliveries that failed together do not come back together. */
const jitterShare = 0.2;

/** Pause after `attemptsMade` attempts, or null when they were the last. `random` gives [0, 1). Never shorter than what the receiver asked for. */
export function pauseAfter(attemptsMade: number, retryAfterMs: number | null, random: () => number): number | null {
  const pauseMs = pausesMs[attemptsMade];
  if (pauseMs === undefined) return null;
  return Math.max(Math.round(pauseMs * (1 + jitterShare * random())), retryAfterMs ?? 0);
}

/** The header `Retry-After` (RFC 9110, 10.2.3: seconds or a date) as a pause of at most a day; null where there is none, or nonsense. */
export function retryAfterMsOf(header: string | undefined, nowMs: number): number | null {
  if (header === undefined) return null;
  const text = header.trim();
  // A date begins with its day's name: what else `Date.parse` takes for one is none.
  const isDate = /^[A-Z][a-z]+, /.test(text);
  const pauseMs = /^\d+$/.test(text) ? Number(text) * 1_000 : isDate ? Date.parse(text) - nowMs : Number.NaN;
  return Number.isNaN(pauseMs) ? null : Math.min(Math.max(0, pauseMs), retryAfterMaxMs);
}
