import fc from 'fast-check';
import { expect } from 'vitest';
import type { WindowResult } from '../../events/results.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import type { Fold, FoldEntry, FoldOutput } from '../../tasks/contract.ts';
import { type TaskSnapshot, decodeSnapshot, encodeSnapshot, snapshotCodec } from '../../tasks/snapshot.ts';
import { numbered, numberedPayment } from '../crash/numbered-processor.ts';
import { T0, pipelineOf, record, resultsOf } from '../fold/cases.ts';
import { law } from './law.ts';

// What is durable outlives a crash: the order log, the result topics, the snapshots. A process has the rest. That claims and appends
// survive crashes too is what `npm run simulate` shows, with the real task code.

const CLOCK = T0 + 1e7;

interface World {
  readonly entries: readonly FoldEntry[];
  readonly produced: FoldOutput[];
  readonly snapshots: Uint8Array[];
}

/** Thrown where a process ends. */
class Crash extends Error {}

/** At which effect, counted over all lives, a process ends, and whether the effect has happened by then. */
interface CrashAt {
  readonly effect: number;
  readonly isAfter: boolean;
}

const newFold = (): Fold =>
  pipelineOf(numbered({ allowedLatenessMs: 20_000, provisionalEveryMs: 500, keysMax: 100 }), {
    outOfOrdernessMs: 3_000,
  });

/** One life of a process: from the newest snapshot to the end of the log. Outputs, then now and then a snapshot. */
function live({ entries, produced, snapshots }: World, every: number, effect: (act: () => void) => void): void {
  const fold = newFold();
  const saved = snapshots.at(-1);
  const snapshot = saved && (decodeSnapshot(saved) as TaskSnapshot);
  if (snapshot) fold.restore(snapshot.fold);
  for (const entry of entries.slice(Number(snapshot?.orderOffset ?? 0))) {
    for (const output of fold.fold(entry)) effect(() => produced.push(output));
    if (Number(entry.orderOffset) % every !== every - 1) continue;
    const state = {
      ...{ codec: snapshotCodec, pipeline: 'numbered', version: 1, stateHash: fold.stateHash, shard: 0 },
      ...{ orderOffset: String(entry.orderOffset + 1n), lastRecordId: entry.entryId, fold: fold.snapshot() },
      ...{ judge: {} as TaskSnapshot['judge'], counters: { entries: 0, records: 0, ignored: 0 } },
    };
    const bytes = encodeSnapshot(state);
    effect(() => snapshots.push(bytes));
  }
}

function run(entries: readonly FoldEntry[], every: number, crashes: readonly CrashAt[]): World {
  const world: World = { entries, produced: [], snapshots: [] };
  let effects = 0;
  const effect = (act: () => void): void => {
    const crash = crashes.find((at) => at.effect === effects);
    effects++;
    if (crash && !crash.isAfter) throw new Crash();
    act();
    if (crash) throw new Crash();
  };
  for (let lives = 0; lives <= crashes.length; lives++)
    try {
      live(world, every, effect);
      return world;
    } catch (error) {
      if (!(error instanceof Crash)) throw error;
    }
  throw new Error('more crashes than there were to be');
}

/** A place in the order of one producer. */
const placeOf = ({ producer }: WindowResult): number => Number(producer.orderOffset) * 1_000 + producer.index;

/** A consumer that folds: it keeps the highest position and drops the rest. */
function folded(outputs: readonly FoldOutput[]): unknown[] {
  let highest = -1;
  return resultsOf(outputs).filter((result) => {
    const place = placeOf(result as WindowResult);
    if (place <= highest) return false;
    highest = place;
    return true;
  });
}

/** A consumer that stores: by identity, the highest revision stays. */
function stored(outputs: readonly FoldOutput[]): Map<string, unknown> {
  const rows = new Map<string, WindowResult>();
  for (const result of resultsOf(outputs)) {
    const row = result as WindowResult & { topic: string };
    const id = `${row.topic} ${row.output} ${row.windowStartMs} ${row.key}`;
    const known = rows.get(id);
    if (!known || BigInt(row.revision) >= BigInt(known.revision)) rows.set(id, row);
  }
  return rows;
}

const entriesArb = fc
  .array(
    fc.record({
      clockStepMs: fc.nat(700),
      isIdle: fc.boolean(),
      atMs: fc.array(fc.tuple(fc.nat(2), fc.nat(30_000)), { maxLength: 5 }),
    }),
    { minLength: 1, maxLength: 10, size: 'max' },
  )
  .map((steps) => {
    const log = new EntryLog();
    let clockMs = CLOCK;
    let n = 0;
    return steps.map(({ clockStepMs, isIdle, atMs }) => {
      clockMs += clockStepMs;
      const records = atMs.map(([card, ms]) => record(numberedPayment(n++, card, T0 + ms)));
      return log.append({ clockMs, records, idle: isIdle ? ['payments-0'] : [] });
    });
  });

law(
  4,
  'crashing before or after any effect changes nothing',
  fc.property(
    entriesArb,
    fc.integer({ min: 1, max: 4 }),
    fc.uniqueArray(fc.record({ effect: fc.nat(60), isAfter: fc.boolean() }), {
      maxLength: 6,
      selector: ({ effect }) => effect,
    }),
    (entries, every, crashes) => {
      const calm = run(entries, every, []);
      const crashed = run(entries, every, crashes);
      expect(folded(crashed.produced)).toEqual(resultsOf(calm.produced));
      expect(stored(crashed.produced)).toEqual(stored(calm.produced));
      const bytesOf = new Map<number, string>();
      for (const { value } of crashed.produced) {
        const text = Buffer.from(value).toString();
        const place = placeOf(JSON.parse(text) as WindowResult);
        expect(bytesOf.get(place) ?? text).toBe(text);
        bytesOf.set(place, text);
      }
      expect(crashed.snapshots.length).toBeGreaterThanOrEqual(calm.snapshots.length);
    },
  ),
);
