import type { AnyEvent } from '../catalog.ts';
import type { FieldCheck } from './field-checks.ts';
import type { Layout } from './layout.ts';
import { filling, type Lent, type Made } from './lent.ts';
import type { ReadAscii, Texts } from './texts.ts';

/** The event in `bytes[start, end)` when its bytes are laid out as expected and its values are valid; null otherwise: ask the slow path. */
export type LayoutDecoder = (bytes: Uint8Array, start: number, end: number) => AnyEvent | null;

export interface CompileOptions {
  readonly layout: Layout;
  readonly checks: ReadonlyMap<string, FieldCheck | null>;
  /** Fields that the event is to have; the others are checked and left out. */
  readonly isRead: (name: string) => boolean;
  /** The strings of a field. */
  readonly textsOf: (name: string) => Texts;
  readonly readAscii: ReadAscii;
  readonly viewOf: (bytes: Uint8Array) => DataView;
  /** Present: one object is filled anew for every event, good until the next, and its id is only read when it is asked for. */
  readonly lent?: Lent | undefined;
}

/** 0: a byte that may stand inside plain text; 1: quote, backslash, control characters, anything beyond ASCII. */
const endsText = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(byte < 0x20 || byte > 0x7e || byte === 0x22 || byte === 0x5c),
);
// 0x7f (delete) is plain text to JSON, too, but nobody sends it: the slow path takes it.

/**
 * A decoder for one layout, as source text handed to V8: every literal byte of the layout is compared, every value checked
 * against its schema, and only the wanted ones become strings and numbers. Null when a field is not one that can be compiled.
 * The text holds numbers and names of declared fields only, never anything else from the sample.
 */
export function compileLayout(options: CompileOptions): LayoutDecoder | null {
  const { layout, checks, isRead, textsOf, readAscii, viewOf, lent } = options;
  const lines: string[] = [];
  const made: Made[] = [];
  const texts: Texts[] = [];
  let literal = '';
  for (const [i, { before, name, value }] of layout.fields.entries()) {
    const check = checks.get(name);
    if (!check) return null;
    literal += before;
    if (check.kind === 'constant') {
      literal += value;
      made.push({ name, kind: 'constant', value });
      continue;
    }
    if (check.kind === 'text') literal += '"';
    lines.push(expect(literal));
    literal = check.kind === 'text' ? '"' : '';
    const isLater = lent !== undefined && name === 'id' && check.kind === 'text' && check.accepts === null;
    lines.push(...valueOf(check, i, isRead(name) && !isLater, texts.length));
    if (isLater) lines.push('const idStart = s, idEnd = p;');
    else if (check.kind === 'text' && (isRead(name) || check.accepts)) {
      if (lent && name === 'key') lines.push(`lent.keySlot = texts[${texts.length}].slot;`);
      texts.push(textsOf(name));
    }
    if (isRead(name)) made.push({ name, kind: isLater ? 'later' : check.kind, value: `v${i}` });
  }
  lines.push(expect(literal + layout.after), 'if (p !== end) return null;');
  const { before, after } = lent ? filling(made) : { before: '', after: `return ${objectOf(made)};` };
  const body = `'use strict'; ${before} return (b, start, end) => { let p = start, s = 0, h = 0; const w = viewOf(b);\n${lines.join('\n')}\n${after}\n};`;
  // oxlint-disable-next-line typescript/no-implied-eval
  const create = new Function('endsText', 'texts', 'readAscii', 'viewOf', 'lent', body) as (
    ...parts: readonly [Uint8Array, readonly Texts[], ReadAscii, CompileOptions['viewOf'], Lent | undefined]
  ) => LayoutDecoder;
  return create(endsText, texts, readAscii, viewOf, lent);
}

const objectOf = (made: readonly Made[]): string =>
  `{ ${made.map(({ name, value }) => `${JSON.stringify(name)}: ${value}`).join(', ')} }`;

