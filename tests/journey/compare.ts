import { type OracleRow, type RevenueOracle, oracleIdentity } from './oracle-revenue.ts';

/** A final or corrected row as ClickHouse has it. */
export interface StoredRow {
  readonly output: string;
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly complete: number;
  readonly values: Readonly<Record<string, unknown>>;
}

export interface Comparison {
  readonly compared: number;
  /** Due by the input, and not there. */
  readonly missing: number;
  /** There, and nothing in the input for it; or there twice. */
  readonly extra: number;
  /** There with another value. */
  readonly different: number;
  /** The first few, for a person. */
  readonly examples: readonly string[];
}

const examplesMax = 5;

/** Every stored row of `revenue` against the oracle; rows that only a tick has closed are compared where they are there. */
export async function compareRevenue(oracle: RevenueOracle, stored: AsyncIterable<StoredRow>): Promise<Comparison> {
  const seen = new Set<string>();
  const counts = { compared: 0, missing: 0, extra: 0, different: 0 };
  const examples: string[] = [];
  const note = (kind: 'missing' | 'extra' | 'different', identity: string, detail: string) => {
    counts[kind] += 1;
    if (examples.length < examplesMax) examples.push(`${kind}: ${identity} ${detail}`);
  };
  for await (const row of stored) {
    const identity = oracleIdentity(row.output, row.key, row.startMs);
    const expected = oracle.rows.get(identity);
    if (!expected || seen.has(identity)) {
      note('extra', identity, JSON.stringify(row.values));
      continue;
    }
    seen.add(identity);
    counts.compared += 1;
    const why = differenceOf(expected, row);
    if (why !== null) note('different', identity, why);
  }
  for (const [identity, row] of oracle.rows)
    if (row.endMs <= oracle.watermarkMs && !seen.has(identity)) note('missing', identity, `count ${row.count}`);
  return { ...counts, examples };
}

/** Integers and keys exact, the mean within 1e-9 of itself. */
function differenceOf(expected: OracleRow, { values, endMs, complete }: StoredRow): string | null {
  if (endMs !== expected.endMs) return `ends at ${endMs}, not ${expected.endMs}`;
  if (complete !== 1) return 'is marked as not complete';
  const names = Object.keys(values).toSorted().join();
  if (names !== 'count,maxMinor,meanMinor,sumMinor') return `has the values ${names}`;
  for (const name of ['count', 'sumMinor', 'maxMinor'] as const)
    if (String(values[name]) !== String(expected[name]))
      return `${name} is ${String(values[name])}, not ${expected[name]}`;
  const mean = Number(expected.sumMinor) / Number(expected.count);
  const given = values['meanMinor'];
  const isClose = typeof given === 'number' && Math.abs(given - mean) <= 1e-9 * Math.abs(mean);
  return isClose ? null : `meanMinor is ${String(given)}, not ${mean}`;
}
