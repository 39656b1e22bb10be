// The windowed operator: keyed aggregates over event-time windows, published as provisional, final and corrected rows.
// Guarantees: a record is folded into every window that still accepts it, or refused whole (dead letter) before anything was
// added; each window that it misses gets a late record; lateness is judged by the record's own watermark, so batches do not matter.
// Redelivery: duplicates were dropped before; the same batches give the same rows.
import { Aggregator, aheadMax } from './aggregator.ts';
import type { RecordBatch } from '../sources/source.ts';
import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import {
  appended,
  type EntryContext,
  type Output,
  type Rejected,
  type StreamBatch,
  type StreamRecord,
} from './batch.ts';
import type { TimedEvent } from './batch.ts';
import { failureText } from './ingest.ts';
import type { JsonBytes } from './json-bytes.ts';
import { beginPlain, joined, split } from './pieces.ts';
import { RowWriter } from './row-writer.ts';
import { type RecordSteps, RecordTime, type Stage, stageOf } from './stage.ts';
import { type EntryEnd, endRow, lateIdentity, lateRow, refusal } from './window-rows.ts';
import { type WindowRow, windowIdentity, windowRow } from './window-rows.ts';
import type { View, ViewOutput } from './view.ts';
import { RunOutput, WindowRun } from './window-run.ts';
import type { CellsWindow, EmitRows, RowState } from './window-store.ts';

export interface WindowedOptions<E> {
  readonly views: readonly View<E>[];
  /** How long after its end a window takes corrections. */
  readonly allowedLatenessMs: number;
  /** Open windows are published when the logged clock passes a multiple of this. */
  readonly provisionalEveryMs: number;
  /** Keys with state, over all views; a new one beyond is refused. */
  readonly keysMax: number;
  /** (key, window) pairs with state, over all views; a new one beyond is refused. */
  readonly cellsMax: number;
  /** Of several tasks with keys of their own: whether a key is of this one. Windows of others are not made. Absent: all are. */
  readonly owns?: ((key: string) => boolean) | undefined;
  readonly topics: { readonly windows: string; readonly provisional: string; readonly late: string };
}

/**
 * Counts `folded`, `late` (records), `late_<output>` (windows missed), `expired` ((key, window) pairs that went with their time), and
 * the gauges `keys` and `cells`. What the limits refuse is a dead letter `state_full`.
 */
export function windowed<E extends TimedEvent>(options: WindowedOptions<E>): WindowedStage<E> {
  const core = new Windowed(options);
  const stage = stageOf(core);
  const { operator } = stage;
  const steps: RecordSteps<E> = {
    operator,
    open: (entry) => core.open(entry),
    approach: (batch, from) => core.approach(batch, from),
    take: (event, batch, index, time) => core.take(event, batch, index, time),
    close: (batch) => core.close(batch),
  };
  return { ...stage, steps };
}

export interface WindowedStage<E> extends Stage<StreamBatch<E>, StreamBatch<E>> {
  readonly steps: RecordSteps<E>;
}

class Windowed<E extends TimedEvent> implements Omit<RecordSteps<E>, 'operator'> {
  private readonly options: WindowedOptions<E>;
  private readonly aggregator: Aggregator<E>;
  private folded = 0;
  private late = 0;
  private readonly missedOf = new Map<string, number>();
  private provisionalStep = -Infinity;
  private readonly writer = new RowWriter();
  /** Of the entry that is folded. */
  private clockMs = 0;
  private outputs: Output[] = [];
  private rejected: Rejected[] = [];
  /** Of rows of windows that went before the entry's end was known. */
  private readonly early: ((end: EntryEnd) => void)[] = [];
  private readonly runs: WindowRun[] = [];

  constructor(options: WindowedOptions<E>) {
    this.options = options;
    this.aggregator = new Aggregator(options);
    for (const { outputs } of options.views) for (const { name } of outputs) this.missedOf.set(name, 0);
  }

  apply(batch: StreamBatch<E>): StreamBatch<E> {
    const { records, watermarkMs } = batch;
    const time = new RecordTime();
    this.open(batch.entry);
    for (let i = 0; i < records.length; i++) {
      const { event, batch: read, index } = records[i] as StreamRecord<E>;
      time.eventTimeMs = event.eventTimeMs;
      time.watermarkMs = watermarkMs[i] as number;
      this.take(event, read, index, time);
    }
    return this.close(batch);
  }

  open(entry: EntryContext): void {
    this.clockMs = entry.clockMs;
    this.outputs = [];
    this.rejected = [];
    this.early.length = 0;
    this.runs.length = 0;
  }

  approach(batch: RecordBatch, from: number): number {
    const to = Math.min(batch.count, from + aheadMax);
    this.aggregator.approach(batch, from, to);
    return to;
  }

  take(event: E, batch: RecordBatch, index: number, time: RecordTime): void {
    const { aggregator } = this;
    if (time.watermarkMs >= aggregator.nextDropMs) this.drop(time.watermarkMs, null);
    try {
      aggregator.plan(event, time);
    } catch (error) {
      this.rejected.push(refusal({ event, batch, index }, 'failed', failureText('processor', error)));
      return;
    }
    if (!aggregator.hasRoom()) {
      const message = 'a new key, and the limit of keys or windows is reached';
      this.rejected.push(refusal({ event, batch, index }, 'state_full', message));
      return;
    }
    if (aggregator.commit() > 0) this.folded++;
    else this.late++;
    if (aggregator.missed.length > 0) this.reportMissed({ event, batch, index }, time.watermarkMs);
  }

