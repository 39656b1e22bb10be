import { connectClickHouse } from '../../sinks/clickhouse/connection.ts';
import type { NumberedRow } from './numbered-oracle.ts';

export interface CrashComparison {
  readonly windows: number;
  readonly missing: number;
  readonly extra: number;
  readonly different: number;
  /** The first few, for a person. */
  readonly examples: readonly string[];
}

const valueNames = ['count', 'numbersSum', 'lowest', 'highest', 'first', 'last'] as const;
const chunk = 5_000;

/** A full outer join, in ClickHouse, of the rows that millrace stored and those that the oracle expects. */
export async function compareInClickHouse(
  url: string,
  database: string,
  expected: ReadonlyMap<string, NumberedRow>,
): Promise<CrashComparison> {
  const client = connectClickHouse({ url });
  const oracle = `${database}.crash_oracle`;
  const ask = async <T>(query: string): Promise<T[]> =>
    (await client.query({ query, format: 'JSONCompactEachRow' })).json<T>();
  try {
    await client.command({ query: `DROP TABLE IF EXISTS ${oracle}` });
    await client.command({
      query: `CREATE TABLE ${oracle} (output String, key String, start_ms Int64, end_ms Int64, numbers String) ENGINE = MergeTree ORDER BY (output, key, start_ms)`,
    });
    const rows = [...expected].map(([id, row]) => {
      const [output, startMs, key] = id.split(' ');
      return [output, key, startMs, row.endMs, valueNames.map((name) => row[name]).join('|')];
    });
    for (let at = 0; at < rows.length; at += chunk)
      await client.insert({ table: oracle, values: rows.slice(at, at + chunk), format: 'JSONCompactEachRow' });
    const joined = joinSql(database, oracle);
    const [counts] = await ask<readonly (string | number)[]>(
      `SELECT count(), countIf(kind = 'missing'), countIf(kind = 'extra'), countIf(kind = 'different') FROM (${joined})`,
    );
    const found = await ask<readonly unknown[]>(`SELECT * FROM (${joined}) WHERE kind != 'same' LIMIT 5`);
    const [windows = 0, missing = 0, extra = 0, different = 0] = (counts ?? []).map(Number);
    return { windows, missing, extra, different, examples: found.map((row) => JSON.stringify(row)) };
  } finally {
    await client.close();
  }
}

/** One row an identity that either side knows: what is wrong with it, and both sides. */
function joinSql(database: string, oracle: string): string {
  const numbers = valueNames
    .map((name) => `replaceAll(JSONExtractRaw(\`values\`, '${name}'), '"', '')`)
    .join(`, '|', `);
  const stored = `
    SELECT output, key, toUnixTimestamp64Milli(window_start) AS start_ms, toUnixTimestamp64Milli(window_end) AS end_ms,
           concat(${numbers}) AS numbers, state, complete
    FROM ${database}.window_results_final
    WHERE pipeline = 'numbered' AND NOT startsWith(key, 'closing-')`;
  return `
    SELECT multiIf(isNull(s.key), 'missing', isNull(o.key), 'extra',
                   s.numbers = o.numbers AND s.end_ms = o.end_ms AND s.complete = 1 AND s.state IN ('final', 'corrected'),
                   'same', 'different') AS kind,
           output, key, start_ms, o.numbers AS expected, s.numbers AS stored, s.state AS state, s.complete AS complete
    FROM (${stored}) AS s FULL OUTER JOIN ${oracle} AS o USING (output, key, start_ms)
    SETTINGS join_use_nulls = 1`;
}
