// A record of a result topic as the result that it is, or null: a record that is no result is counted and left to the sink that
// keeps such things. Redelivery: the same bytes give the same result.
import type { Result } from '../../events/results.ts';
import type { RecordBatch } from '../../sources/source.ts';

const utf8 = new TextDecoder();
const kinds: ReadonlySet<unknown> = new Set<Result['kind']>(['window', 'dead-letter', 'quarantined', 'late']);

export function decodeResult({ bytes, valueStart, valueEnd }: RecordBatch, index: number): Result | null {
  const start = valueStart[index] ?? -1;
  if (start < 0) return null;
  try {
    const parsed: unknown = JSON.parse(utf8.decode(bytes.subarray(start, valueEnd[index])));
    return isResult(parsed) ? parsed : null;
  } catch {
    return null;
  }
}

/** Our own producers write these topics: as much is checked as folding needs. */
function isResult(value: unknown): value is Result {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, revision, pipeline } = value as Record<string, unknown>;
  return kinds.has(kind) && typeof revision === 'string' && /^\d+$/.test(revision) && typeof pipeline === 'string';
}
