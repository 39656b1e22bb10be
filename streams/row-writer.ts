// Window rows as bytes: thousands come at once, and what the rows of one window have in common is kept as it is written.
// Guarantees: exactly the bytes of `JSON.stringify`.
// Redelivery: no state but what was written last.
import type { JsonBytes } from './json-bytes.ts';
import type { WindowRow } from './window-rows.ts';

export class RowWriter {
  private readonly names = new Map<string, Uint8Array>();
  private row: WindowRow | undefined;
  private head = nothing;
  private middle = nothing;

  write(row: WindowRow, into: JsonBytes): void {
    if (!this.row || !isAlike(this.row, row)) this.remember(row);
    into.raw(this.head).text(row.key).raw(this.middle);
    this.members(row.values, into);
    into.raw(end);
  }

  private remember(row: WindowRow): void {
    this.row = row;
    ({ head: this.head, middle: this.middle } = commonBytes(row));
  }

  private members(values: Readonly<Record<string, unknown>>, into: JsonBytes): void {
    let isFirst = true;
    for (const name in values) {
      const value = values[name];
      if (value === undefined) continue;
      if (!isFirst) into.raw(comma);
      isFirst = false;
      into.raw(this.nameOf(name));
      if (typeof value === 'number') into.number(value);
      else into.value(value);
    }
  }

  /** `"count":` */
  private nameOf(name: string): Uint8Array {
    const known = this.names.get(name);
    if (known) return known;
    const made = bytesOf(`${JSON.stringify(name)}:`);
    // Aggregates have few names; where there are many they are made anew.
    if (this.names.size < NAMES_MAX) this.names.set(name, made);
    return made;
  }
}

const NAMES_MAX = 1_000;
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const nothing = bytesOf('');
const comma = bytesOf(',');
const end = bytesOf('}}');

/** What stands before the key of a row and between that and its values: what the rows of a window have in common. */
export function commonBytes(row: Omit<WindowRow, 'kind' | 'key' | 'values' | 'withValues'>) {
  const { output, windowStartMs, windowEndMs, state, complete, watermarkMs, clockMs } = row;
  const rest = { windowStartMs, windowEndMs, state, complete, watermarkMs, clockMs };
  return {
    head: bytesOf(`{"kind":"window","output":${JSON.stringify(output)},"key":`),
    middle: bytesOf(`,${JSON.stringify(rest).slice(1, -1)},"values":{`),
  };
}

/** Whether two rows differ in key and values at most. */
const isAlike = (a: WindowRow, b: WindowRow): boolean =>
  a.output === b.output &&
  a.windowStartMs === b.windowStartMs &&
  a.windowEndMs === b.windowEndMs &&
  a.state === b.state &&
  a.complete === b.complete &&
  a.watermarkMs === b.watermarkMs &&
  a.clockMs === b.clockMs;
