import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';

/** The first `limit` data rows of a CSV file (by name: `.gz` is gzip) as column → text. For files without quotes, which it refuses. */
export async function* oracleRows(file: string, limit: number): AsyncGenerator<ReadonlyMap<string, string>> {
  const raw = createReadStream(file);
  const lines = createInterface({ input: file.endsWith('.gz') ? raw.pipe(createGunzip()) : raw });
  let header: readonly string[] | null = null;
  let count = 0;
  for await (const line of lines) {
    if (line.includes('"')) throw new Error('the oracle reads no quoted CSV');
    const fields = line.split(',');
    if (header === null) {
      header = fields;
      continue;
    }
    if (count++ >= limit) break;
    yield new Map(header.map((name, i) => [name, fields[i] ?? '']));
  }
  lines.close();
  raw.destroy();
}
