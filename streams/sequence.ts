// Sequence patterns by key: A and then B within T (`followed`), or A and no B within T (`absent`), in event time.
// Guarantees: what is true of all facts that came in time, whatever their order. `followed` is told with the fact that completes it;
// `absent` when the watermark, or silence, has passed the deadline; a late fact corrects or takes back what it makes untrue.
// Redelivery: duplicates were dropped before; the same batches give the same rows.
import type { Output, Rejected, StreamBatch, StreamRecord, TimedEvent } from './batch.ts';
import { failureText } from './ingest.ts';
import { ownCopy } from './placement.ts';
import { type SavedSteps, type Start, Steps } from './sequence-steps.ts';
import { type Stage, stageOf } from './stage.ts';
import type { ViewOutput } from './view.ts';
import { lateIdentity, lateRow, refusal, windowIdentity, windowRow } from './window-rows.ts';

//     A at a            B at b
//   ──●─────────────────●─────────┬──▶ event time
//     ├──────── withinMs ─────────┤   followed: a ≤ b < a + withinMs
export interface SequenceOptions<E> {
  /** `output` of its rows, whose window is [a, a + withinMs). */
  readonly name: string;
  readonly kind: 'followed' | 'absent';
  readonly keyOf: (event: E) => string;
  /** An event may be both; it does not follow itself. */
  readonly isFirst: (event: E) => boolean;
  readonly isSecond: (event: E) => boolean;
  readonly withinMs: number;
  /** How long after the deadline facts are still taken. */
  readonly allowedLatenessMs: number;
  /** Keys with state; a new one beyond is refused. */
  readonly keysMax: number;
  /** Facts with state, over all keys; a new one beyond is refused. */
  readonly factsMax: number;
  readonly topics: { readonly windows: string; readonly late: string };
}

/**
 * One row for each A that the pattern is true of (those of one key and millisecond are one): `final` when it is first told,
 * `corrected` when another fact turns out to be the first, `tombstone` when an absence is none. Values: source, id and time of A and B.
 * Counts `folded`, `late`, `matched`, `retracted`, and the gauges `keys` and `facts`; events that are neither A nor B are `folded`.
 * Accepts events up to `withinMs + allowedLatenessMs` behind the watermark.
 */
export function sequence<E extends TimedEvent>(options: SequenceOptions<E>): Stage<StreamBatch<E>, StreamBatch<E>> {
  return stageOf(new Sequence(options));
}

type Role = { readonly key: string; readonly isFirst: boolean; readonly isSecond: boolean };

class Sequence<E extends TimedEvent> {
  private readonly options: SequenceOptions<E>;
  private readonly output: ViewOutput;
  private readonly steps: Steps;
  private counts = { folded: 0, late: 0, matched: 0, retracted: 0 };

  constructor(options: SequenceOptions<E>) {
    this.options = options;
    this.output = { name: options.name, window: { kind: 'tumbling', sizeMs: options.withinMs } };
    this.steps = new Steps(options.withinMs, options.allowedLatenessMs);
  }

  apply(batch: StreamBatch<E>): StreamBatch<E> {
    const outputs = [...batch.outputs];
    const rejected: Rejected[] = [];
    for (let i = 0; i < batch.records.length; i++) {
      const watermarkMs = batch.watermarkMs[i] as number;
      if (watermarkMs >= this.steps.nextDropMs) this.steps.drop(watermarkMs);
      const refused = this.fold(batch.records[i] as StreamRecord<E>, watermarkMs, outputs);
      if (refused) rejected.push(refused);
    }
    for (const start of this.steps.takeChanged()) this.tell(start, batch, outputs);
    for (const start of this.steps.close(batch.publishUpToMs)) this.tell(start, batch, outputs);
    if (batch.endWatermarkMs >= this.steps.nextDropMs) this.steps.drop(batch.endWatermarkMs);
    return { ...batch, outputs, rejected: rejected.length === 0 ? batch.rejected : [...batch.rejected, ...rejected] };
  }

