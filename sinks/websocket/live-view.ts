// The rows of one channel, held once for all viewers, with a sequence over what changed.
// Guarantees: of an identity the highest revision stays, whatever came first; what changed after any sequence that is still
// remembered can be told (so a slow or returning client needs no queue of its own: it asks what changed since).
// Redelivery: a row that is no newer than the one held changes nothing.
import { isNewer, type LiveRow } from '../../live/messages.ts';

/** `held`: no snapshot yet, subscribers wait; `partial`: only what came since the start, the store being away. */
export type Readiness = 'held' | 'partial' | 'complete';

/** What changed after `prev` up to `seq`: one frame's worth. */
export interface Tick {
  readonly prev: number;
  readonly seq: number;
  readonly rows: readonly LiveRow[];
  readonly expired: readonly LiveRow[];
}

export interface LiveViewLimits {
  /** Rows of one frame. */
  readonly frameRowsMax: number;
  /** How long a sequence may be resumed from. */
  readonly resumeWindowMs: number;
  /** Expired rows remembered for those who resume. */
  readonly resumeMessagesMax: number;
}

interface Entry {
  readonly row: LiveRow;
  /** Sequence that it was published with; Infinity: not published yet. */
  readonly seq: number;
}

export class LiveView {
  readiness: Readiness = 'held';
  /** Of the last published change. */
  seq = 0;
  /** Counts the times that everything had to be built again: what was sent before is no base. */
  generation = 1;
  readonly #limits: LiveViewLimits;
  readonly #entries = new Map<string, Entry>();
  readonly #changed = new Set<string>();
  #expired: LiveRow[] = [];
  #removals: { readonly seq: number; readonly row: LiveRow }[] = [];
  #published: { readonly seq: number; readonly atMs: number }[] = [];
  #floorSeq = 0;

  constructor(limits: LiveViewLimits) {
    this.#limits = limits;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Something is to be published. */
  get isChanged(): boolean {
    return this.#changed.size > 0 || this.#expired.length > 0;
  }

  get(id: string): LiveRow | undefined {
    return this.#entries.get(id)?.row;
  }

  /** True when the row is new or newer. */
  put(row: LiveRow): boolean {
    const known = this.#entries.get(row.id);
    if (known && !isNewer(row.revision, known.row.revision)) return false;
    this.#entries.set(row.id, { row, seq: Infinity });
    this.#changed.add(row.id);
    return true;
  }

  /** The row leaves the bounded view. */
  expire(id: string): void {
    const known = this.#entries.get(id);
    if (!known) return;
    this.#entries.delete(id);
    this.#changed.delete(id);
    this.#expired.push(known.row);
  }

  /** Numbers what has changed since the last call; a burst gives several ticks of at most `frameRowsMax` rows. */
  publish(nowMs: number): readonly Tick[] {
    this.#forget(nowMs);
    const ticks: Tick[] = [];
    const ids = [...this.#changed];
    for (let from = 0; from < ids.length || this.#expired.length > 0; from += this.#limits.frameRowsMax) {
      const seq = this.seq + 1;
      const rows = this.#number(ids.slice(from, from + this.#limits.frameRowsMax), seq);
      const expired = this.#expired.filter(this.#isGone);
      for (const row of expired) this.#removals.push({ seq, row });
      ticks.push({ prev: this.seq, seq, rows, expired });
      this.#expired = [];
      this.seq = seq;
    }
    this.#changed.clear();
    if (ticks.length > 0) this.#published.push({ seq: this.seq, atMs: nowMs });
    return ticks;
  }

  /** What changed after `seq` (which `canResume`), what is not published yet included. */
  since(seq: number): { readonly rows: readonly LiveRow[]; readonly expired: readonly LiveRow[] } {
    const rows: LiveRow[] = [];
    for (const entry of this.#entries.values()) if (entry.seq > seq) rows.push(entry.row);
    const expired = this.#removals.filter((removal) => removal.seq > seq).map(({ row }) => row);
    return { rows, expired: [...expired, ...this.#expired].filter(this.#isGone) };
  }

  canResume(seq: number): boolean {
    return seq >= this.#floorSeq && seq <= this.seq;
  }

  /** Every row, tombstones included. */
  *rows(): Generator<LiveRow> {
    for (const { row } of this.#entries.values()) yield row;
  }

  /** A row that left may have come back: who hears of both would drop it. */
  readonly #isGone = ({ id }: LiveRow): boolean => !this.#entries.has(id);

  #number(ids: readonly string[], seq: number): LiveRow[] {
    return ids.flatMap((id) => {
      const entry = this.#entries.get(id);
      if (!entry) return [];
      this.#entries.set(id, { row: entry.row, seq });
      return [entry.row];
    });
  }

  #forget(nowMs: number): void {
    const { resumeWindowMs, resumeMessagesMax } = this.#limits;
    const keepFrom = this.#published.findIndex(({ atMs }) => atMs > nowMs - resumeWindowMs);
    const goneBefore = keepFrom < 0 ? this.#published.length : keepFrom;
    // A client that was at the last published sequence of the window's start has missed nothing before it.
    const newestGone = this.#published[goneBefore - 1];
    if (newestGone) this.#floorSeq = Math.max(this.#floorSeq, newestGone.seq);
    if (goneBefore > 0) this.#published.splice(0, goneBefore);
    const surplus = this.#removals[this.#removals.length - resumeMessagesMax - 1];
    if (surplus) this.#floorSeq = Math.max(this.#floorSeq, surplus.seq);
    this.#removals = this.#removals.filter(({ seq }) => seq > this.#floorSeq);
  }
}
