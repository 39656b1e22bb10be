// A record of a topic of ours as the JSON object that it is: as much is checked as a fold by revision needs.
import type { RecordBatch } from '../../sources/source.ts';

const utf8 = new TextDecoder();

/** Null for a record that is no object of this kind with a revision and a pipeline. */
export function decodeRow(
  { bytes, valueStart, valueEnd }: RecordBatch,
  index: number,
  kind: string,
): Readonly<Record<string, unknown>> | null {
  const start = valueStart[index] ?? -1;
  if (start < 0) return null;
  try {
    const parsed: unknown = JSON.parse(utf8.decode(bytes.subarray(start, valueEnd[index])));
    if (typeof parsed !== 'object' || parsed === null) return null;
    const row = parsed as Readonly<Record<string, unknown>>;
    const hasRevision = typeof row['revision'] === 'string' && /^\d+$/.test(row['revision']);
    return row['kind'] === kind && hasRevision && typeof row['pipeline'] === 'string' ? row : null;
  } catch {
    return null;
  }
}
