import type { ProblemCounts, ProblemRow } from '../live/messages.ts';
import { formatDuration } from './format.ts';

/** An event that was set aside, as one line of the list. All text comes from outside. */
export interface ProblemLine {
  readonly id: string;
  readonly kind: 'dead-letter' | 'late' | 'quarantined';
  readonly title: string;
  readonly message: string;
  /** `payments-3 at 1234`. */
  readonly place: string;
  readonly source: string | null;
  readonly atMs: number;
}

type SetAside = Exclude<ProblemRow, ProblemCounts>;
type Held = { readonly id: string; readonly revision: string; readonly row: ProblemRow };

/** The newest events that were set aside, the newest first. */
export function problemLines(rows: readonly Held[], countMax: number): ProblemLine[] {
  return rows
    .filter((held) => held.row.kind !== 'counts')
    .map((held) => problemLine(held.id, held.row as SetAside))
    .toSorted((a, b) => b.atMs - a.atMs || (a.id < b.id ? -1 : 1))
    .slice(0, countMax);
}

/** The source that most events set aside came from, and how many; null when none is named. */
export function worstSource(rows: readonly Held[]): { readonly source: string; readonly count: number } | null {
  const counts = rows.find((held) => held.row.kind === 'counts')?.row as ProblemCounts | undefined;
  const [worst] = Object.entries(counts?.bySource ?? {}).toSorted((a, b) => b[1] - a[1]);
  return worst ? { source: worst[0], count: worst[1] } : null;
}

function problemLine(id: string, row: SetAside): ProblemLine {
  const { topic, partition, inputOffset, timestampMs } = row.input;
  const common = { id, kind: row.kind, place: `${topic}-${partition} at ${inputOffset}`, atMs: timestampMs };
  switch (row.kind) {
    case 'dead-letter':
      return { ...common, title: row.reason, message: withField(row.message, row.fieldPath), source: row.source };
    case 'quarantined':
      return { ...common, title: 'newer than known', message: versionsOf(row), source: null };
    case 'late':
      return { ...common, title: 'late', message: lateness(row), source: row.source };
  }
}

const withField = (message: string, fieldPath: string | null): string =>
  fieldPath === null || message.includes(fieldPath) ? message : `${message} (${fieldPath})`;

const versionsOf = (row: Extract<SetAside, { kind: 'quarantined' }>): string =>
  `${row.eventType} version ${row.eventVersion}; this build knows up to ${row.newestKnownVersion}`;

const lateness = (row: Extract<SetAside, { kind: 'late' }>): string =>
  `${formatDuration(row.lateByMs)} too late for ${row.key} in ${row.output}`;
