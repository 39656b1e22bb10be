import type { Reporter, TestModule } from 'vitest/node';
import type { LawRun } from './law.ts';

/**
 * The last line of `npm run test:laws`, as JSON: how many of the eight laws ran and are broken, cases by law, and the seeds. Written as
 * the process ends, so that nothing comes after it.
 */
export default class LawsReporter implements Reporter {
  private readonly startedMs = performance.now();

  onTestRunEnd(modules: readonly TestModule[]): void {
    const runs: LawRun[] = [];
    let failedTests = 0;
    for (const module of modules) {
      failedTests += module.errors().length;
      for (const test of module.children.allTests()) {
        if (test.result().state !== 'passed') failedTests++;
        const { lawRun } = test.meta();
        if (lawRun) runs.push(lawRun);
      }
    }
    const cases: Record<string, number> = {};
    for (const run of runs) cases[run.law] = (cases[run.law] ?? 0) + run.cases;
    const line = {
      laws: Object.keys(cases).length,
      broken: new Set(runs.filter(({ isBroken }) => isBroken).map(({ law }) => law)).size,
      failedTests,
      cases,
      seeds: runs.map(({ seed }) => seed),
      seconds: Math.round((performance.now() - this.startedMs) / 100) / 10,
    };
    process.on('exit', () => process.stdout.write(`${JSON.stringify(line)}\n`));
  }
}
