import { writeFileSync } from 'node:fs';
import type { SerializedError } from 'vitest';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

/**
 * Counts for the last line of `npm test` (scripts/run-tests.mjs), as JSON in the file that `MILLRACE_TEST_SUMMARY` names:
 * passed, failed and skipped tests, and each reason for skipping with how many tests it took. Errors outside tests count as failed.
 */
export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandled: readonly SerializedError[]): void {
    const file = process.env['MILLRACE_TEST_SUMMARY'];
    if (file) writeFileSync(file, JSON.stringify(summarise(modules, unhandled.length)));
  }
}

function summarise(modules: readonly TestModule[], unhandledErrors: number) {
  const counts = { passed: 0, failed: unhandledErrors, skipped: 0 };
  const reasons = new Map<string, number>();
  for (const module of modules) {
    counts.failed += module.errors().length;
    for (const suite of module.children.allSuites()) counts.failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed' || state === 'failed') counts[state]++;
      else {
        counts.skipped++;
        const reason = reasonOf(test);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    }
  }
  return { ...counts, skips: [...reasons].map(([reason, tests]) => ({ reason, tests })) };
}

function reasonOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped' && result.note) return result.note;
  return /\(skipped: (.*?)\)( > |$)/.exec(test.fullName)?.[1] ?? 'no reason given (left out by name, or test.skip)';
}
