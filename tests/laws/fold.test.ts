import fc from 'fast-check';
import { Packr } from 'msgpackr';
import { describe, expect, test } from 'vitest';
import { law } from './law.ts';
import type { Payment } from '../../events/payment.ts';
import { resultTopics } from '../../events/topics.ts';
import { EntryLog, type LoggedEntry, type LoggedRecord } from '../../streams/entry-log.ts';
import { split } from '../../streams/pieces.ts';
import type { Fold, FoldEntry, FoldOutput, SlicedState } from '../../tasks/contract.ts';
import {
  type RevenueCase,
  T0,
  accountedFor,
  foldAll,
  lastValues,
  oracle,
  payment,
  record,
  resultsOf,
  revenuePipeline,
} from '../fold/cases.ts';

const CLOCK = T0 + 20_000_000;
const OUT_OF_ORDERNESS = 5_000;
const partitions = ['payments-0', 'payments-1', 'payments-2'];

/** A payment, the partition that it is in, how late it arrives there, and whose turn it is among the partitions. */
interface Sent {
  readonly payment: Payment;
  readonly partition: number;
  readonly delayMs: number;
  readonly turn: number;
}

/** Payments of some hours; ids repeat, now and then. */
const paymentArb = fc
  .record({
    atMs: fc.oneof(fc.nat(9_000_000), fc.nat(150_000)),
    id: fc.oneof({ weight: 9, arbitrary: fc.uuid() }, { weight: 1, arbitrary: fc.constantFrom('a', 'b') }),
    country: fc.constantFrom('FR', 'DE', 'SE'),
    currency: fc.constantFrom('EUR', 'USD'),
    merchantId: fc.constantFrom('m1', 'm2', 'm3', 'm4'),
    amountMinor: fc.nat(1_000_000),
  })
  // What has one id is one payment: all of it comes from its id.
  .map((fields) => payment(fields.id.length === 1 ? { ...fields, ...twin(fields.id) } : fields));
const twin = (id: string) =>
  ({ atMs: 70_000, country: 'FR', currency: 'EUR', merchantId: 'm1', amountMinor: id === 'a' ? 7 : 11 }) as const;

const sentArb: fc.Arbitrary<Sent[]> = fc.array(
  fc.record({
    payment: paymentArb,
    partition: fc.nat(2),
    delayMs: fc.nat(OUT_OF_ORDERNESS),
    turn: fc.double({ min: 0, max: 1, noNaN: true }),
  }),
  { maxLength: 60, size: 'max' },
);

/** Within its partition a payment is overtaken by at most the out-of-orderness; the partitions mix at will. */
function arrival(sent: readonly Sent[], seed = 0): LoggedRecord[] {
  const turnOf = (turn: number): number => (turn * 7919 + seed * 0.6180339887) % 1;
  const queues = partitions.map((name, i) =>
    sent
      .filter(({ partition }) => partition === i)
      .sort((a, b) => a.payment.eventTimeMs + a.delayMs - (b.payment.eventTimeMs + b.delayMs))
      .map((one) => record(one.payment, name)),
  );
  const order: LoggedRecord[] = [];
  for (const { turn } of sent) {
    const waiting = queues.filter((queue) => queue.length > 0);
    const next = waiting[Math.floor(turnOf(turn) * waiting.length)]?.shift();
    if (next) order.push(next);
  }
  return order;
}

/** Entries of the given sizes, over and over, then silence until everything is published. */
function entriesOf(records: readonly LoggedRecord[], sizes: readonly number[]): FoldEntry[] {
  const log = new EntryLog(partitions);
  const entries: FoldEntry[] = [];
  for (let from = 0, i = 0; from < records.length; i++) {
    const size = sizes[i % sizes.length] ?? 1;
    entries.push(log.append({ clockMs: CLOCK + i * 100, records: records.slice(from, from + size) }));
    from += size;
  }
  return [...entries, log.append({ clockMs: CLOCK + 1e9, idle: partitions })];
}

const sizesArb = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });

