// `npm run check`: types, lint, format, dead code, architecture. Runs all of them and then says which failed.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

const steps = [
  ['types', 'tsc', '--noEmit'],
  ['types of the page', 'tsc', '--noEmit', '-p', 'dashboards'],
  ['lint', 'oxlint', '--type-aware', '--deny-warnings'],
  ['format', 'prettier', '--check', '--log-level', 'warn', '.'],
  ['dead code', 'knip'],
  ['architecture', 'vitest', 'run', '--reporter=dot', 'tests/architecture.test.ts', 'tests/processors.test.ts'],
];

const failed = steps.filter(([name, command, ...args]) => {
  const startedMs = performance.now();
  const binary = join(root, 'node_modules', '.bin', command);
  if (!existsSync(binary)) {
    console.error(`check: ${command} is not installed: run npm ci`);
    return true;
  }
  const { status } = spawnSync(binary, args, { cwd: root, stdio: 'inherit' });
  console.log(
    `${status === 0 ? 'ok    ' : 'FAILED'} ${name} (${((performance.now() - startedMs) / 1000).toFixed(1)} s)`,
  );
  return status !== 0;
});

if (failed.length > 0) console.error(`check failed: ${failed.map(([name]) => name).join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
