// The rows of one aligned window that are published at once, in one state: what they have in common is said once, and each is no more
// than its place until it is written. Rows of a window that takes no more records are written only when they are sent: where a million
// windows end at once, their bytes are never there together.
// Guarantees: exactly the bytes of `JSON.stringify` of the row as it was when its entry ended, whenever it is written.
// Redelivery: no state.
import type { FoldOutput } from '../tasks/contract.ts';
import type { Output } from './batch.ts';
import type { Block } from './blocks.ts';
import type { Ending } from './ending.ts';
import type { JsonBytes } from './json-bytes.ts';
import { commonBytes, type RowWriter } from './row-writer.ts';
import { statesAt } from './window-cells.ts';
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
  /** All rows of the window are told. */
  isWhole = false;
  private isLasting = false;
  /** By field, then by place. */
  private states: readonly unknown[][];
  private ending: Ending | undefined;
  private readonly names: readonly Uint8Array[] | null;
  private end: EntryEnd = { endWatermarkMs: -Infinity, incompleteBeforeMs: -Infinity };
  private common: ReturnType<typeof commonBytes> | undefined;

  constructor(options: WindowRunOptions) {
    this.options = options;
    this.topic = options.topic;
    this.window = options.window;
    this.state = options.state;
    this.states = options.window.cells.states;
    this.names = namesOf(options.fields);
  }

  /** What the rows say of the end of their entry; to be known before they are written. */
  endsAt(end: EntryEnd): void {
    this.end = end;
  }

  /**
   * From here on states may change. Of a window that is gone they do not; those of a window that still takes corrections are copied where
   * that is less than writing all rows: values that no aggregate changes in place.
   */
  entryEnds(): void {
    const { window, states } = this;
    if (window.isGone) this.isLasting = true;
    else if (this.isWhole && states.every((column) => column.every(isFixed))) {
      this.states = states.map((column) => column.slice());
      this.isLasting = true;
    }
  }

  /** Whether rows may be written after their entry, and then end so. */
  endsLater(ending: Ending): boolean {
    this.ending = ending;
    return this.isLasting;
  }

  writeWhole(place: number, index: number): ReturnType<Ending['close']> {
    const ending = this.ending as Ending;
    this.write(place, ending.into);
    return ending.close(index);
  }

  keyAt(place: number): string {
    return this.window.cells.keys[place] as string;
  }

  rowAt(place: number): WindowRow {
    const { fields, output, window, state, clockMs } = this.options;
    const values = valuesOf(fields, statesAt(this.states, place));
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
    const { states } = this;
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

const isFixed = (state: unknown): boolean => typeof state !== 'object' || state === null;

/** A window row on its way: what the processor gives, and what is sent, for there may be a million of them. */
export class RunOutput implements Output, FoldOutput {
  private readonly run: WindowRun;
  private readonly place: number;
  /** Among the outputs of its entry; −1: it is not stamped, or was released. */
  private index = -1;
  /** Once it was written. */
  private memory: Block | null = null;
  private from = 0;
  private to = 0;

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

  stampLater(ending: Ending, index: number): FoldOutput | null {
    if (!this.run.endsLater(ending)) return null;
    this.index = index;
    return this;
  }

  /** This object and its share of the states. */
  get unwrittenBytes(): number {
    return 128;
  }

  get block(): Uint8Array {
    return (this.memory ?? this.writeNow()).bytes;
  }

  get start(): number {
    if (!this.memory) this.writeNow();
    return this.from;
  }

  get end(): number {
    if (!this.memory) this.writeNow();
    return this.to;
  }

  get value(): Uint8Array {
    return this.block.subarray(this.from, this.to);
  }

  release(): void {
    this.memory?.release();
    this.memory = null;
    this.index = -1;
  }

  private writeNow(): Block {
    if (this.index < 0) throw new Error('an output was read after it was released');
    const { block, start, end } = this.run.writeWhole(this.place, this.index);
    this.from = start;
    this.to = end;
    return (this.memory = block);
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
