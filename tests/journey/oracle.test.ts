import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { partitionOf } from '../../kafka/partitioner.ts';
import type { Fold, FoldOutput } from '../../tasks/contract.ts';
import { breakFold } from './break-fold.ts';
import { type StoredRow, compareRevenue } from './compare.ts';
import { oraclePartition } from './oracle-murmur.ts';
import { type RevenueOracle, revenueOracle } from './oracle-revenue.ts';

const csv = `TRANSACTION_ID,TX_DATETIME,CUSTOMER_ID,TERMINAL_ID,TX_AMOUNT
0,2018-04-01T00:00:10,1,7,10.00
1,2018-04-01T00:00:50,2,7,0.99
2,2018-04-01T00:01:00,3,8,98.10000000000001
1,2018-04-01T00:00:50,2,7,0.99
3,2018-04-01T00:02:06,4,8,1
`;
const dayMs = Date.UTC(2018, 3, 1);

describe('the oracle of revenue', () => {
  let folder = '';
  let oracle: RevenueOracle;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'millrace-oracle-'));
    const file = join(folder, 'payments.csv');
    await writeFile(file, csv);
    oracle = await revenueOracle({ file, rows: 100, partitions: 1, outOfOrdernessMs: 5_000 });
  });
  afterAll(() => rm(folder, { recursive: true }));

  const stored = (): StoredRow[] =>
    [...oracle.rows.values()].map(({ output, key, startMs, endMs, count, sumMinor, maxMinor }) => ({
      output,
      key,
      startMs,
      endMs,
      complete: 1,
      values: {
        count: Number(count),
        sumMinor: Number(sumMinor),
        maxMinor: Number(maxMinor),
        meanMinor: Number(sumMinor) / Number(count),
      },
    }));
  const compare = (rows: readonly StoredRow[]) => compareRevenue(oracle, fromArray(rows));

  it('adds by the digits, counts an id once, and closes by the slowest partition', () => {
    expect(oracle.payments).toBe(4);
    expect(oracle.watermarkMs).toBe(dayMs + 121_000);
    expect(oracle.rows.get(`merchant_1m ${dayMs} 7/EUR`)).toMatchObject({
      count: 2n,
      sumMinor: 1_099n,
      maxMinor: 1_000n,
    });
    expect(oracle.rows.get(`country_1h ${dayMs} unknown/EUR`)).toMatchObject({ count: 4n, sumMinor: 11_009n });
    expect(oracle.rows.size).toBe(3 + 3 + 1 + 2);
  });

  it('partitions as every Kafka producer does', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.integer({ min: 1, max: 64 }), (key, partitions) => {
        expect(oraclePartition(key, partitions)).toBe(partitionOf(Buffer.from(key), partitions));
      }),
    );
  });

  it('finds nothing in rows that are right, whether a tick has closed the last windows or not', async () => {
    expect(await compare(stored())).toMatchObject({ compared: 9, missing: 0, extra: 0, different: 0 });
    const closed = stored().filter(({ endMs }) => endMs <= oracle.watermarkMs);
    expect(await compare(closed)).toMatchObject({ compared: 4, missing: 0, extra: 0, different: 0 });
  });

  it('finds a row that is missing, one too many, one twice, and every wrong value', async () => {
    const rows = stored();
    const [first] = rows;
    if (!first) throw new Error('no rows');
    expect(await compare(rows.slice(1))).toMatchObject({ missing: 1, extra: 0, different: 0 });
    expect(await compare([...rows, { ...first, key: 'XX/EUR' }])).toMatchObject({ missing: 0, extra: 1, different: 0 });
    expect(await compare([...rows, first])).toMatchObject({ missing: 0, extra: 1, different: 0 });
    for (const change of [{ count: 9 }, { sumMinor: 1_100 }, { maxMinor: 0 }, { meanMinor: 549.5001 }, { more: 1 }])
      expect(await compare([{ ...first, values: { ...first.values, ...change } }, ...rows.slice(1)])).toMatchObject({
        missing: 0,
        extra: 0,
        different: 1,
      });
    expect(await compare([{ ...first, complete: 0 }, ...rows.slice(1)])).toMatchObject({ different: 1 });
  });

  it('is shown a wrong value by a broken fold: one final row, once', () => {
    const row = (state: string): FoldOutput => ({
      topic: 'millrace.windows',
      key: 'k',
      value: Buffer.from(JSON.stringify({ state, values: { sumMinor: 5 } })),
    });
    const fold = { fold: () => [row('corrected'), row('final'), row('final')] } as unknown as Fold;
    const broken = breakFold(fold);
    const sums = () =>
      broken
        .fold({} as never)
        .map(
          ({ value }) =>
            (JSON.parse(Buffer.from(value).toString()) as { values: { sumMinor: number } }).values.sumMinor,
        );
    expect(sums()).toEqual([5, 6, 5]);
    expect(sums()).toEqual([5, 5, 5]);
  });
});

async function* fromArray<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