  close(batch: StreamBatch<E>): StreamBatch<E> {
    for (const endsAt of this.early) endsAt(batch);
    this.publish(batch);
    if (batch.endWatermarkMs >= this.aggregator.nextDropMs) this.drop(batch.endWatermarkMs, batch);
    for (const run of this.runs) run.entryEnds();
    return {
      ...batch,
      outputs: appended(batch.outputs, this.outputs),
      rejected: appended(batch.rejected, this.rejected),
    };
  }

  private reportMissed(record: StreamRecord<E>, watermarkMs: number): void {
    const { topics, allowedLatenessMs } = this.options;
    for (const missed of this.aggregator.missed) {
      this.missedOf.set(missed.output, (this.missedOf.get(missed.output) ?? 0) + 1);
      const body = lateRow(missed, record, watermarkMs, allowedLatenessMs);
      this.outputs.push({ topic: topics.late, key: missed.key, identity: lateIdentity(missed, record), body });
    }
  }

  private publish(batch: StreamBatch<E>): void {
    const step = Math.floor(batch.entry.clockMs / this.options.provisionalEveryMs);
    const isStep = step > this.provisionalStep;
    if (isStep) this.provisionalStep = step;
    for (const { view, output, windows } of this.aggregator.stores) {
      const emit = this.emitter(view, output, batch);
      windows.publish(batch.publishUpToMs, emit);
      if (isStep) windows.publishProvisional(emit);
    }
  }

  private drop(watermarkMs: number, end: EntryEnd | null): void {
    this.aggregator.drop(watermarkMs, (view, output) => this.emitter(view, output, end));
  }

  /** `end` null: it is not known yet. */
  private emitter(view: View<E>, output: ViewOutput, end: EntryEnd | null): EmitRows {
    const { clockMs, outputs, writer } = this;
    const topicOf = (state: RowState): string =>
      state === 'provisional' || state === 'replaced' ? this.options.topics.provisional : this.options.topics.windows;
    const at = { clockMs, end: end ?? noEnd };
    let run: WindowRun | undefined;
    const runOf = (window: CellsWindow, state: RowState): WindowRun => {
      if (run?.window === window && run.state === state) return run;
      const { fields } = view;
      const made = new WindowRun({ topic: topicOf(state), output, fields, window, state, clockMs, writer });
      if (end) made.endsAt(end);
      else this.early.push((known) => made.endsAt(known));
      this.runs.push(made);
      return (run = made);
    };
    return {
      row: (window, cell, state) => {
        const row = windowRow(output, view.fields, at, window, cell, state);
        if (!end) this.early.push((known) => endRow(row, output.window, known));
        outputs.push(new SessionOutput(topicOf(state), row, writer));
      },
      place: (window, place, state) => void outputs.push(new RunOutput(runOf(window, state), place)),
      places(window, state) {
        const of = runOf(window, state);
        of.isWhole = true;
        for (let place = 0; place < window.cells.count; place++) outputs.push(new RunOutput(of, place));
      },
    };
  }

  counters(): Readonly<Record<string, number>> {
    const { folded, late, aggregator } = this;
    const missed = [...this.missedOf].map(([name, count]) => [`late_${name}`, count] as const);
    const { keyCount, cellCount, expired } = aggregator;
    return { folded, late, ...Object.fromEntries(missed), expired, keys: keyCount, cells: cellCount };
  }

  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { folded, late, provisionalStep, aggregator } = this;
    const missed = [...this.missedOf];
    const plain: SavedWindowed = { folded, late, expired: aggregator.expired, provisionalStep, missed };
    return joined({ plain: beginPlain(plain), aggregator: aggregator.beginSnapshot(pieceBytes) });
  }

  restore(state: unknown): void {
    const { plain, aggregator } = split(state as SlicedState) as Record<'plain' | 'aggregator', SlicedState>;
    const saved = plain.head as SavedWindowed;
    this.folded = saved.folded;
    this.late = saved.late;
    this.provisionalStep = saved.provisionalStep;
    this.aggregator.expired = saved.expired;
    for (const [name, count] of saved.missed) this.missedOf.set(name, count);
    this.aggregator.restore(aggregator);
  }
}

/** A session's row on its way; one may be replaced in the same entry. The identity is only made when it is asked for. */
class SessionOutput implements Output {
  readonly topic: string;
  readonly key: string;
  readonly body: WindowRow;
  private readonly writer: RowWriter;

  constructor(topic: string, body: WindowRow, writer: RowWriter) {
    this.topic = topic;
    this.key = body.key;
    this.body = body;
    this.writer = writer;
  }

  writeBody(into: JsonBytes): void {
    this.writer.write(this.body, into);
  }

  get identity(): string {
    const { output, key, windowStartMs } = this.body;
    return windowIdentity(output, key, windowStartMs);
  }
}

const noEnd: EntryEnd = { endWatermarkMs: -Infinity, incompleteBeforeMs: -Infinity };

interface SavedWindowed {
  readonly folded: number;
  readonly late: number;
  readonly expired: number;
  readonly provisionalStep: number;
  readonly missed: readonly (readonly [name: string, count: number])[];
}
