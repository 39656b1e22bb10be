import { systemClock } from '../telemetry/clock.ts';

export interface Patience {
  readonly withinMs: number;
  /** Between two looks. */
  readonly everyMs: number;
}

/** Looks again until it is so; throws, naming `what`, after `withinMs`. */
export async function eventually(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  { withinMs, everyMs }: Patience,
): Promise<void> {
  const deadlineMs = performance.now() + withinMs;
  while (!(await isSo())) {
    if (performance.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${what}`);
    await systemClock.sleep(everyMs);
  }
}
