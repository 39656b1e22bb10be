// The rows of one aligned window that are published at once, in one state: what they have in common is said once, and each is no more
// than its place until it is written.
// Guarantees: exactly the bytes of `JSON.stringify` of the row. The window's states must stay as they are until then.
// Redelivery: no state.
import type { Output } from './batch.ts';
import type { JsonBytes } from './json-bytes.ts';
import { commonBytes, type RowWriter } from './row-writer.ts';
import { type EntryEnd, endRow, type NamedFields, valuesOf, windowIdentity, WindowRow } from './window-rows.ts';
import type { CellsWindow, RowState } from './window-store.ts';
import type { ViewOutput } from './view.ts';

export interface WindowRunOptions {
  readonly topic: string;
  readonly output: ViewOutput;
  readonly fields: NamedFields<never>;
  readonly window: CellsWindow;
  readonly state: RowState;
  readonly clockMs: number;
  /** For fields whose names JSON orders its own way. */
  readonly writer: RowWriter;
}

export class WindowRun {
  readonly topic: string;
  readonly window: CellsWindow;
  readonly state: RowState;
  private readonly options: WindowRunOptions;
  private readonly names: readonly Uint8Array[] | null;
  private end: EntryEnd = { endWatermarkMs: -Infinity, incompleteBeforeMs: -Infinity };
  private common: ReturnType<typeof commonBytes> | undefined;

  constructor(options: WindowRunOptions) {
    this.options = options;
    this.topic = options.topic;
    this.window = options.window;
    this.state = options.state;
    this.names = namesOf(options.fields);
  }

  /** What the rows say of the end of their entry; to be known before they are written. */
  endsAt(end: EntryEnd): void {
    this.end = end;
  }

  keyAt(place: number): string {
    return this.window.cells.keys[place] as string;
  }

  rowAt(place: number): WindowRow {
    const { fields, output, window, state, clockMs } = this.options;
    const values = valuesOf(fields, window.cells.statesAt(place));
    const row = new WindowRow({ output: output.name, clockMs }, window, this.keyAt(place), state, values);
    endRow(row, output.window, this.end);
    return row;
  }

  identityAt(place: number): string {
    return windowIdentity(this.options.output.name, this.keyAt(place), this.window.startMs);
  }

  write(place: number, into: JsonBytes): void {
    const { names } = this;
    if (!names) return this.options.writer.write(this.rowAt(place), into);
    this.common ??= commonBytes(this.rowAt(place));
    into.raw(this.common.head).text(this.keyAt(place)).raw(this.common.middle);
    this.values(names, place, into);
    into.raw(closing);
  }

  private values(names: readonly Uint8Array[], place: number, into: JsonBytes): void {
    const { fields } = this.options;
    const { states } = this.window.cells;
    let isFirst = true;
    for (let f = 0; f < names.length; f++) {
      const { aggregate } = (fields[f] as (typeof fields)[number])[1];
      const value = aggregate.result((states[f] as unknown[])[place]);
      if (value === undefined) continue;
      if (!isFirst) into.raw(comma);
      isFirst = false;
      into.raw(names[f] as Uint8Array);
      if (typeof value === 'number') into.number(value);
      else into.value(value);
    }
  }
}

/** A window row on its way. */
export class RunOutput implements Output {
  private readonly run: WindowRun;
  private readonly place: number;

  constructor(run: WindowRun, place: number) {
    this.run = run;
    this.place = place;
  }

  get topic(): string {
    return this.run.topic;
  }

  get key(): string {
    return this.run.keyAt(this.place);
  }

  /** A window tells a row once an entry. */
  get isOnly(): boolean {
    return true;
  }

  get body(): WindowRow {
    return this.run.rowAt(this.place);
  }

  get identity(): string {
    return this.run.identityAt(this.place);
  }

  writeBody(into: JsonBytes): void {
    this.run.write(this.place, into);
  }
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const comma = bytesOf(',');
const closing = bytesOf('}}');
const namesOfFields = new WeakMap<object, readonly Uint8Array[] | null>();

/** `"count":` for each field; null where an object would have them in another order, or not all. */
function namesOf(fields: NamedFields<never>): readonly Uint8Array[] | null {
  const known = namesOfFields.get(fields);
  if (known !== undefined) return known;
  const names = fields.map(([name]) => name);
  const isPlain = names.every((name) => /^[a-z]\w*$/i.test(name)) && new Set(names).size === names.length;
  const made = isPlain ? names.map((name) => bytesOf(`${JSON.stringify(name)}:`)) : null;
  namesOfFields.set(fields, made);
  return made;
}
