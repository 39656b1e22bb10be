import type { DirectKind } from './record-columns.ts';

/**
 * Where the values of a record stand, learned from one: what is between them, byte for byte.
 * Guarantees that bytes which differ from the sample only in plain values (`record-scan.ts`) are JSON of the same shape.
 * Pure. Redelivery: the same layout.
 */
export interface Layout {
  readonly kind: DirectKind;
  /** What stands before each value, and after the last. */
  readonly literals: readonly Uint8Array[];
  readonly values: readonly Leaf[];
  /** For each column: its value, or the values of its object from the first to the last. */
  readonly places: readonly Place[];
}

export interface Leaf {
  readonly path: string;
  /** The innermost name, as RowBinary text: of a map. */
  readonly name: Uint8Array;
}

/** Values `from` to `to` (included). An object or array begins `before` bytes ahead of the first and ends `after` behind the last. */
export interface Place {
  readonly from: number;
  readonly to: number;
  readonly before: number;
  readonly after: number;
}

/** The layout of `text`, a result of `kind` as JSON; null where no record can be expected to look like it again. */
export function layoutOf(text: string, kind: DirectKind): Layout | null {
  // Escapes and what is beyond printable ASCII: never copied as they stand.
  if (/[^\x20-\x7e]|\\/.test(text)) return null;
  const walker = new Walker(text);
  if (!walker.walk('', true)) return null;
  const places: Place[] = [];
  for (const { path, kind: column } of kind.columns) {
    const place = walker.placeOf(path);
    if (!place) return null;
    const isWhole = column === 'object' || column === 'array' || column === 'features';
    if (isWhole !== place.isWhole) return null;
    if (isWhole && !isCanonical(text.slice(place.start, place.end), column === 'array' ? '[' : '{')) return null;
    places.push(place);
  }
  const encoder = new TextEncoder();
  return {
    kind,
    literals: walker.literals.map((literal) => encoder.encode(literal)),
    values: walker.leaves.map(({ path, name }) => ({
      path,
      name: Buffer.from(`${String.fromCharCode(name.length)}${name}`),
    })),
    places,
  };
}

/** What `JSON.stringify` would make of it again: so that it can be copied. */
const isCanonical = (json: string, first: '[' | '{'): boolean =>
  json.startsWith(first) && JSON.stringify(JSON.parse(json)) === json;

interface Found extends Place {
  readonly isWhole: boolean;
  readonly start: number;
  readonly end: number;
}

const scalar = /"[^"]*"|-?\d[\d.eE+-]*|true|false|null/y;
const gap = /[\s]*/y;
/** Longest name: its length is one byte of RowBinary. */
const nameMax = 127;

/** Goes over valid JSON without escapes. */
class Walker {
  readonly literals: string[] = [];
  readonly leaves: { readonly path: string; readonly name: string; readonly start: number; readonly end: number }[] =
    [];
  private readonly whole = new Map<
    string,
    { readonly from: number; readonly to: number; start: number; end: number }
  >();
  private readonly text: string;
  private at = 0;
  private literalFrom = 0;

  constructor(text: string) {
    this.text = text;
  }

  /** False where a name is there twice, or could be taken for another. */
  walk(path: string, isRoot = false): boolean {
    this.skip(gap);
    const start = this.at;
    const from = this.leaves.length;
    const opened = this.text[start];
    if (opened !== '{' && opened !== '[') return this.leaf(path);
    this.at++;
    const names = new Set<string>();
    const closes = opened === '{' ? '}' : ']';
    for (let i = 0; ; i++) {
      this.skip(gap);
      if (this.text[this.at] === closes) break;
      if (i > 0) this.at++;
      this.skip(gap);
      let name = String(i);
      if (opened === '{') {
        name = this.skip(scalar).slice(1, -1);
        this.skip(gap);
        this.at++;
      }
      if (names.has(name) || name.includes('.') || name.length > nameMax) return false;
      names.add(name);
      if (!this.walk(isRoot ? name : `${path}.${name}`)) return false;
    }
    this.at++;
    this.whole.set(path, { from, to: this.leaves.length - 1, start, end: this.at });
    if (isRoot) this.literals.push(this.text.slice(this.literalFrom));
    return true;
  }

  placeOf(path: string): Found | null {
    const leaf = this.leaves.findIndex((one) => one.path === path);
    if (leaf >= 0) return { from: leaf, to: leaf, before: 0, after: 0, isWhole: false, start: 0, end: 0 };
    const whole = this.whole.get(path);
    if (!whole || whole.to < whole.from) return null;
    const { from, to, start, end } = whole;
    const before = (this.leaves[from]?.start ?? 0) - start;
    return { from, to, before, after: end - (this.leaves[to]?.end ?? 0), isWhole: true, start, end };
  }

  private leaf(path: string): boolean {
    const start = this.at;
    const value = this.skip(scalar);
    if (value === '') return false;
    // What says the kind is part of the layout.
    if (path === 'kind') return true;
    this.literals.push(this.text.slice(this.literalFrom, start));
    this.leaves.push({ path, name: path.slice(path.lastIndexOf('.') + 1), start, end: this.at });
    this.literalFrom = this.at;
    return true;
  }

  private skip(what: RegExp): string {
    what.lastIndex = this.at;
    const found = what.exec(this.text)?.[0] ?? '';
    this.at += found.length;
    return found;
  }
}