  private fold(record: StreamRecord<E>, watermarkMs: number, outputs: Output[]): Rejected | null {
    const { event } = record;
    let role: Role;
    try {
      role = this.roleOf(event);
    } catch (error) {
      return refusal(record, 'failed', failureText('processor', error));
    }
    if (!role.isFirst && !role.isSecond) this.counts.folded++;
    else if (this.isLate(event, watermarkMs)) this.reportLate(role, record, watermarkMs, outputs);
    else if (!this.hasRoom(role))
      return refusal(record, 'state_full', 'a new key or fact, and the limit of keys or facts is reached');
    else this.add(role, event);
    return null;
  }

  private roleOf(event: E): Role {
    const isFirst = this.options.isFirst(event);
    const isSecond = this.options.isSecond(event);
    return { isFirst, isSecond, key: isFirst || isSecond ? this.options.keyOf(event) : '' };
  }

  private isLate({ eventTimeMs }: E, watermarkMs: number): boolean {
    return eventTimeMs + this.options.withinMs + this.options.allowedLatenessMs <= watermarkMs;
  }

  private hasRoom({ key, isFirst, isSecond }: Role): boolean {
    const { steps } = this;
    if (steps.keyCount >= this.options.keysMax && !steps.has(key)) return false;
    return steps.factCount + Number(isFirst) + Number(isSecond) <= this.options.factsMax;
  }

  private add({ key, isFirst, isSecond }: Role, { eventTimeMs, source, id }: E): void {
    const fact = { timeMs: eventTimeMs, source: ownCopy(source), id: ownCopy(id) };
    const own = ownCopy(key);
    this.counts.folded++;
    if (isSecond) this.steps.addSecond(own, fact);
    if (isFirst) this.steps.addFirst(own, fact);
  }

  /** Says of an A what is not said yet. */
  private tell(start: Start, batch: StreamBatch<E>, outputs: Output[]): void {
    const { kind, withinMs, topics } = this.options;
    // An absence is only known at the deadline.
    const isTrue = kind === 'followed' ? start.second !== null : start.second === null && start.isClosed;
    const values = isTrue ? valuesOf(start) : null;
    const told = values && JSON.stringify(values);
    if (told === start.told) return;
    const state = !isTrue ? 'tombstone' : start.told === null ? 'final' : 'corrected';
    if (state === 'final') this.counts.matched++;
    if (state === 'tombstone') this.counts.retracted++;
    start.told = told;
    const { key, timeMs } = start;
    const span = { startMs: timeMs, endMs: timeMs + withinMs };
    const row = windowRow(
      this.output,
      [],
      { clockMs: batch.entry.clockMs, end: batch },
      span,
      { key, states: [] },
      state,
    );
    const identity = windowIdentity(this.output.name, key, timeMs);
    outputs.push({ topic: topics.windows, key, identity, body: row.withValues(values ?? {}) });
  }

  private reportLate({ key, ...roles }: Role, record: StreamRecord<E>, watermarkMs: number, outputs: Output[]): void {
    const { withinMs, allowedLatenessMs, topics } = this.options;
    const startMs = record.event.eventTimeMs;
    const missed = { output: this.output.name, key, startMs, endMs: startMs + withinMs, fields: [], values: [] };
    const body = { ...lateRow(missed, record, watermarkMs, allowedLatenessMs), wouldAdd: roles };
    outputs.push({ topic: topics.late, key, identity: lateIdentity(missed, record), body });
    this.counts.late++;
  }

  counters(): Readonly<Record<string, number>> {
    return { ...this.counts, keys: this.steps.keyCount, facts: this.steps.factCount };
  }

  snapshot(): unknown {
    return { counts: { ...this.counts }, steps: this.steps.snapshot() };
  }

  restore(state: unknown): void {
    const saved = state as { readonly counts: Sequence<E>['counts']; readonly steps: SavedSteps };
    this.counts = { ...saved.counts };
    this.steps.restore(saved.steps);
  }
}

const valuesOf = ({ first, second }: Start) => ({
  ...{ firstSource: first.source, firstId: first.id, firstTimeMs: first.timeMs },
  ...(second && { secondSource: second.source, secondId: second.id, secondTimeMs: second.timeMs }),
});
