import { oraclePartition } from './oracle-murmur.ts';
import { oracleRows } from './oracle-rows.ts';

/**
 * What the pipeline `revenue` must say about a handbook file, computed from the file alone with plain Maps and BigInt: no
 * code of the engine, no order, no batches, no crash. Payments of one id count once.
 */
export interface OracleRow {
  readonly output: string;
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  count: bigint;
  sumMinor: bigint;
  maxMinor: bigint;
}

export interface RevenueOracle {
  /** By `oracleIdentity`. */
  readonly rows: ReadonlyMap<string, OracleRow>;
  /** Windows that end at or before it are closed by the input itself. */
  readonly watermarkMs: number;
  readonly payments: number;
}

export interface OracleInput {
  readonly file: string;
  readonly rows: number;
  readonly partitions: number;
  readonly outOfOrdernessMs: number;
}

const windows = [
  ['1m', 60_000],
  ['1h', 3_600_000],
] as const;

export const oracleIdentity = (output: string, key: string, startMs: number): string => `${output} ${startMs} ${key}`;

export async function revenueOracle(input: OracleInput): Promise<RevenueOracle> {
  const rows = new Map<string, OracleRow>();
  const newestMs = new Map<number, number>();
  const seen = new Set<string>();
  for await (const row of oracleRows(input.file, input.rows)) {
    const atMs = Date.parse(`${text(row, 'TX_DATETIME')}Z`);
    const partition = oraclePartition(text(row, 'CUSTOMER_ID'), input.partitions);
    newestMs.set(partition, Math.max(newestMs.get(partition) ?? -Infinity, atMs));
    if (seen.has(text(row, 'TRANSACTION_ID'))) continue;
    seen.add(text(row, 'TRANSACTION_ID'));
    const minor = minorOf(text(row, 'TX_AMOUNT'));
    for (const [window, sizeMs] of windows) {
      addTo(rows, `country_${window}`, 'unknown/EUR', atMs, sizeMs, minor);
      addTo(rows, `merchant_${window}`, `${text(row, 'TERMINAL_ID')}/EUR`, atMs, sizeMs, minor);
    }
  }
  const newest = Array.from({ length: input.partitions }, (_, p) => newestMs.get(p)).filter((ms) => ms !== undefined);
  return { rows, watermarkMs: Math.min(...newest) - input.outOfOrdernessMs, payments: seen.size };
}

function addTo(
  rows: Map<string, OracleRow>,
  output: string,
  key: string,
  atMs: number,
  sizeMs: number,
  minor: bigint,
): void {
  const startMs = atMs - (atMs % sizeMs);
  const identity = oracleIdentity(output, key, startMs);
  const row = rows.get(identity);
  if (!row) {
    rows.set(identity, { output, key, startMs, endMs: startMs + sizeMs, count: 1n, sumMinor: minor, maxMinor: minor });
    return;
  }
  row.count += 1n;
  row.sumMinor += minor;
  if (minor > row.maxMinor) row.maxMinor = minor;
}

/** `98.10000000000001` → 9810n, by its digits, rounded half up. */
function minorOf(amount: string): bigint {
  const [whole = '', fraction = ''] = amount.split('.');
  if (!/^\d+$/.test(whole) || !/^\d*$/.test(fraction)) throw new Error('the oracle reads plain decimals only');
  const milli = BigInt(whole + fraction.padEnd(3, '0').slice(0, 3));
  return (milli + 5n) / 10n;
}

function text(row: ReadonlyMap<string, string>, column: string): string {
  const value = row.get(column);
  if (value === undefined || value === '') throw new Error(`the file lacks ${column}`);
  return value;
}
