// State under more keys than it may hold: `npm run bench -- bounded`, and with fewer keys a test.
import { parseArgs } from 'node:util';
import { Subject } from 'rxjs';
import type { StreamBatch, StreamRecord, TimedEvent } from '../../streams/batch.ts';
import { field } from '../../streams/aggregates/aggregate.ts';
import { count } from '../../streams/aggregates/count.ts';
import { sum } from '../../streams/aggregates/sum.ts';
import { EntryLog } from '../../streams/entry-log.ts';
import { dedupe } from '../../streams/dedupe.ts';
import { windowed } from '../../streams/windowed.ts';
import { type BenchResult, Meter, rounded } from '../meter.ts';

export interface BoundedStateOptions {
  /** Different keys, each seen once. */
  readonly keys: number;
  readonly keysMax: number;
  /** Keys that come within one window: above `keysMax` some are refused. */
  readonly keysPerWindow: number;
}

export interface BoundedState {
  readonly keys: number;
  readonly folded: number;
  readonly expired: number;
  readonly stateFull: number;
  readonly keysHeld: number;
  readonly keysHeldMax: number;
  /** Resident memory at its highest above the start. */
  readonly rssGrownMb: number;
  readonly seconds: number;
}

const SIZE_MS = 60_000;
const BATCH = 5_000;

/** Streams keys through a minute's windows and the table of seen ids. Every key is folded, or refused as `state_full`. */
export function boundedState({ keys, keysMax, keysPerWindow }: BoundedStateOptions): BoundedState {
  const startedMs = performance.now();
  const rssMb = (): number => process.memoryUsage.rss() / 2 ** 20;
  const rssAtStart = rssMb();
  const windows = windowed<TimedEvent>({
    ...{ allowedLatenessMs: 0, provisionalEveryMs: 1e15, keysMax, cellsMax: 2 * keysMax },
    topics: { windows: 'w', provisional: 'p', late: 'l' },
    views: [
      {
        name: 'key',
        keyOf: ({ key }) => key,
        fields: [
          ['count', field(count, () => null)],
          ['sum', field(sum, ({ eventTimeMs }: TimedEvent) => eventTimeMs)],
        ],
        outputs: [{ name: 'key_1m', window: { kind: 'tumbling', sizeMs: SIZE_MS } }],
      },
    ],
  });
  const ids = dedupe<TimedEvent>({ horizonMs: SIZE_MS, idsMax: 4 * keysPerWindow });
  let stateFull = 0;
  let keysHeldMax = 0;
  let rssMax = rssAtStart;
  const batches = new Subject<StreamBatch<TimedEvent>>();
  batches
    .pipe(ids.operator, windows.operator, ids.forgetRejected.operator)
    .subscribe(({ rejected }) => (stateFull += rejected.length));
  for (let from = 0; from < keys; from += BATCH) {
    batches.next(batchOf(from, Math.min(keys, from + BATCH), keysPerWindow));
    keysHeldMax = Math.max(keysHeldMax, windows.counters()['keys'] ?? NaN);
    rssMax = Math.max(rssMax, rssMb());
  }
  const { folded = NaN, expired = NaN, keys: keysHeld = NaN } = windows.counters();
  const seconds = (performance.now() - startedMs) / 1_000;
  return { keys, folded, expired, stateFull, keysHeld, keysHeldMax, rssGrownMb: rssMax - rssAtStart, seconds };
}

const [emptyBatch] = new EntryLog().append({ clockMs: 0, records: [{ value: '' }] }).batches;

/** Keys `from` to `to`, in event time, a watermark just behind them. */
function batchOf(from: number, to: number, keysPerWindow: number): StreamBatch<TimedEvent> {
  const records: StreamRecord<TimedEvent>[] = [];
  const watermarkMs = new Float64Array(to - from);
  const timeOf = (i: number): number => Math.floor((i / keysPerWindow) * SIZE_MS);
  if (!emptyBatch) throw new Error('the log gave no batch');
  for (let i = from; i < to; i++) {
    const event = { id: `id-${i}`, type: 'x', source: 'bench', eventTimeMs: timeOf(i), key: `key-${i}` };
    records.push({ event, batch: emptyBatch, index: 0 });
    watermarkMs[i - from] = timeOf(i);
  }
  return {
    ...{ records, watermarkMs, endWatermarkMs: timeOf(to), publishUpToMs: timeOf(to), incompleteBeforeMs: -Infinity },
    ...{ rejected: [], outputs: [] },
    entry: {
      ...{ orderOffset: BigInt(from), epoch: 1, entryId: `e-${from}`, clockMs: timeOf(to), partitions: [], idle: [] },
      ...{ isAllIdle: false, hasRecords: true, hasSkip: false },
    },
  };
}

/** `npm run bench -- bounded`: ten million keys unless told, a hundred thousand of them at once at most. */
export async function benchBounded(args: readonly string[]): Promise<BoundedState & BenchResult> {
  const { values } = parseArgs({
    args: [...args],
    options: { keys: { type: 'string', default: '10000000' }, json: { type: 'boolean', default: false } },
  });
  const keys = Number(values.keys);
  const meter = new Meter(keys);
  meter.begin();
  const bounded = boundedState({ keys, keysMax: 100_000, keysPerWindow: 125_000 });
  const ratios = { held: rounded(bounded.keysHeldMax / keys, 4) };
  const measured = { ...meter.end(), eventsPerCpuSecondSecondHalf: null };
  return Promise.resolve({ bench: 'bounded', broker: null, ...measured, ...bounded, ratios });
}
