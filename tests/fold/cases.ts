import { decodeEvent } from '../../events/decode.ts';
import type { Payment } from '../../events/payment.ts';
import type { Result, WindowResult } from '../../events/results.ts';
import { resultTopics } from '../../events/topics.ts';
import { type PipelineOptions, createPipeline } from '../../pipeline.ts';
import type { Processor } from '../../processors/processor.ts';
import { type RevenueOptions, revenue } from '../../processors/revenue/revenue.ts';
import type { LoggedRecord } from '../../streams/entry-log.ts';
import type { Fold, FoldEntry, FoldOutput } from '../../tasks/contract.ts';

/** What the tests of the fold share: a revenue pipeline, payments, what came out, and the answer by an oracle of its own. */
export interface RevenueCase extends Partial<RevenueOptions> {
  readonly outOfOrdernessMs?: number;
  readonly maxFutureMs?: number;
  readonly dedupeHorizonMs?: number;
  readonly dedupeIdsMax?: number;
  readonly decode?: PipelineOptions<Payment>['decode'];
}

/** Watermark 5 s behind, no allowed lateness, provisional rows practically never: a test says what it needs besides. */
export function revenuePipeline(options: RevenueCase = {}): Fold {
  const { allowedLatenessMs = 0, provisionalEveryMs = 1e15, keysMax = 10_000, cellsMax } = options;
  const limits = cellsMax === undefined ? { keysMax } : { keysMax, cellsMax };
  return pipelineOf(revenue({ allowedLatenessMs, provisionalEveryMs, ...limits }), options);
}

/** Any processor of payments in a pipeline of its own. */
export function pipelineOf(processor: Processor<Payment>, options: Omit<RevenueCase, keyof RevenueOptions> = {}): Fold {
  return createPipeline({
    processor,
    decode: options.decode ?? decodeEvent,
    clockGuard: { maxFutureMs: options.maxFutureMs ?? 60_000, isCreateTimeTrusted: false },
    outOfOrdernessMs: options.outOfOrdernessMs ?? 5_000,
    dedupe: {
      horizonMs: options.dedupeHorizonMs ?? processor.acceptsBehindMs,
      idsMax: options.dedupeIdsMax ?? 100_000,
    },
    shard: 0,
    shards: 1,
  });
}

/** 2026-01-01T00:00:00Z: the start of an hour. */
export const T0 = 1_767_225_600_000;

/** A payment of 1.00 EUR in France, `atMs` after T0, with an id made of what is said about it. */
export function payment(fields: Partial<Payment> & { readonly atMs: number }): Payment {
  const { atMs, ...rest } = fields;
  return {
    id: JSON.stringify(fields),
    type: 'payment',
    version: 2,
    source: 'test',
    eventTimeMs: T0 + atMs,
    key: 'card-1',
    amountMinor: 100,
    currency: 'EUR',
    cardId: 'card-1',
    merchantId: 'shop-1',
    country: 'FR',
    ...rest,
  };
}

export const record = (value: Payment, partition = 'payments-0'): LoggedRecord => ({ value, partition });

/** The results of `outputs`, decoded. */
export const resultsOf = (outputs: readonly FoldOutput[]): (Result & { readonly topic: string })[] =>
  outputs.map(({ topic, value }) => ({ topic, ...(JSON.parse(Buffer.from(value).toString()) as Result) }));

export const foldAll = (fold: Fold, entries: readonly FoldEntry[]): FoldOutput[] =>
  entries.flatMap((entry) => [...fold.fold(entry)]);

/** Window rows other than provisional ones, in order. */
export const windowRows = (outputs: readonly FoldOutput[]): WindowResult[] =>
  resultsOf(outputs).filter(
    (result): result is WindowResult & { topic: string } => result.topic === resultTopics.windows,
  );

/** The values of each window row, of the highest revision, by `output start key`. */
export function lastValues(outputs: readonly FoldOutput[]): Map<string, WindowResult['values']> {
  const rows = new Map<string, WindowResult>();
  for (const row of windowRows(outputs)) {
    const identity = `${row.output} ${row.windowStartMs} ${row.key}`;
    const known = rows.get(identity);
    if (!known || BigInt(row.revision) >= BigInt(known.revision)) rows.set(identity, row);
  }
  return new Map([...rows].sort().map(([identity, { values }]) => [identity, values]));
}

/** What `lastValues` must be in the end, from the payments alone: sorted, grouped and added up in bigints. */
export function oracle(payments: readonly Payment[]): Map<string, WindowResult['values']> {
  const groups = new Map<string, bigint[]>();
  const seen = new Set<string>();
  for (const p of payments) {
    if (seen.has(JSON.stringify([p.source, p.id]))) continue;
    seen.add(JSON.stringify([p.source, p.id]));
    const names = [
      ['country', p.country ?? 'unknown'],
      ['merchant', p.merchantId ?? p.terminalId ?? 'unknown'],
    ] as const;
    for (const [view, name] of names)
      for (const [suffix, sizeMs] of [['1m', 60_000] as const, ['1h', 3_600_000] as const]) {
        const startMs = p.eventTimeMs - (p.eventTimeMs % sizeMs);
        const identity = `${view}_${suffix} ${startMs} ${name}/${p.currency}`;
        groups.set(identity, [...(groups.get(identity) ?? []), BigInt(p.amountMinor)]);
      }
  }
  return new Map(
    [...groups].sort().map(([identity, amounts]) => {
      const sum = amounts.reduce((a, b) => a + b);
      const max = amounts.reduce((a, b) => (a > b ? a : b));
      const meanMinor = Number(sum) / amounts.length;
      return [identity, { count: amounts.length, sumMinor: Number(sum), meanMinor, maxMinor: Number(max) }];
    }),
  );
}

/** The law of conservation: what came in is what became of it. */
export function accountedFor(counters: Readonly<Record<string, number>>): number {
  const names = ['folded', 'duplicate', 'late', 'dead', 'quarantined', 'ignored'];
  return names.reduce((total, name) => total + (counters[name] ?? NaN), 0);
}
