import { isNewer, type LiveRow } from './messages.ts';

/** A client's copy of one subscription: exactly the server's rows as of `seq`. */
export interface RowStore<Row> {
  /** Sequence of the newest message applied; null: nothing to go on from. */
  readonly seq: number | null;
  /** What to resume with; null as above. */
  readonly resume: string | null;
  readonly rows: ReadonlyMap<string, LiveRow<Row>>;
  /** The parts of a snapshot: null until the last one is here, then its rows, which replace all; `gap`: a part is missing. */
  snapshot(part: SnapshotPart<Row>): readonly LiveRow<Row>[] | null | 'gap';
  /** The rows that changed something (tombstones included) and the identities that left, or `gap`: it does not follow. */
  delta(delta: DeltaPart<Row>): StoreChange<Row> | 'gap';
  /** Forgets where to go on from; rows stay until the next snapshot. */
  detach(): void;
}

export interface SnapshotPart<Row> {
  readonly part: number;
  readonly isLast: boolean;
  readonly seq: number;
  readonly resume: string;
  readonly rows: readonly LiveRow<Row>[];
}

export interface DeltaPart<Row> {
  readonly prev: number;
  readonly seq: number;
  readonly resume: string;
  readonly rows: readonly LiveRow<Row>[];
  readonly expired: readonly string[];
}

export interface StoreChange<Row> {
  readonly rows: readonly LiveRow<Row>[];
  readonly expired: readonly string[];
}

/** True for a row that says that its identity exists no longer. */
export const isTombstone = ({ row }: LiveRow): boolean =>
  typeof row === 'object' && row !== null && 'state' in row && row.state === 'tombstone';

/** An empty store. Of an identity it keeps the highest revision. */
export function createRowStore<Row>(): RowStore<Row> {
  const rows = new Map<string, LiveRow<Row>>();
  let parts: LiveRow<Row>[] = [];
  let nextPart = 0;
  let seq: number | null = null;
  let resume: string | null = null;

  const apply = (row: LiveRow<Row>): boolean => {
    const known = rows.get(row.id);
    if (known && !isNewer(row.revision, known.revision)) return false;
    if (isTombstone(row)) rows.delete(row.id);
    else rows.set(row.id, row);
    return true;
  };
  return {
    get seq() {
      return seq;
    },
    get resume() {
      return resume;
    },
    rows,
    snapshot(part) {
      if (part.part === 0) parts = [];
      else if (part.part !== nextPart) return 'gap';
      nextPart = part.part + 1;
      for (const row of part.rows) parts.push(row);
      if (!part.isLast) return null;
      rows.clear();
      for (const row of parts) apply(row);
      parts = [];
      ({ seq, resume } = part);
      return [...rows.values()];
    },
    delta(delta) {
      if (seq === null || delta.prev > seq) return 'gap';
      ({ seq, resume } = delta);
      return { rows: delta.rows.filter(apply), expired: delta.expired.filter((id) => rows.delete(id)) };
    },
    detach() {
      seq = null;
      resume = null;
      parts = [];
      nextPart = 0;
    },
  };
}
