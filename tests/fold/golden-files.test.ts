import { describe, expect, test } from 'vitest';
import { EntryLog, type LoggedEntry } from '../../streams/entry-log.ts';
import { numberedPayment } from '../crash/numbered-processor.ts';
import { numberedRows } from '../crash/numbered-oracle.ts';
import { T0, foldAll, record, resultsOf } from './cases.ts';
import { CLOCK, SECOND, brief, held, idle, numberedPipeline, sorted } from './numbered-cases.ts';

// One recording, all that each kind of window says of it, line by line, in golden/<kind>.txt. When one is red: the fold gives
// other rows than it gave. If that is meant, the pipelines need a new version (or, before a first release, `npx vitest -u` here).

/** Eighty payments of three cards over two minutes, up to six seconds late (one in nine far later), by a fixed rule. */
const recording = Array.from({ length: 80 }, (_, n) => {
  const atMs = Math.floor(n * 1_500 + ((n * 7_919) % 1_000));
  const delayMs = n % 9 === 8 ? 45_000 : (n * 2_477) % 6_000;
  return { payment: numberedPayment(n, ((n * n) % 7) % 3, T0 + atMs), arrivalMs: atMs + delayMs };
}).sort((a, b) => a.arrivalMs - b.arrivalMs);

/** An entry for every four seconds, then silence. */
function entries(): LoggedEntry[] {
  const made: LoggedEntry[] = [];
  for (let fromMs = 0; fromMs < 180_000; fromMs += 4_000) {
    const now = recording.filter(({ arrivalMs }) => arrivalMs >= fromMs && arrivalMs < fromMs + 4_000);
    if (now.length > 0) made.push({ clockMs: CLOCK + fromMs, records: now.map(({ payment }) => record(payment)) });
  }
  return [...made, { clockMs: CLOCK + 3_600_000, idle }];
}

describe('golden files', () => {
  test.each(['tumbling', 'hopping', 'session'])('[C3] %s: every row and every late record, in order', async (kind) => {
    const fold = numberedPipeline({ allowedLatenessMs: 20 * SECOND, provisionalEveryMs: 15 * SECOND });
    const log = new EntryLog();
    const lines = entries().flatMap((entry, i) => {
      const outputs = fold.fold(log.append(entry));
      const late = resultsOf(outputs).filter((result) => result.kind === 'late' && result.output === kind);
      const lateLines = late.map((result) => `late ${JSON.stringify(result.kind === 'late' && result.wouldAdd)}`);
      return [...brief(outputs, kind, true), ...lateLines].map((line) => `entry ${i}: ${line}`);
    });
    await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot(`golden/${kind}.txt`);
  });

  test('the recording is in them: with lateness enough, the last rows are the batch answer', () => {
    const fold = numberedPipeline({ allowedLatenessMs: 60 * SECOND });
    const log = new EntryLog();
    const outputs = foldAll(
      fold,
      entries().map((entry) => log.append(entry)),
    );
    expect(sorted(held(outputs, true))).toEqual(sorted(numberedRows(recording.map(({ payment }) => payment))));
  });
});