/** Anything that may happen to a pipeline: bad records, late ones, idleness, gaps, clocks that stand still. */
const chaosArb: fc.Arbitrary<LoggedEntry[]> = fc.array(
  fc.record({
    clockMs: fc.nat(5_000).map((ms) => CLOCK + ms),
    records: fc.array(
      fc.record({
        partition: fc.constantFrom(...partitions),
        value: fc.oneof(
          { weight: 8, arbitrary: paymentArb },
          { weight: 1, arbitrary: fc.constantFrom('{', null, '[]', '{"type":"payment","version":9}') },
          { weight: 1, arbitrary: paymentArb.map((p) => ({ ...p, eventTimeMs: CLOCK + 1e8 })) },
        ),
      }),
      { maxLength: 8 },
    ),
    idle: fc.subarray(partitions),
    hasSkip: fc.boolean(),
  }),
  { maxLength: 15, size: 'max' },
);
const chaosCaseArb: fc.Arbitrary<RevenueCase> = fc.record({
  allowedLatenessMs: fc.constantFrom(0, 30_000, 3_600_000),
  provisionalEveryMs: fc.constantFrom(1, 1_000, 1e15),
  keysMax: fc.constantFrom(2, 4, 10_000),
  dedupeIdsMax: fc.constantFrom(3, 100_000),
});

const logOf = (entries: readonly LoggedEntry[]): FoldEntry[] => {
  const log = new EntryLog(partitions);
  return entries.map((entry) => log.append(entry));
};

const textOf = (outputs: readonly FoldOutput[]): string[] =>
  outputs.map(({ topic, key, value }) => `${topic} ${key} ${Buffer.from(value).toString()}`);

const packr = new Packr({ moreTypes: true, mapsAsObjects: false, useRecords: true, int64AsType: 'bigint' });
const copyOf = (fold: Fold, options: RevenueCase): Fold => {
  const copy = revenuePipeline(options);
  copy.restore(packr.unpack(packr.pack(fold.snapshot())));
  return copy;
};

/** The state without the table of ids, whose layout (and nothing else) depends on its history. */
const withoutIds = (state: unknown): unknown => {
  const { unique: _, ...rest } = split(packr.unpack(packr.pack(state)) as SlicedState);
  return rest;
};