/** Compares four bytes at a time; what does not fit before the end is refused first, for a view throws beyond its own. */
function expect(literal: string): string {
  const { length } = literal;
  if (length === 0) return '';
  const code = (i: number): number => literal.charCodeAt(i);
  const checks = [`end - p < ${length}`];
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const word = code(i) | (code(i + 1) << 8) | (code(i + 2) << 16) | (code(i + 3) << 24);
    checks.push(`w.getInt32(p + ${i}, true) !== ${word}`);
  }
  for (; i < length; i++) checks.push(`b[p + ${i}] !== ${code(i)}`);
  return `if (${checks.join(' || ')}) return null;\np += ${length};`;
}

function valueOf(check: Exclude<FieldCheck, { kind: 'constant' }>, i: number, isRead: boolean, text: number): string[] {
  switch (check.kind) {
    case 'text':
      return textValue(check, i, isRead, text);
    case 'integer':
      return integerValue(check, i);
    case 'number':
      return numberValue(check, i);
    case 'boolean':
      return [
        `let v${i} = false;`,
        'if (b[p] === 116 && b[p + 1] === 114 && b[p + 2] === 117 && b[p + 3] === 101) { p += 4; ' + `v${i} = true; }`,
        'else if (b[p] === 102 && b[p + 1] === 97 && b[p + 2] === 108 && b[p + 3] === 115 && b[p + 4] === 101) p += 5;',
        'else return null;',
      ];
  }
}

function textValue(
  { min, max, accepts }: Extract<FieldCheck, { kind: 'text' }>,
  i: number,
  isRead: boolean,
  text: number,
) {
  const isMade = isRead || accepts !== null;
  const length = max === Infinity ? `p - s < ${min}` : `p - s < ${min} || p - s > ${max}`;
  const scan = isMade ? '{ h = (Math.imul(h, 31) + b[p]) | 0; p++; }' : 'p++;';
  const lines = ['s = p; h = 0;', `while (p < end && endsText[b[p]] === 0) ${scan}`, `if (${length}) return null;`];
  if (isMade) lines.push(`const v${i} = texts[${text}].at(b, s, p, h);`, `if (v${i} === undefined) return null;`);
  return lines;
}

/** At most 15 digits: exact in a double whatever they are. */
function integerValue({ min, max }: { readonly min: number; readonly max: number }, i: number): string[] {
  const isSigned = min < 0;
  return [
    `let v${i} = 0;`,
    isSigned ? 'const n' + i + ' = b[p] === 45; if (n' + i + ') p++;' : '',
    's = p;',
    `while (b[p] >= 48 && b[p] <= 57) { v${i} = v${i} * 10 + (b[p] - 48); p++; }`,
    'if (p === s || p - s > 15 || (b[s] === 48 && p - s > 1)) return null;',
    // −0 is left to the slow path.
    isSigned ? `if (n${i}) { if (v${i} === 0) return null; v${i} = -v${i}; }` : '',
    bounds(`v${i}`, min, max),
  ];
}

/** Digits, perhaps with a fraction; anything with an exponent is left to the slow path. `Number` reads these as `JSON.parse` does. */
function numberValue({ min, max }: { readonly min: number; readonly max: number }, i: number): string[] {
  return [
    's = p; if (b[p] === 45) p++;',
    `const d${i} = p; while (b[p] >= 48 && b[p] <= 57) p++;`,
    `if (p === d${i} || p - s > 24 || (b[d${i}] === 48 && p - d${i} > 1)) return null;`,
    `if (b[p] === 46) { const f${i} = ++p; while (b[p] >= 48 && b[p] <= 57) p++; if (p === f${i} || p - s > 40) return null; }`,
    `if (p > end) return null; const v${i} = Number(readAscii(b, s, p));`,
    bounds(`v${i}`, min, max),
  ];
}

function bounds(value: string, min: number, max: number): string {
  const checks = [min > -Infinity ? `${value} < ${min}` : '', max < Infinity ? `${value} > ${max}` : ''].filter(
    Boolean,
  );
  return checks.length === 0 ? '' : `if (${checks.join(' || ')}) return null;`;
}
