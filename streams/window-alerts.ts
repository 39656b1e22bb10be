// Alerts that stand on window rows: raised with the row, updated when it is corrected, retracted when a late fact makes it untrue
// or its session becomes part of another.
// Guarantees: at the end of every entry the alerts that are neither retracted nor settled are those of the published rows that ask for
// one; an alert on a row that can change no more is settled, and forgotten.
// Redelivery: duplicates were dropped before; the same batches give the same transitions.
import type { Output, StreamBatch } from './batch.ts';
import { type Stage, stageOf } from './stage.ts';

/** What an alert sees of a window row; see `WindowResult` of `events/results.ts`. */
export interface AlertRow {
  readonly output: string;
  readonly key: string;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly state: string;
  readonly values: Readonly<Record<string, unknown>>;
}

export type AlertTransition = 'raised' | 'updated' | 'retracted';

export interface WindowAlertsOptions {
  /** The rows that are looked at: of this topic and this output. */
  readonly topic: string;
  readonly output: string;
  readonly isAlert: (row: AlertRow) => boolean;
  /** What leaves for a transition; `retracted` is told with the row that was told last. */
  readonly tell: (row: AlertRow, transition: AlertTransition) => Output;
  /** That of the windows. */
  readonly allowedLatenessMs: number;
  /** Alerts that may still change; a new one beyond is counted and not raised. */
  readonly alertsMax: number;
}

/** Stands behind the windows. Counts `alerts_raised`, `alerts_retracted`, `alerts_settled`, `alerts_refused`, and the gauge `alerts_open`. */
export function windowAlerts<E>(options: WindowAlertsOptions): Stage<StreamBatch<E>, StreamBatch<E>> {
  return stageOf(new WindowAlerts<E>(options));
}

interface SavedWindowAlerts {
  readonly open: readonly AlertRow[];
  readonly counts: WindowAlerts<unknown>['counts'];
}

class WindowAlerts<E> {
  counts = { alerts_raised: 0, alerts_retracted: 0, alerts_settled: 0, alerts_refused: 0 };
  private readonly options: WindowAlertsOptions;
  /** By start and key, the row that was told last. */
  private readonly open = new Map<string, AlertRow>();
  private nextSettleMs = Infinity;

  constructor(options: WindowAlertsOptions) {
    this.options = options;
  }

  apply(batch: StreamBatch<E>): StreamBatch<E> {
    const told: Output[] = [];
    for (const { topic, body } of batch.outputs) {
      if (topic !== this.options.topic || (body as AlertRow).output !== this.options.output) continue;
      const output = this.transition(body as AlertRow);
      if (output) told.push(output);
    }
    if (batch.endWatermarkMs >= this.nextSettleMs) this.settle(batch.endWatermarkMs);
    return told.length === 0 ? batch : { ...batch, outputs: [...batch.outputs, ...told] };
  }

  private transition(row: AlertRow): Output | null {
    const { isAlert, tell, alertsMax } = this.options;
    const id = `${row.windowStartMs} ${row.key}`;
    const known = this.open.get(id);
    if (row.state === 'tombstone' || !isAlert(row)) {
      if (!known) return null;
      this.open.delete(id);
      this.counts.alerts_retracted++;
      return tell(known, 'retracted');
    }
    if (!known && this.open.size >= alertsMax) {
      this.counts.alerts_refused++;
      return null;
    }
    this.open.set(id, row);
    this.nextSettleMs = Math.min(this.nextSettleMs, this.settlesMs(row));
    if (!known) this.counts.alerts_raised++;
    return tell(row, known ? 'updated' : 'raised');
  }

  private settlesMs({ windowEndMs }: AlertRow): number {
    return windowEndMs + this.options.allowedLatenessMs;
  }

  private settle(watermarkMs: number): void {
    this.nextSettleMs = Infinity;
    for (const [id, row] of this.open) {
      const settlesMs = this.settlesMs(row);
      if (settlesMs > watermarkMs) this.nextSettleMs = Math.min(this.nextSettleMs, settlesMs);
      else if (this.open.delete(id)) this.counts.alerts_settled++;
    }
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, alerts_open: this.open.size };
  }

  snapshot(): SavedWindowAlerts {
    return { open: [...this.open.values()], counts: { ...this.counts } };
  }

  restore(state: unknown): void {
    const { open, counts } = state as SavedWindowAlerts;
    this.counts = { ...counts };
    for (const row of open) {
      this.open.set(`${row.windowStartMs} ${row.key}`, row);
      this.nextSettleMs = Math.min(this.nextSettleMs, this.settlesMs(row));
    }
  }
}