describe('the laws of the fold', () => {
  law(
    1,
    '[C2] any arrival order within the out-of-orderness gives the batch answer',
    fc.property(sentArb, sizesArb, (sent, sizes) => {
      const fold = revenuePipeline();
      const outputs = foldAll(fold, entriesOf(arrival(sent), sizes));
      expect(lastValues(outputs)).toEqual(oracle(sent.map((one) => one.payment)));
      expect(fold.counters()).toMatchObject({ late: 0, late_country_1m: 0, dead: 0 });
    }),
  );

  test('[C16] any interleaving of partitions and any batch sizes give the same last values, in 1,000 shuffles', () => {
    const [sent = []] = fc.sample(
      fc.array(sentArb, { minLength: 3, maxLength: 3 }).map((all) => all.flat().slice(0, 80)),
      {
        numRuns: 1,
        seed: 42,
      },
    );
    expect(sent.length).toBeGreaterThan(50);
    const expected = JSON.stringify([...oracle(sent.map((one) => one.payment))]);
    for (let seed = 0; seed < 1_000; seed++) {
      const sizes = [1 + (seed % 7), 1 + (seed % 11), 1 + (seed % 13)];
      const outputs = foldAll(revenuePipeline(), entriesOf(arrival(sent, seed), sizes));
      expect(JSON.stringify([...lastValues(outputs)]), `seed ${seed}`).toBe(expected);
    }
  });

  const manyArb = fc.uniqueArray(paymentArb, { selector: ({ id }) => id, maxLength: 60, size: 'max' });
  law(
    8,
    '[C16] how an order is cut into entries changes no value and no count, late and refused records included',
    fc.property(
      manyArb,
      // How far out of order they come, the limit of keys, and the allowed lateness.
      fc.constantFrom(0, 4_000_000, 1e9),
      fc.constantFrom(3, 4, 5, 10_000),
      fc.constantFrom(0, 600_000),
      sizesArb,
      sizesArb,
      (payments, disorderMs, keysMax, allowedLatenessMs, sizesA, sizesB) => {
        const keyed = payments.map((p, i) => [p.eventTimeMs + ((i * 0.618) % 1) * disorderMs, p] as const);
        const records = keyed.sort(([a], [b]) => a - b).map(([, p]) => record(p));
        const run = (sizes: readonly number[]) => {
          const fold = revenuePipeline({ keysMax, allowedLatenessMs });
          const log = new EntryLog();
          const outputs: FoldOutput[] = [];
          for (let from = 0, i = 0; from < records.length; i++) {
            const to = from + (sizes[i % sizes.length] ?? 1);
            outputs.push(...fold.fold(log.append({ clockMs: CLOCK, records: records.slice(from, to) })));
            from = to;
          }
          outputs.push(...fold.fold(log.append({ clockMs: CLOCK + 1e9, idle: ['payments-0'] })));
          const { outputs: _, ...counters } = fold.counters();
          return { values: lastValues(outputs), counters };
        };
        expect(run(sizesA)).toEqual(run(sizesB));
      },
    ),
  );

  law(
    2,
    '[C9] nothing is lost and nothing counted twice, whatever comes; late topic and late counters agree',
    fc.property(chaosArb, chaosCaseArb, (chaos, options) => {
      const fold = revenuePipeline(options);
      const entries = [...chaos, { clockMs: CLOCK + 1e9, idle: partitions }];
      const outputs = foldAll(fold, logOf(entries));
      const counters = fold.counters();
      expect(accountedFor(counters)).toBe(chaos.reduce((sum, { records = [] }) => sum + records.length, 0));
      expect(counters['in']).toBe(accountedFor(counters));

      const on = (topic: string) => outputs.filter((output) => output.topic === topic).length;
      expect(on(resultTopics.deadLetters)).toBe(counters['dead']);
      expect(on(resultTopics.quarantine)).toBe(counters['quarantined']);
      const names = ['country_1m', 'country_1h', 'merchant_1m', 'merchant_1h'];
      const missed = names.reduce((sum, name) => sum + (counters[`late_${name}`] ?? NaN), 0);
      expect(on(resultTopics.late)).toBe(missed);

      // What is in the windows of one output, and what these missed, is every record that got so far.
      const values = [...lastValues(outputs)];
      for (const name of names) {
        const counted = values
          .filter(([id]) => id.startsWith(name))
          .reduce((sum, [, v]) => sum + Number(v['count']), 0);
        const judged = (counters['folded'] ?? NaN) + (counters['late'] ?? NaN);
        expect(counted + (counters[`late_${name}`] ?? NaN)).toBe(judged);
      }
    }),
  );

  law(
    3,
    'a snapshot taken anywhere and restored elsewhere changes no byte of what follows',
    fc.property(chaosArb, chaosCaseArb, fc.nat(15), (chaos, options, cut) => {
      const entries = logOf([...chaos, { clockMs: CLOCK + 1e9, idle: partitions }]);
      const whole = revenuePipeline(options);
      foldAll(whole, entries.slice(0, cut));
      const restored = copyOf(whole, options);
      expect(withoutIds(restored.snapshot())).toEqual(withoutIds(whole.snapshot()));
      expect(textOf(foldAll(restored, entries.slice(cut)))).toEqual(textOf(foldAll(whole, entries.slice(cut))));
      expect(restored.counters()).toEqual(whole.counters());
      expect(restored.watermarkMs()).toBe(whole.watermarkMs());
      for (const name of partitions) expect(restored.partitionTimeMs(name)).toBe(whole.partitionTimeMs(name));
    }),
  );

  law(
    5,
    'the watermark never goes back, nor do revisions of a row',
    fc.property(chaosArb, chaosCaseArb, (chaos, options) => {
      const fold = revenuePipeline(options);
      let watermarkMs = -Infinity;
      for (const entry of logOf(chaos)) {
        const rows = resultsOf(fold.fold(entry));
        expect(fold.watermarkMs()).toBeGreaterThanOrEqual(watermarkMs);
        watermarkMs = fold.watermarkMs();
        const identities = rows.flatMap((row) =>
          row.kind === 'window' ? [`${row.topic} ${row.output} ${row.windowStartMs} ${row.key}`] : [],
        );
        expect(new Set(identities).size).toBe(identities.length);
        rows.forEach((row, i) => expect(row.producer.index).toBe(i));
      }
    }),
  );

  law(
    2,
    'a row is final once, before any correction, and every correction differs from the row before it',
    fc.property(chaosArb, chaosCaseArb, (chaos, options) => {
      const fold = revenuePipeline(options);
      const counts = new Map<string, number>();
      for (const row of resultsOf(foldAll(fold, logOf(chaos)))) {
        if (row.kind !== 'window' || row.state === 'provisional') continue;
        const identity = `${row.output} ${row.windowStartMs} ${row.key}`;
        const before = counts.get(identity);
        expect(row.state).toBe(before === undefined ? 'final' : 'corrected');
        expect(Number(row.values['count'])).toBeGreaterThan(before ?? 0);
        counts.set(identity, Number(row.values['count']));
      }
    }),
  );

  law(
    8,
    'the same entries give the same bytes',
    fc.property(chaosArb, chaosCaseArb, (chaos, options) => {
      const once = textOf(foldAll(revenuePipeline(options), logOf(chaos)));
      expect(textOf(foldAll(revenuePipeline(options), logOf(chaos)))).toEqual(once);
    }),
  );
});
