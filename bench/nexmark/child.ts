// The process that `bench -- nexmark` measures: one query over all events, told which as JSON in its first argument. Only folding is timed,
// from bytes to rows in bytes, with everything that it does in millrace but the broker.
import { report, setupOf } from '../measured-process.ts';
import { type Measured, Meter } from '../meter.ts';
import { expectedLines } from './oracle.ts';
import type { QueryName } from './queries.ts';
import { nexmarkFold, nexmarkLog, resultLines } from './run.ts';

export interface NexmarkSetup {
  readonly query: QueryName;
  readonly events: number;
  /** Whether results are held against the oracle; then nothing is timed. */
  readonly isChecked: boolean;
}

export interface NexmarkMeasured extends Measured {
  readonly results: number;
}

/** How the results differ from the oracle's. */
export interface NexmarkCheck {
  readonly expected: number;
  readonly missing: number;
  readonly extra: number;
}

const { query, events, isChecked } = setupOf<NexmarkSetup>();
report(isChecked ? check() : await measure());

function check(): NexmarkCheck {
  const { entries, bids } = nexmarkLog(events, true);
  const fold = nexmarkFold(query);
  const lines = entries.flatMap((entry) => resultLines(query, fold.fold(entry)));
  const expected = expectedLines(query, bids);
  const unseen = new Map<string, number>();
  for (const line of expected) unseen.set(line, (unseen.get(line) ?? 0) + 1);
  let extra = 0;
  for (const line of lines) {
    const left = unseen.get(line) ?? 0;
    if (left === 0) extra += 1;
    else unseen.set(line, left - 1);
  }
  const missing = [...unseen.values()].reduce((sum, left) => sum + left, 0);
  return { expected: expected.length, missing, extra };
}

async function measure(): Promise<NexmarkMeasured> {
  const { entries } = nexmarkLog(events, false);
  const fold = nexmarkFold(query);
  const meter = new Meter(events);
  let [done, results] = [0, 0];
  meter.begin();
  for (const entry of entries) {
    results += fold.fold(entry).length;
    for (const { count } of entry.batches) done += count;
    meter.done(done);
    // As a task does: others have their turn between two entries.
    await new Promise(setImmediate);
  }
  return { ...meter.end(), results };
}
