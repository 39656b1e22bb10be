// How fast one core folds: `npx tsx bench/fold.ts [records]`. A bare loop over the same events is the measure, because the
// machine is shared: trust the ratios. Decoded means that the events are at hand and only the fold is measured.
import { decoderOf } from '../cli/start/decoder-of.ts';
import { decodeEvent } from '../events/decode.ts';
import type { Payment } from '../events/payment.ts';
import { createPipeline } from '../pipeline.ts';
import type { Processor } from '../processors/processor.ts';
import { revenue } from '../processors/revenue/revenue.ts';
import { field } from '../streams/aggregates/aggregate.ts';
import { count } from '../streams/aggregates/count.ts';
import { sum } from '../streams/aggregates/sum.ts';
import { EntryLog } from '../streams/entry-log.ts';
import type { Decode } from '../streams/ingest.ts';
import { windowed } from '../streams/windowed.ts';
import type { FoldEntry, FoldOutput } from '../tasks/contract.ts';

const RECORDS = Number(process.argv[2] ?? 400_000);
const ENTRY_RECORDS = 5_000;
const T0 = 1_767_225_600_000;
const MINUTE_MS = 60_000;
const limits = { allowedLatenessMs: 60_000, provisionalEveryMs: 1_000, keysMax: 1_000_000 };

const payments: Payment[] = Array.from({ length: RECORDS }, (_, i) => ({
  id: `0198c0de-0000-7000-8000-${String(i).padStart(12, '0')}`,
  type: 'payment',
  version: 2,
  source: 'bench',
  eventTimeMs: T0 + i * 5 + ((i * 7919) % 4_000),
  key: `card-${i % 5_000}`,
  amountMinor: (i * 31) % 20_000,
  currency: 'EUR',
  cardId: `card-${i % 5_000}`,
  merchantId: `merchant-${(i * 13) % 1_000}`,
  country: ['FR', 'DE', 'SE', 'IT', 'ES'][i % 5] as string,
}));

/** Count and sum of amounts by merchant and minute. */
const oneOutput: Processor<Payment> = {
  ...revenue(limits),
  create: () =>
    windowed<Payment>({
      ...limits,
      cellsMax: 8_000_000,
      topics: { windows: 'w', provisional: 'p', late: 'l' },
      views: [
        {
          name: 'merchant',
          keyOf: (payment) => payment.merchantId ?? 'unknown',
          fields: [
            ['count', field(count, () => null)],
            ['sumMinor', field(sum, (payment: Payment) => payment.amountMinor)],
          ],
          outputs: [{ name: 'merchant_1m', window: { kind: 'tumbling', sizeMs: MINUTE_MS } }],
        },
      ],
    }),
};

function bareLoop(): number {
  const windows = new Map<number, Map<string, { count: number; sum: number }>>();
  for (const { eventTimeMs, merchantId = 'unknown', amountMinor } of payments) {
    const startMs = Math.floor(eventTimeMs / MINUTE_MS) * MINUTE_MS;
    let keys = windows.get(startMs);
    if (!keys) windows.set(startMs, (keys = new Map()));
    const cell = keys.get(merchantId);
    if (!cell) keys.set(merchantId, { count: 1, sum: amountMinor });
    else {
      cell.count++;
      cell.sum += amountMinor;
    }
  }
  return windows.size;
}

function fold(processor: Processor<Payment>, decode: Decode<Payment>, entries: readonly FoldEntry[]): number {
  const pipeline = createPipeline<Payment>({
    processor,
    decode,
    clockGuard: { maxFutureMs: 60_000, isCreateTimeTrusted: false },
    outOfOrdernessMs: 5_000,
    dedupe: { horizonMs: 7_200_000, idsMax: 4_000_000 },
    shard: 0,
    shards: 1,
  });
  let made: readonly FoldOutput[] = [];
  let outputs = 0;
  for (const entry of entries) {
    made = pipeline.fold(entry);
    outputs += made.length;
  }
  const { folded, late, dead } = pipeline.counters();
  if (folded !== RECORDS) throw new Error(`folded ${folded}, late ${late}, dead ${dead} of ${RECORDS}`);
  return outputs;
}

/** The best of five, in records a second of CPU (all threads of the process): others on the machine only ever slow a run. */
function best(run: () => number): number {
  let fastest = 0;
  for (let i = 0; i < 5; i++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    fastest = Math.max(fastest, RECORDS / ((user + system) / 1e6));
  }
  return fastest;
}

const log = new EntryLog();
const clockMs = T0 + 1e9;
const entries: FoldEntry[] = [];
for (let from = 0; from < RECORDS; from += ENTRY_RECORDS) {
  const records = payments.slice(from, from + ENTRY_RECORDS).map((value) => ({ value }));
  entries.push(log.append({ clockMs: clockMs + from / 50, records }));
}
let next = 0;
const decoded: Decode<Payment> = () => {
  if (next === RECORDS) next = 0;
  return { kind: 'event', event: payments[next++] as Payment };
};

const bare = best(bareLoop);
const line = (name: string, rate: number): void =>
  console.log(
    `${name.padEnd(46)} ${Math.round(rate / 1_000)} k records/CPU-s, ${(rate / bare).toFixed(3)} of the bare loop`,
  );
line('bare loop, count and sum by merchant and minute', bare);
line(
  'fold, decoded, one output',
  best(() => fold(oneOutput, decoded, entries)),
);
line(
  'fold, decoded, revenue (four outputs)',
  best(() => fold(revenue(limits), decoded, entries)),
);
line(
  'fold from bytes, revenue',
  best(() => fold(revenue(limits), decodeEvent as Decode<Payment>, entries)),
);
line(
  'fold from bytes, revenue, compiled decoder',
  best(() => {
    const processor = revenue(limits);
    return fold(processor, decoderOf(processor) as Decode<Payment>, entries);
  }),
);
