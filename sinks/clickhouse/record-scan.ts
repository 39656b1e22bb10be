import type { Layout } from './record-layout.ts';

/**
 * Finds the values of a record that is laid out as expected. Guarantees that it takes only values which mean what their bytes are: plain
 * text without escapes, numbers as `JSON.stringify` writes them, true, false, null. Pure; anything else is not taken.
 */
/** What a value must be. */
export const takes = {
  any: 0,
  text: 1,
  textOrNull: 2,
  whole: 3,
  wholeOrNull: 4,
  number: 5,
  decimal: 6,
  numberFlagOrNull: 7,
} as const;
export type Takes = (typeof takes)[keyof typeof takes];

/** What a value was. */
export const were = { text: 1, number: 2, flag: 3, nothing: 4 } as const;

/** 1: a byte that may stand inside plain text. */
const isPlain = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte >= 0x20 && byte <= 0x7e && byte !== 0x22 && byte !== 0x5c),
);
const powersOfTen = Float64Array.from({ length: 16 }, (_, i) => 10 ** i);
/** So many digits are exact in a double, and no two of so many are the same double: they are its shortest text. */
const exactDigits = 15;
/** Below, `JSON.stringify` writes an exponent. */
const smallest = 1e-6;

/** Scans records of one layout; what it found is good until the next. */
export class RecordScan {
  /** Of each value: where it is (quotes included), what it is, and its number (flags as 0 and 1). */
  readonly starts: Int32Array;
  readonly ends: Int32Array;
  readonly kinds: Uint8Array;
  readonly numbers: Float64Array;
  private readonly literals: readonly Uint8Array[];
  private readonly taken: Uint8Array;
  private readonly most: Float64Array;
  private readonly oneOf: readonly (readonly Uint8Array[] | null)[];

  constructor({ literals }: Layout, rules: readonly ValueRule[]) {
    this.literals = literals;
    this.starts = new Int32Array(rules.length);
    this.ends = new Int32Array(rules.length);
    this.kinds = new Uint8Array(rules.length);
    this.numbers = new Float64Array(rules.length);
    this.taken = Uint8Array.from(rules, (rule) => rule.takes);
    this.most = Float64Array.from(rules, (rule) => rule.most);
    this.oneOf = rules.map((rule) => rule.oneOf?.map((text) => Buffer.from(`"${text}"`)) ?? null);
  }

  /** Whether `bytes[start, end)` is such a record. */
  scan(bytes: Uint8Array, start: number, end: number): boolean {
    const { literals, starts, ends, taken } = this;
    const count = taken.length;
    let at = start;
    for (let i = 0; i < count; i++) {
      const literal = literals[i] as Uint8Array;
      if (!isAt(bytes, at, end, literal)) return false;
      at += literal.length;
      starts[i] = at;
      at = this.value(bytes, at, end, i);
      if (at < 0) return false;
      ends[i] = at;
    }
    const last = literals[count] as Uint8Array;
    return at + last.length === end && isAt(bytes, at, end, last);
  }

  /** Where the value ends; −1: not taken. */
  private value(bytes: Uint8Array, at: number, end: number, i: number): number {
    const wants = this.taken[i] as Takes;
    const first = bytes[at] as number;
    if (first === 0x22) {
      if (wants > takes.textOrNull && wants !== takes.decimal) return -1;
      return this.text(bytes, at, end, i, wants === takes.decimal);
    }
    // −, digits
    if (first === 0x2d || (first >= 0x30 && first <= 0x39)) {
      if (wants === takes.whole || wants === takes.wholeOrNull) return this.whole(bytes, at, i);
      if (wants === takes.any || wants === takes.number || wants === takes.numberFlagOrNull)
        return this.number(bytes, at, end, i);
      return -1;
    }
    if (first === 0x6e) {
      const isWanted =
        wants !== takes.text && wants !== takes.whole && wants !== takes.number && wants !== takes.decimal;
      return isWanted ? this.word(bytes, at, end, i, nullWord, were.nothing, 0) : -1;
    }
    if (wants !== takes.any && wants !== takes.numberFlagOrNull) return -1;
    if (first === 0x74) return this.word(bytes, at, end, i, trueWord, were.flag, 1);
    return this.word(bytes, at, end, i, falseWord, were.flag, 0);
  }

  private text(bytes: Uint8Array, start: number, end: number, i: number, isDecimal: boolean): number {
    let at = start + 1;
    if (isDecimal) {
      while (isDigit(bytes[at])) at++;
      const digits = at - start - 1;
      if (digits === 0 || digits > 18) return -1;
    } else while (at < end && isPlain[bytes[at] as number] === 1) at++;
    if (bytes[at] !== 0x22) return -1;
    at++;
    this.kinds[i] = were.text;
    const oneOf = this.oneOf[i];
    if (!oneOf) return at;
    for (const one of oneOf) if (one.length === at - start && isAt(bytes, start, end, one)) return at;
    return -1;
  }

  /** From 0, of 15 digits at most. */
  private whole(bytes: Uint8Array, start: number, i: number): number {
    let at = start;
    let value = 0;
    for (; isDigit(bytes[at]); at++) value = value * 10 + (bytes[at] as number) - 0x30;
    const digits = at - start;
    if (digits === 0 || digits > exactDigits || (digits > 1 && bytes[start] === 0x30)) return -1;
    if (value > (this.most[i] as number)) return -1;
    this.numbers[i] = value;
    this.kinds[i] = were.number;
    return at;
  }

  private number(bytes: Uint8Array, start: number, end: number, i: number): number {
    const isNegative = bytes[start] === 0x2d;
    let at = isNegative ? start + 1 : start;
    const from = at;
    let value = 0;
    for (; isDigit(bytes[at]); at++) value = value * 10 + (bytes[at] as number) - 0x30;
    let digits = at - from;
    if (digits === 0 || (digits > 1 && bytes[from] === 0x30)) return -1;
    if (bytes[at] === 0x2e) {
      const point = at++;
      for (; isDigit(bytes[at]); at++) value = value * 10 + (bytes[at] as number) - 0x30;
      const decimals = at - point - 1;
      if (decimals === 0 || bytes[at - 1] === 0x30) return -1;
      digits += decimals;
      if (digits <= exactDigits) value /= powersOfTen[decimals] as number;
    }
    if (at > end) return -1;
    if (digits > exactDigits) {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, at - start).toString('latin1');
      value = Number(text);
      if (String(value) !== text) return -1;
    } else {
      if (value < smallest && (value !== 0 || isNegative)) return -1;
      if (isNegative) value = -value;
    }
    this.numbers[i] = value;
    this.kinds[i] = were.number;
    return at;
  }

  private word(bytes: Uint8Array, at: number, end: number, i: number, word: Uint8Array, kind: number, value: number) {
    if (!isAt(bytes, at, end, word)) return -1;
    this.kinds[i] = kind;
    this.numbers[i] = value;
    return at + word.length;
  }
}

export interface ValueRule {
  readonly takes: Takes;
  /** The largest whole number that is taken. */
  readonly most: number;
  readonly oneOf: readonly string[] | null;
}

const [nullWord, trueWord, falseWord] = ['null', 'true', 'false'].map((word) => Buffer.from(word)) as [
  Buffer,
  Buffer,
  Buffer,
];

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39;

function isAt(bytes: Uint8Array, at: number, end: number, expected: Uint8Array): boolean {
  const { length } = expected;
  if (end - at < length) return false;
  for (let i = 0; i < length; i++) if (bytes[at + i] !== expected[i]) return false;
  return true;
}
