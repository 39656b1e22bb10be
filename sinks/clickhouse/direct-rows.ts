import { directKinds, type Column, type ColumnKind } from './record-columns.ts';
import { layoutOf, type Layout, type Place } from './record-layout.ts';
import { RecordScan, takes, were, type Takes, type ValueRule } from './record-scan.ts';
import type { StoredResult } from './result-checks.ts';
import type { RowBuffer } from './row-binary.ts';
import type { TableName } from './tables.ts';

/**
 * Results as rows without an object in between: records that look like one that was parsed before are copied value by value. Guarantees
 * the bytes that parsing, checking and writing give; whatever it does not take (escapes, text beyond ASCII, another order of fields,
 * exponents) is left to them. Redelivery: the same bytes, whichever way they are made.
 */
export interface DirectRows {
  /** Whether the record `bytes[start, end)` became a row. */
  write(bytes: Uint8Array, start: number, end: number): boolean;
  /** From a record that was parsed and is a result: the next that look like it need not be. */
  learn(kind: StoredResult['kind'], bytes: Uint8Array, start: number, end: number): void;
}

const layoutsMax = 16;
/** After so many records layouts that took none are let go. Where less than a quarter was taken, all are, and none is learned for a while. */
const trialRecords = 1_024;
const restRecords = 64 * trialRecords;

/** Nothing learned yet. For the records of one topic, which look alike. */
export function createDirectRows(bufferOf: (table: TableName) => RowBuffer): DirectRows {
  /** Those with more hits rather before the others. */
  let layouts: LayoutRows[] = [];
  let tried = 0;
  let restLeft = 0;
  const weigh = (): void => {
    const taken = layouts.reduce((sum, { hits }) => sum + hits, 0);
    layouts = taken * 4 < tried ? [] : layouts.filter(({ hits }) => hits > 0);
    if (layouts.length === 0) restLeft = restRecords;
    for (const one of layouts) one.hits = 0;
    tried = 0;
  };
  const take = (bytes: Uint8Array, start: number, end: number): boolean => {
    for (let i = 0; i < layouts.length; i++) {
      const layout = layouts[i] as LayoutRows;
      if (!layout.write(bufferOf, bytes, start, end)) continue;
      const before = layouts[i - 1];
      layout.hits++;
      if (before && layout.hits > before.hits) [layouts[i - 1], layouts[i]] = [layout, before];
      return true;
    }
    return false;
  };
  return {
    write(bytes, start, end) {
      if (restLeft > 0) {
        restLeft--;
        return false;
      }
      if (++tried > trialRecords) weigh();
      return take(bytes, start, end);
    },
    learn(kind, bytes, start, end) {
      const direct = directKinds[kind];
      if (!direct || restLeft > 0 || layouts.length >= layoutsMax) return;
      const layout = layoutOf(
        Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'),
        direct,
      );
      if (layout) layouts.push(new LayoutRows(layout));
    },
  };
}

const takenAs: Readonly<Record<Exclude<ColumnKind, 'object' | 'array' | 'features'>, readonly [Takes, most: number]>> =
  {
    text: [takes.text, 0],
    textOrNull: [takes.textOrNull, 0],
    flag: [takes.whole, 1],
    u32: [takes.whole, 0xffff_ffff],
    i32: [takes.whole, 0x7fff_ffff],
    ms: [takes.whole, Infinity],
    msOrNull: [takes.wholeOrNull, Infinity],
    f64: [takes.number, 0],
    decimal: [takes.decimal, 0],
  };

/** What each value of the layout must be, for the columns that are made of it. */
function rulesOf({ kind, values, places }: Layout): readonly ValueRule[] {
  const rules = values.map((): ValueRule => ({ takes: takes.any, most: 0, oneOf: null }));
  for (const [i, { kind: column, oneOf = null }] of kind.columns.entries()) {
    const { from, to } = places[i] as Place;
    if (column === 'object' || column === 'array') continue;
    const [wanted, most] = column === 'features' ? [takes.numberFlagOrNull, 0] : takenAs[column];
    for (let value = from; value <= to; value++) rules[value] = { takes: wanted, most, oneOf };
  }
  return rules;
}

/** Rows of one layout. */
class LayoutRows {
  hits = 0;
  private readonly layout: Layout;
  private readonly scan: RecordScan;

  constructor(layout: Layout) {
    this.layout = layout;
    this.scan = new RecordScan(layout, rulesOf(layout));
  }

  write(bufferOf: (table: TableName) => RowBuffer, bytes: Uint8Array, start: number, end: number): boolean {
    if (!this.scan.scan(bytes, start, end)) return false;
    const { kind, places } = this.layout;
    const { columns } = kind;
    const to = bufferOf(kind.table);
    for (let i = 0; i < columns.length; i++) this.column(to, bytes, columns[i] as Column, places[i] as Place);
    to.endRow();
    return true;
  }

  private column(to: RowBuffer, bytes: Uint8Array, { kind }: Column, place: Place): void {
    const { starts, ends, kinds, numbers } = this.scan;
    const { from } = place;
    const start = starts[from] as number;
    const end = ends[from] as number;
    const number = numbers[from] as number;
    const isNull = kinds[from] === were.nothing;
    switch (kind) {
      case 'text':
        return to.bytes(bytes, start + 1, end - 1);
      case 'textOrNull':
        to.u8(isNull ? 1 : 0);
        return isNull ? undefined : to.bytes(bytes, start + 1, end - 1);
      case 'flag':
        return to.u8(number);
      case 'u32':
      case 'i32':
        return to.u32(number);
      case 'ms':
        return to.timeMs(number);
      case 'msOrNull':
        return to.nullableTimeMs(isNull ? null : number);
      case 'f64':
        return to.f64(number);
      case 'decimal':
        return writeDecimal(to, bytes, start + 1, end - 1);
      case 'object':
      case 'array':
        return to.bytes(bytes, start - place.before, (ends[place.to] as number) + place.after);
      case 'features':
        return this.features(to, place);
    }
  }

  private features(to: RowBuffer, { from, to: last }: Place): void {
    const { kinds, numbers } = this.scan;
    to.length(last - from + 1);
    for (let i = from; i <= last; i++) {
      const { name } = this.layout.values[i] as Layout['values'][number];
      to.raw(name);
      const isNull = kinds[i] === were.nothing;
      to.u8(isNull ? 1 : 0);
      if (!isNull) to.f64(numbers[i] as number);
    }
  }
}

/** Digits as 64 bits, in two halves. */
function writeDecimal(to: RowBuffer, bytes: Uint8Array, start: number, end: number): void {
  let low = 0;
  let high = 0;
  for (let i = start; i < end; i++) {
    low = low * 10 + (bytes[i] as number) - 0x30;
    const carried = Math.floor(low / 2 ** 32);
    low -= carried * 2 ** 32;
    high = high * 10 + carried;
  }
  to.u32(low);
  to.u32(high);
}
