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
  /** Windows that were published while they held something: `output start`. */
  readonly #closed = new Set<string>();
  readonly #ids = new Set<string>();
  readonly #newestOf = new Map<string, number>();
  #watermarkMs = -Infinity;
  #newestMs = -Infinity;
  #activeMs = -Infinity;
  #step = -Infinity;
  #incompleteBeforeMs = -Infinity;
  #isGapOpen = false;

  constructor(rules: OracleRules) {
    this.#rules = rules;
  }

  /** True while a window holds records that were never published as final. */
  hasOpen(): boolean {
    return [...this.#panes.values()].some(({ wasPublished }) => !wasPublished);
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
    this.counters[taken > 0 ? 'folded' : 'late']++;
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
      rows.push(this.#windowRow(pane, isFinal ? (pane.wasPublished ? 'corrected' : 'final') : 'provisional', entry));
      pane.isChanged = false;
      if (isFinal) pane.wasPublished = true;
    }
    for (const window of closing) this.#closed.add(window);
  }

  #windowRow({ output, key, startMs, endMs, amounts }: Pane, state: string, entry: Applied): OracleRow {
    const complete = startMs < this.#incompleteBeforeMs ? 0 : 1;
    const watermarkMs = Number.isFinite(this.#watermarkMs) ? this.#watermarkMs : 0;
    return {
      epoch: entry.epoch,
      table: 'window_results',
      identity: `window ${output} ${startMs} ${key}`,
      text: textOf([
        ...[output, key, startMs, endMs, state, complete, watermarkMs, entry.clockMs],
        ...[valuesOf(amounts), revisionOf(entry), entry.entryId],
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
