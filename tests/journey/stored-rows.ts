import type { StoredRow } from './compare.ts';

const outputs = ['country_1m', 'country_1h', 'merchant_1m', 'merchant_1h'] as const;

/** The final and corrected rows of `revenue`, straight over ClickHouse's HTTP interface. */
export async function* storedRevenue(url: string, database: string): AsyncGenerator<StoredRow> {
  for (const output of outputs) {
    const sql = `
      SELECT output, key, toUnixTimestamp64Milli(window_start) AS start_ms, toUnixTimestamp64Milli(window_end) AS end_ms,
             complete, \`values\`
      FROM ${database}.window_results_final
      WHERE pipeline = 'revenue' AND output = '${output}' AND state IN ('final', 'corrected')
      FORMAT JSONCompactEachRow`;
    for await (const line of linesOf(await query(url, sql))) {
      const [name, key, startMs, endMs, complete, values] = JSON.parse(line) as [
        string,
        string,
        string,
        string,
        number,
        string,
      ];
      const times = { startMs: Number(startMs), endMs: Number(endMs) };
      yield { output: name, key, ...times, complete, values: JSON.parse(values) as Record<string, unknown> };
    }
  }
  const others = `SELECT count() FROM ${database}.window_results_final WHERE pipeline = 'revenue' AND output NOT IN ('${outputs.join("','")}') FORMAT TSV`;
  if (Number(await (await query(url, others)).text()) > 0)
    throw new Error('revenue has outputs that the oracle does not know');
}

/** Records of a topic in the archive. */
export async function archivedCount(url: string, database: string, topic: string): Promise<number> {
  const sql = `SELECT count() FROM ${database}.events FINAL WHERE topic = '${topic}' FORMAT TSV`;
  return Number(await (await query(url, sql)).text());
}

/** A statement's answer, line by line. */
export async function* queryLines(url: string, sql: string): AsyncGenerator<string> {
  yield* linesOf(await query(url, sql));
}

async function query(url: string, sql: string): Promise<Response> {
  const response = await fetch(url, { method: 'POST', body: sql });
  if (!response.ok) throw new Error(`ClickHouse: ${(await response.text()).slice(0, 300)}`);
  return response;
}

async function* linesOf(response: Response): AsyncGenerator<string> {
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}
