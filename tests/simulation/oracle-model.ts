import { OracleSessions } from './oracle-sessions.ts';
import type { SessionRow, SessionRules } from './oracle-sessions.ts';

/**
 * What the pipeline of the simulation must give for a sequence of counting entries, worked out again with none of the
 * engine's code: every accepted record is kept, and a row is made of all records of its window.
 */
export interface Applied {
  readonly shard: number;
  readonly epoch: number;
  readonly orderOffset: bigint;
  readonly entryId: string;
  readonly clockMs: number;
  readonly idle: readonly string[];
  readonly partitions: readonly string[];
  readonly hasSkip: boolean;
  readonly records: readonly AppliedRecord[];
}

export interface AppliedRecord {
  readonly partition: string;
  readonly offset: bigint;
  readonly timestampMs: number;
  readonly text: string;
}

/** One row that must be published. `text` is all of it, for comparing; `identity` what makes it one and the same. */
export interface OracleRow {
  readonly table: 'window_results' | 'late_records' | 'dead_letters';
  readonly identity: string;
  readonly text: string;
  readonly epoch: number;
}

/** The numbers of the pipeline under test, by name. */
export interface OracleRules {
  readonly outOfOrdernessMs: number;
  readonly allowedLatenessMs: number;
  readonly provisionalEveryMs: number;
  readonly maxFutureMs: number;
  readonly outputs: readonly { readonly output: string; readonly sizeMs: number; readonly advanceMs: number }[];
  readonly session: SessionRules;
}

interface Pane {
  readonly output: string;
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly amounts: number[];
  wasPublished: boolean;
  isChanged: boolean;
}

interface Told {
  readonly output: string;
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly values: string;
  /** Events from here on are in it: an accepted gap before it makes it incomplete. */
  readonly needsFromMs: number;
}

interface Event {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly eventTimeMs: number;
  readonly amount: number;
}

export class OracleModel {
  readonly counters = { in: 0, folded: 0, duplicate: 0, late: 0, dead: 0, ignored: 0 };
  readonly #rules: OracleRules;
  readonly #panes = new Map<string, Pane>();
  readonly #sessions: OracleSessions;
  /** Windows that were published while they held something: `output start`. */
  readonly #closed = new Set<string>();
  readonly #ids = new Set<string>();
  readonly #newestOf = new Map<string, number>();
  /** Of this entry. */
  #pending: SessionRow[] = [];
  #watermarkMs = -Infinity;
  #newestMs = -Infinity;
  #activeMs = -Infinity;
  #step = -Infinity;
  #incompleteBeforeMs = -Infinity;
  #isGapOpen = false;

  constructor(rules: OracleRules) {
    this.#rules = rules;
    this.#sessions = new OracleSessions(rules.session);
  }

  /** True while a window holds records that were never published as final. */
  hasOpen(): boolean {
    return this.#sessions.hasOpen() || [...this.#panes.values()].some(({ wasPublished }) => !wasPublished);
  }

