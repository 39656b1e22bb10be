// Messages as the text of frames. A row is made text once, however many frames it goes into.
import type { LiveRow, ServerMessage } from '../../live/messages.ts';

const texts = new WeakMap<LiveRow, string>();

/** Any message but those with rows. */
export function frameOf(message: Exclude<ServerMessage, { readonly kind: 'snapshot' | 'delta' }>): string {
  return JSON.stringify(message);
}

export interface SnapshotHead {
  readonly feed: number;
  readonly part: number;
  readonly isLast: boolean;
  readonly isPartial: boolean;
  readonly seq: number;
  readonly resume: string;
}

export function snapshotFrame(head: SnapshotHead, rows: readonly LiveRow[]): string {
  return `${JSON.stringify({ kind: 'snapshot', ...head }).slice(0, -1)},"rows":${rowsText(rows)}}`;
}

export interface DeltaHead {
  readonly feed: number;
  readonly prev: number;
  readonly seq: number;
  readonly resume: string;
}

export function deltaFrame(head: DeltaHead, rows: readonly LiveRow[], expired: readonly LiveRow[]): string {
  const ids = JSON.stringify(expired.map(({ id }) => id));
  return `${JSON.stringify({ kind: 'delta', ...head }).slice(0, -1)},"rows":${rowsText(rows)},"expired":${ids}}`;
}

const rowsText = (rows: readonly LiveRow[]): string => `[${rows.map(textOf).join(',')}]`;

function textOf(row: LiveRow): string {
  const known = texts.get(row);
  if (known !== undefined) return known;
  const made = JSON.stringify(row);
  texts.set(row, made);
  return made;
}
