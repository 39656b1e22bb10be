// What windows tell: rows of aggregates, late records, refusals, and what makes two rows the same one.
// Guarantees: a row says the watermark and completeness of the end of its entry, whenever in the entry it was made.
// Redelivery: identities are made of what is told, so the same entry gives the same rows.
import type { Rejected, StreamBatch, StreamRecord, TimedEvent } from './batch.ts';
import type { Field } from './aggregates/aggregate.ts';
import { inputPositionOf, positionText } from './positions.ts';
import type { ViewOutput } from './view.ts';
import type { Cell, RowState, WindowSpan } from './window-store.ts';
import type { WindowSpec } from './windows.ts';

/** The aggregates of a view by the name that they have in results. */
export type NamedFields<E> = readonly (readonly [name: string, field: Field<E>])[];

/** Aggregates by name. */
export function valuesOf<E>(fields: NamedFields<E>, states: readonly unknown[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (let i = 0; i < fields.length; i++) {
    const [name, { aggregate }] = fields[i] as NamedFields<E>[number];
    values[name] = aggregate.result(states[i]);
  }
  return values;
}

/** What a row says of the end of its entry. */
export type EntryEnd = Pick<StreamBatch<unknown>, 'endWatermarkMs' | 'incompleteBeforeMs'>;

/** Body of a window result, in the order in which it is written. */
export class WindowRow {
  readonly kind = 'window';
  readonly output: string;
  readonly key: string;
  readonly windowStartMs: number;
  readonly windowEndMs: number;
  readonly state: RowState;
  complete: 0 | 1 = 1;
  watermarkMs = 0;
  readonly clockMs: number;
  readonly values: Readonly<Record<string, unknown>>;

  constructor(
    at: { readonly output: string; readonly clockMs: number },
    { startMs, endMs }: WindowSpan,
    key: string,
    state: RowState,
    values: Readonly<Record<string, unknown>>,
  ) {
    this.output = at.output;
    this.key = key;
    this.windowStartMs = startMs;
    this.windowEndMs = endMs;
    this.state = state;
    this.clockMs = at.clockMs;
    this.values = values;
  }

  withValues(values: Readonly<Record<string, unknown>>): WindowRow {
    const { windowStartMs: startMs, windowEndMs: endMs, complete, watermarkMs } = this;
    const row = new WindowRow(this, { startMs, endMs }, this.key, this.state, values);
    return Object.assign(row, { complete, watermarkMs });
  }
}

/** Body of a window result. A task that has no watermark yet says 0; a tombstone has no values. */
export function windowRow<E>(
  { name, window: spec }: ViewOutput,
  fields: NamedFields<E>,
  { clockMs, end }: { readonly clockMs: number; readonly end: EntryEnd },
  window: WindowSpan,
  { key, states }: Pick<Cell, 'key' | 'states'>,
  state: RowState,
): WindowRow {
  const isTombstone = state === 'replaced' || state === 'tombstone';
  const values = isTombstone ? {} : valuesOf(fields, states);
  const row = new WindowRow({ output: name, clockMs }, window, key, isTombstone ? 'tombstone' : state, values);
  endRow(row, spec, end);
  return row;
}

/** Makes a row say this end of its entry: it may be made before that is known. */
export function endRow(row: WindowRow, spec: WindowSpec, { endWatermarkMs, incompleteBeforeMs }: EntryEnd): void {
  // A hidden event within the gap before a session would have been part of it.
  const needsFromMs = spec.kind === 'session' ? row.windowStartMs - spec.gapMs : row.windowStartMs;
  row.complete = needsFromMs < incompleteBeforeMs ? 0 : 1;
  row.watermarkMs = Number.isFinite(endWatermarkMs) ? endWatermarkMs : 0;
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

/** A record that was not folded at all; its event may be lent. */
export function refusal<E extends TimedEvent>(
  { batch, index, event }: StreamRecord<E>,
  reason: 'failed' | 'state_full',
  message: string,
): Rejected {
  const { id, type, source, eventTimeMs, key } = event;
  const own = { id, type, source, eventTimeMs, key };
  return { kind: 'dead', batch, index, reason, message, fieldPath: null, source, event: own };
}