  apply(entry: Applied): OracleRow[] {
    const rows: OracleRow[] = [];
    const active = entry.partitions.filter((name) => !entry.idle.includes(name));
    this.#advance(active);
    for (const record of entry.records) this.#read(record, entry, active, rows);
    const read = entry.records.length > 0;
    if (entry.hasSkip) this.#isGapOpen = true;
    if (this.#isGapOpen) this.#incompleteBeforeMs = Math.max(this.#incompleteBeforeMs, this.#newestMs);
    if (read) [this.#isGapOpen, this.#activeMs] = [false, entry.clockMs];
    const isSilent = entry.partitions.length > 0 && active.length === 0 && this.#newestMs > -Infinity;
    const silentUpToMs = this.#newestMs + entry.clockMs - this.#activeMs - this.#rules.outOfOrdernessMs;
    this.#publish(entry, isSilent ? Math.max(this.#watermarkMs, silentUpToMs) : this.#watermarkMs, rows);
    return rows;
  }

  #advance(active: readonly string[]): void {
    if (active.length === 0) return;
    const slowest = Math.min(...active.map((name) => this.#newestOf.get(name) ?? -Infinity));
    this.#watermarkMs = Math.max(this.#watermarkMs, slowest - this.#rules.outOfOrdernessMs);
  }

  #read(record: AppliedRecord, entry: Applied, active: readonly string[], rows: OracleRow[]): void {
    this.counters.in++;
    const event = record.text.startsWith('{') ? (JSON.parse(record.text) as Event) : null;
    const latestMs = Math.min(entry.clockMs, record.timestampMs) + this.#rules.maxFutureMs;
    if (!event || event.eventTimeMs > latestMs) {
      this.counters.dead++;
      rows.push(deadRow(event ? 'future' : 'undecodable', record, entry));
      return;
    }
    const judgedAtMs = this.#watermarkMs;
    const { partition } = record;
    this.#newestOf.set(partition, Math.max(this.#newestOf.get(partition) ?? -Infinity, event.eventTimeMs));
    this.#newestMs = Math.max(this.#newestMs, event.eventTimeMs);
    this.#advance(active);
    if (event.type !== 'sim') this.counters.ignored++;
    else if (this.#ids.has(event.id)) this.counters.duplicate++;
    else this.#take(event, record, judgedAtMs, entry, rows);
  }

  #take(event: Event, record: AppliedRecord, judgedAtMs: number, entry: Applied, rows: OracleRow[]): void {
    this.#ids.add(event.id);
    let taken = 0;
    for (const { output, startMs, endMs } of this.#windowsOf(event)) {
      if (endMs + this.#rules.allowedLatenessMs <= judgedAtMs) {
        const lateByMs = judgedAtMs - endMs - this.#rules.allowedLatenessMs;
        rows.push(lateRow({ output, startMs, endMs, lateByMs, judgedAtMs }, event, record, entry));
        continue;
      }
      const id = `${output} ${startMs} ${event.key}`;
      const fresh = { output, key: event.key, startMs, endMs, amounts: [], wasPublished: false, isChanged: false };
      const pane: Pane = this.#panes.get(id) ?? fresh;
      this.#panes.set(id, pane);
      pane.amounts.push(event.amount);
      pane.isChanged = true;
      taken++;
    }
    taken += this.#takeSession(event, record, judgedAtMs, entry, rows);
    this.counters[taken > 0 ? 'folded' : 'late']++;
  }

  #takeSession(event: Event, record: AppliedRecord, judgedAtMs: number, entry: Applied, rows: OracleRow[]): number {
    const { output, gapMs, allowedLatenessMs } = this.#rules.session;
    const { key, eventTimeMs: startMs, amount } = event;
    // A row says the watermark after the entry: those of sessions that are forgotten in its middle wait for its end.
    const emit = (row: SessionRow): void => void this.#pending.push(row);
    if (this.#sessions.take(key, startMs, amount, judgedAtMs, emit)) return 1;
    const endMs = startMs + gapMs;
    const lateByMs = judgedAtMs - endMs - allowedLatenessMs;
    rows.push(lateRow({ output, startMs, endMs, lateByMs, judgedAtMs }, event, record, entry));
    return 0;
  }

  #windowsOf({ eventTimeMs }: Event): { readonly output: string; readonly startMs: number; readonly endMs: number }[] {
    return this.#rules.outputs.flatMap(({ output, sizeMs, advanceMs }) => {
      const windows = [];
      for (let startMs = eventTimeMs - (eventTimeMs % advanceMs); startMs + sizeMs > eventTimeMs; startMs -= advanceMs)
        windows.push({ output, startMs, endMs: startMs + sizeMs });
      return windows;
    });
  }

  #publish(entry: Applied, upToMs: number, rows: OracleRow[]): void {
    const step = Math.floor(entry.clockMs / this.#rules.provisionalEveryMs);
    const isStep = step > this.#step;
    if (isStep) this.#step = step;
    const closing = new Set<string>();
    for (const [id, pane] of this.#panes) {
      const window = `${pane.output} ${pane.startMs}`;
      const isClosed = this.#closed.has(window);
      if (!isClosed && pane.endMs <= upToMs) closing.add(window);
      const isDue = isClosed || pane.endMs <= upToMs ? pane.isChanged || !pane.wasPublished : isStep && pane.isChanged;
      const isOver = pane.endMs + this.#rules.allowedLatenessMs <= this.#watermarkMs;
      if (isOver) this.#panes.delete(id);
      if (!isDue) continue;
      const isFinal = isClosed || pane.endMs <= upToMs;
      const shown = { ...pane, values: valuesOf(pane.amounts), needsFromMs: pane.startMs };
      rows.push(this.#windowRow(shown, isFinal ? (pane.wasPublished ? 'corrected' : 'final') : 'provisional', entry));
      pane.isChanged = false;
      if (isFinal) pane.wasPublished = true;
    }
    for (const window of closing) this.#closed.add(window);
    const emit = (row: SessionRow): void => void this.#pending.push(row);
    this.#sessions.publish(upToMs, isStep, emit);
    this.#sessions.drop(this.#watermarkMs, emit);
    const { output, gapMs } = this.#rules.session;
    for (const { startMs, state, amounts, ...row } of this.#pending) {
      const values = amounts === null ? '{}' : valuesOf(amounts);
      rows.push(this.#windowRow({ ...row, output, startMs, values, needsFromMs: startMs - gapMs }, state, entry));
    }
    this.#pending = [];
  }

  #windowRow({ output, key, startMs, endMs, values, needsFromMs }: Told, state: string, entry: Applied): OracleRow {
    const complete = needsFromMs < this.#incompleteBeforeMs ? 0 : 1;
    const watermarkMs = Number.isFinite(this.#watermarkMs) ? this.#watermarkMs : 0;
    return {
      epoch: entry.epoch,
      table: 'window_results',
      identity: `window ${output} ${startMs} ${key}`,
      text: textOf([
        ...[output, key, startMs, endMs, state, complete, watermarkMs, entry.clockMs],
        ...[values, revisionOf(entry), entry.entryId],
      ]),
    };
  }
}

const valuesOf = (amounts: readonly number[]): string =>
  JSON.stringify({ count: amounts.length, sum: amounts.reduce((a, b) => a + b, 0), max: Math.max(...amounts) });

/** `epoch << 48 | order offset`. */
const revisionOf = ({ epoch, orderOffset }: Applied): string => String(BigInt(epoch) * 2n ** 48n + orderOffset);

/** The cells of a row as one text: all are compared. */
export const textOf = (cells: readonly unknown[]): string => cells.map(String).join('|');

function deadRow(reason: string, { partition, offset }: AppliedRecord, entry: Applied): OracleRow {
  const identity = `dead ${entry.epoch} ${partition} ${offset}`;
  const text = textOf([reason, entry.epoch, partition, offset, revisionOf(entry), entry.entryId]);
  return { table: 'dead_letters', identity, text, epoch: entry.epoch };
}

interface Missed {
  readonly output: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly lateByMs: number;
  readonly judgedAtMs: number;
}

function lateRow(
  { output, startMs, endMs, lateByMs, judgedAtMs }: Missed,
  { id, key, eventTimeMs, amount }: Event,
  { partition, offset }: AppliedRecord,
  entry: Applied,
): OracleRow {
  return {
    epoch: entry.epoch,
    table: 'late_records',
    identity: `late ${output} ${startMs} ${key} ${entry.epoch} ${partition} ${offset}`,
    text: textOf([
      ...[output, key, startMs, endMs, id, eventTimeMs, judgedAtMs, lateByMs, valuesOf([amount])],
      ...[partition, offset, revisionOf(entry), entry.entryId],
    ]),
  };
}
