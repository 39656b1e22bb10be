import fc from 'fast-check';
import { test } from 'vitest';

/** What `laws-reporter.ts` adds up. */
export interface LawRun {
  readonly law: number;
  readonly cases: number;
  readonly seed: number;
  readonly isBroken: boolean;
}

declare module 'vitest' {
  interface TaskMeta {
    lawRun?: LawRun;
  }
}

/** Random cases of each law. */
const CASES = 1_000;

/**
 * Law `number` of the eight, or a part of it, as a test of 1,000 random cases. Says its seed, whatever comes of it;
 * `MILLRACE_LAW_SEED` runs it with that one again.
 */
export function law<T>(number: number, title: string, property: fc.IRawProperty<T>): void {
  test(`law ${number}: ${title}`, { timeout: 300_000 }, async ({ task }) => {
    const given = process.env['MILLRACE_LAW_SEED'];
    const details = await fc.check(property, { numRuns: CASES, ...(given && { seed: Number(given) }) });
    const { seed, numRuns, failed } = details;
    task.meta.lawRun = { law: number, cases: numRuns, seed, isBroken: failed };
    console.log(`law ${number}: ${title}: ${numRuns} cases, seed ${seed}`);
    if (failed) throw new Error(fc.defaultReportMessage(details) ?? 'the law is broken');
  });
}
