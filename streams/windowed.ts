// The windowed operator: keyed aggregates over event-time windows, published as provisional, final and corrected rows.
// Guarantees: a record is folded into every window that still accepts it, or refused whole (dead letter) before anything was
// added; each window that it misses gets a late record; lateness is judged by the record's own watermark, so batches do not matter.
// Redelivery: duplicates were dropped before; the same batches give the same rows.
import { Aggregator } from './aggregator.ts';
import type { Output, Rejected, StreamBatch, StreamRecord, TimedEvent } from './batch.ts';
import { failureText } from './ingest.ts';
import { type Stage, stageOf } from './stage.ts';
import { lateIdentity, lateRow, refusal, windowIdentity, windowRow } from './window-rows.ts';
import type { View, ViewOutput } from './view.ts';
import type { EmitRow } from './window-store.ts';

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
  readonly topics: { readonly windows: string; readonly provisional: string; readonly late: string };
}

/**
 * Counts `folded`, `late` (records), `late_<output>` (windows missed), `expired` ((key, window) pairs that went with their time), and
 * the gauges `keys` and `cells`. What the limits refuse is a dead letter `state_full`.
 */
export function windowed<E extends TimedEvent>(options: WindowedOptions<E>): Stage<StreamBatch<E>, StreamBatch<E>> {
  return stageOf(new Windowed(options));
}

class Windowed<E extends TimedEvent> {
  private readonly options: WindowedOptions<E>;
  private readonly aggregator: Aggregator<E>;
  private folded = 0;
  private late = 0;
  private readonly missedOf = new Map<string, number>();
  private provisionalStep = -Infinity;

  constructor(options: WindowedOptions<E>) {
    this.options = options;
    this.aggregator = new Aggregator(options);
    for (const { outputs } of options.views) for (const { name } of outputs) this.missedOf.set(name, 0);
  }

  apply(batch: StreamBatch<E>): StreamBatch<E> {
    const outputs = [...batch.outputs];
    const rejected: Rejected[] = [];
    const { records, watermarkMs } = batch;
    for (let i = 0; i < records.length; i++) {
      const at = watermarkMs[i] as number;
      if (at >= this.aggregator.nextDropMs) this.drop(at, batch, outputs);
      this.judge(records[i] as StreamRecord<E>, at, outputs, rejected);
    }
    this.publish(batch, outputs);
    if (batch.endWatermarkMs >= this.aggregator.nextDropMs) this.drop(batch.endWatermarkMs, batch, outputs);
    return { ...batch, outputs, rejected: rejected.length === 0 ? batch.rejected : [...batch.rejected, ...rejected] };
  }

  private judge(record: StreamRecord<E>, watermarkMs: number, outputs: Output[], rejected: Rejected[]): void {
    const { event } = record;
    const { aggregator } = this;
    try {
      aggregator.plan(event, watermarkMs);
    } catch (error) {
      rejected.push(refusal(record, 'failed', failureText('processor', error)));
      return;
    }
    if (!aggregator.hasRoom()) {
      rejected.push(refusal(record, 'state_full', 'a new key, and the limit of keys or windows is reached'));
      return;
    }
    if (aggregator.commit() > 0) this.folded++;
    else this.late++;
    if (aggregator.missed.length > 0) this.reportMissed(record, watermarkMs, outputs);
  }

  private reportMissed(record: StreamRecord<E>, watermarkMs: number, outputs: Output[]): void {
    const { topics, allowedLatenessMs } = this.options;
    for (const missed of this.aggregator.missed) {
      this.missedOf.set(missed.output, (this.missedOf.get(missed.output) ?? 0) + 1);
      const body = lateRow(missed, record, watermarkMs, allowedLatenessMs);
      outputs.push({ topic: topics.late, key: missed.key, identity: lateIdentity(missed, record), body });
    }
  }

  private publish(batch: StreamBatch<E>, outputs: Output[]): void {
    const step = Math.floor(batch.entry.clockMs / this.options.provisionalEveryMs);
    const isStep = step > this.provisionalStep;
    if (isStep) this.provisionalStep = step;
    for (const { view, output, windows } of this.aggregator.stores) {
      const emit = this.emitter(view, output, batch, outputs);
      windows.publish(batch.publishUpToMs, emit);
      if (isStep) windows.publishProvisional(emit);
    }
  }

  private drop(watermarkMs: number, batch: StreamBatch<E>, outputs: Output[]): void {
    this.aggregator.drop(watermarkMs, (view, output) => this.emitter(view, output, batch, outputs));
  }

  private emitter(view: View<E>, output: ViewOutput, batch: StreamBatch<E>, outputs: Output[]): EmitRow {
    const { topics } = this.options;
    return (window, cell, state) =>
      outputs.push({
        topic: state === 'provisional' || state === 'replaced' ? topics.provisional : topics.windows,
        key: cell.key,
        identity: windowIdentity(output.name, cell.key, window.startMs),
        body: windowRow(output, view.fields, batch, window, cell, state),
      });
  }

  counters(): Readonly<Record<string, number>> {
    const { folded, late, aggregator } = this;
    const missed = [...this.missedOf].map(([name, count]) => [`late_${name}`, count] as const);
    const { keyCount, cellCount, expired } = aggregator;
    return { folded, late, ...Object.fromEntries(missed), expired, keys: keyCount, cells: cellCount };
  }

  snapshot(): unknown {
    const { folded, late, provisionalStep } = this;
    const { expired } = this.aggregator;
    const missed = [...this.missedOf];
    return { folded, late, expired, provisionalStep, missed, aggregator: this.aggregator.snapshot() };
  }

  restore(state: unknown): void {
    const saved = state as SavedWindowed;
    this.folded = saved.folded;
    this.late = saved.late;
    this.provisionalStep = saved.provisionalStep;
    this.aggregator.expired = saved.expired;
    for (const [name, count] of saved.missed) this.missedOf.set(name, count);
    this.aggregator.restore(saved.aggregator);
  }
}

interface SavedWindowed {
  readonly folded: number;
  readonly late: number;
  readonly expired: number;
  readonly provisionalStep: number;
  readonly missed: readonly (readonly [name: string, count: number])[];
  readonly aggregator: unknown;
}
