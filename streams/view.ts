import type { NamedFields } from './window-rows.ts';
import { type WindowSpec, reachOf } from './windows.ts';

/** One result of a view: `name` is its `output` in rows. */
export interface ViewOutput {
  readonly name: string;
  readonly window: WindowSpec;
}

/** The same key and aggregates over one or more windows. */
export interface View<E> {
  readonly name: string;
  readonly keyOf: (event: E) => string;
  readonly fields: NamedFields<E>;
  readonly outputs: readonly ViewOutput[];
}

/** What of the views shapes state, for the state hash: names, aggregates, windows, in order. */
export const viewsShape = <E>(views: readonly View<E>[]): unknown =>
  views.map(({ name, fields, outputs }) => ({
    name,
    fields: fields.map(([fieldName, { aggregate }]) => [fieldName, aggregate.name]),
    outputs: outputs.map((output) => [output.name, output.window]),
  }));

/** How far behind the watermark the oldest event lies that any window of the views accepts, without allowed lateness. */
export const viewsReachMs = <E>(views: readonly View<E>[]): number =>
  Math.max(0, ...views.flatMap(({ outputs }) => outputs.map(({ window }) => reachOf(window))));
