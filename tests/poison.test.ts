import { expect, test } from 'vitest';
import type { DeadLetter, WindowResult } from '../events/results.ts';
import { resultTopics } from '../events/topics.ts';
import { EntryLog } from '../streams/entry-log.ts';
import type { FoldEntry } from '../tasks/contract.ts';
import { T0, payment, resultsOf, revenuePipeline } from './fold/cases.ts';

const events = 60_000;
const entryRecords = 2_000;
const poisonEvery = 100;
const leastShare = 0.8;

const kinds = [
  (good: string) => good.slice(0, -12),
  (good: string) => good.replace('"amountMinor":', '"amountMinor":"much","x":'),
  () => '\u0000\u0001',
  () => '[]',
];

/** The same good events with, or without, one broken one in a hundred between them. */
function entries(isPoisoned: boolean): { readonly log: readonly FoldEntry[]; readonly poison: readonly string[] } {
  const log = new EntryLog();
  const poison: string[] = [];
  const made: FoldEntry[] = [];
  for (let from = 0; from < events; from += entryRecords) {
    const records: { value: string }[] = [];
    for (let i = from; i < from + entryRecords; i++) {
      const good = JSON.stringify(payment({ atMs: i * 10, source: `s${i}`, merchantId: `shop-${i % 50}` }));
      if (isPoisoned && i % poisonEvery === poisonEvery - 1) {
        const bad = kinds[(i / poisonEvery) & 3]?.(good) ?? '';
        poison.push(bad);
        records.push({ value: bad });
      }
      records.push({ value: good });
    }
    made.push(log.append({ clockMs: T0 + from * 10 + 60_000, records }));
  }
  made.push(log.append({ clockMs: T0 + events * 10 + 7_200_000, idle: ['payments-0'] }));
  return { log: made, poison };
}

interface Run {
  readonly cpuMs: number;
  readonly rows: ReadonlyMap<string, string>;
  readonly letters: readonly DeadLetter[];
}

function run(log: readonly FoldEntry[]): Run {
  const fold = revenuePipeline({ dedupeIdsMax: 1_000_000 });
  const outputs = [];
  const began = process.cpuUsage();
  for (const entry of log) outputs.push(...fold.fold(entry));
  const { user, system } = process.cpuUsage(began);
  const results = resultsOf(outputs);
  const windows = results.filter((one) => one.topic === resultTopics.windows) as unknown as WindowResult[];
  const rows = windows.map(
    (row) => [`${row.output} ${row.key} ${row.windowStartMs}`, JSON.stringify(row.values)] as const,
  );
  const letters = results.filter((one) => one.topic === resultTopics.deadLetters) as unknown as DeadLetter[];
  return { cpuMs: (user + system) / 1_000, rows: new Map(rows), letters };
}

test('[A4][A6] with one poison event in a hundred good rows are exact, dead letters are exact, and throughput is 80 % at least', () => {
  const clean = entries(false);
  const poisoned = entries(true);
  expect(poisoned.poison).toHaveLength(events / poisonEvery);
  run(clean.log);
  run(poisoned.log);
  let [cleanMs, poisonedMs] = [Infinity, Infinity];
  let [first, second]: [Run | null, Run | null] = [null, null];
  // The best of some, one after the other: other work on the machine only ever adds, so that where it adds much more are tried.
  for (let i = 0; i < 4 || (i < 12 && cleanMs / poisonedMs < leastShare); i++) {
    first = run(clean.log);
    second = run(poisoned.log);
    cleanMs = Math.min(cleanMs, first.cpuMs);
    poisonedMs = Math.min(poisonedMs, second.cpuMs);
  }
  expect(first?.letters).toEqual([]);
  expect(first?.rows.size).toBeGreaterThan(500);
  expect(second?.rows).toEqual(first?.rows);
  const kept = second?.letters.map(({ valueBase64 }) => Buffer.from(valueBase64 ?? '', 'base64').toString());
  expect(kept).toEqual(poisoned.poison);
  expect(new Set(second?.letters.map(({ reason }) => reason))).toEqual(new Set(['undecodable', 'invalid']));
  expect(cleanMs / poisonedMs).toBeGreaterThanOrEqual(leastShare);
});
