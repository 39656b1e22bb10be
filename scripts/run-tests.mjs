// Runs vitest and prints, as the very last line, what came of it: `N passed, N failed[, N skipped]`.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runChild } from './child.mjs';

/** Far above what the suite takes: whatever hangs, the run ends. */
const timeoutMs = 45 * 60_000;

/** Resolves with the exit code: not 0 when a test failed, an error came outside tests, or nothing ran. */
export async function runTests(root, args, env) {
  const folder = mkdtempSync(join(tmpdir(), 'millrace-test-'));
  const file = join(folder, 'summary.json');
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', `--reporter=${join(root, 'tests', 'summary-reporter.ts')}`];
  const code = await runChild([vitest, 'run', ...reporters, ...args], {
    cwd: root,
    env: { ...env, MILLRACE_TEST_SUMMARY: file },
    timeoutMs,
  });
  const summary = readSummary(file);
  rmSync(folder, { recursive: true, force: true });
  for (const { reason, tests } of summary.skips) console.log(`skipped ${tests}: ${reason}`);
  if (code !== 0 && summary.failed === 0) summary.failed = 1;
  if (summary.passed + summary.failed === 0) console.log('no test ran');
  const skipped = summary.skipped > 0 ? `, ${summary.skipped} skipped` : '';
  console.log(`${summary.passed} passed, ${summary.failed} failed${skipped}`);
  return summary.failed > 0 || summary.passed + summary.skipped === 0 ? code || 1 : 0;
}

/** Nothing written means that vitest itself did not get to its end. */
function readSummary(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return { passed: 0, failed: 1, skipped: 0, skips: [] };
  }
}
