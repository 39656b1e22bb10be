import type { Rejected, StreamBatch, StreamRecord, TimedEvent } from './batch.ts';
import type { Field } from './aggregates/aggregate.ts';
import { inputPositionOf, positionText } from './positions.ts';
import type { ViewOutput } from './view.ts';
import type { Cell, RowState, WindowSpan } from './window-store.ts';

/** The aggregates of a view by the name that they have in results. */
export type NamedFields<E> = readonly (readonly [name: string, field: Field<E>])[];

/** Aggregates by name. */
export function valuesOf<E>(fields: NamedFields<E>, states: readonly unknown[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  fields.forEach(([name, { aggregate }], i) => (values[name] = aggregate.result(states[i])));
  return values;
}

/** Body of a window result. A task that has no watermark yet says 0; a tombstone has no values. */
export function windowRow<E>(
  { name, window: spec }: ViewOutput,
  fields: NamedFields<E>,
  batch: StreamBatch<E>,
  window: WindowSpan,
  { key, states }: Pick<Cell, 'key' | 'states'>,
  state: RowState,
) {
  const isTombstone = state === 'replaced' || state === 'tombstone';
  // A hidden event within the gap before a session would have been part of it.
  const needsFromMs = spec.kind === 'session' ? window.startMs - spec.gapMs : window.startMs;
  return {
    kind: 'window',
    output: name,
    key,
    windowStartMs: window.startMs,
    windowEndMs: window.endMs,
    state: isTombstone ? 'tombstone' : state,
    complete: needsFromMs < batch.incompleteBeforeMs ? 0 : 1,
    watermarkMs: Number.isFinite(batch.endWatermarkMs) ? batch.endWatermarkMs : 0,
    clockMs: batch.entry.clockMs,
    values: isTombstone ? {} : valuesOf(fields, states),
  };
}

/** One window that a record came too late for. */
export interface Missed<E> {
  readonly output: string;
  readonly key: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly fields: NamedFields<E>;
  /** What the record holds for each field. */
  readonly values: readonly unknown[];
}

/** Body of a late record, with what it alone would have added. */
export function lateRow<E extends TimedEvent>(
  missed: Missed<E>,
  { event, batch, index }: StreamRecord<E>,
  watermarkMs: number,
  allowedLatenessMs: number,
) {
  const { output, key, startMs, endMs, fields, values } = missed;
  const states = fields.map(([, { aggregate }], i) => aggregate.add(aggregate.init(), values[i]));
  return {
    kind: 'late',
    output,
    key,
    windowStartMs: startMs,
    windowEndMs: endMs,
    eventId: event.id,
    source: event.source,
    eventTimeMs: event.eventTimeMs,
    watermarkMs,
    lateByMs: watermarkMs - (endMs + allowedLatenessMs),
    wouldAdd: valuesOf(fields, states),
    input: inputPositionOf(batch, index),
  };
}

/** What makes a window row one and the same; keys may hold anything, so they come last. */
export const windowIdentity = (output: string, key: string, startMs: number): string => `${output} ${startMs} ${key}`;

/** As above for a late record: topic names hold no blanks. */
export const lateIdentity = <E>(missed: Missed<E>, { batch, index }: StreamRecord<E>): string =>
  `${positionText(batch, index)} ${windowIdentity(missed.output, missed.key, missed.startMs)}`;

/** A record that was not folded at all. */
export const refusal = <E extends TimedEvent>(
  { batch, index, event }: StreamRecord<E>,
  reason: 'failed' | 'state_full',
  message: string,
): Rejected => ({ kind: 'dead', batch, index, reason, message, fieldPath: null, source: event.source, event });
