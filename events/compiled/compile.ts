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
  /** Which field is the key, once it is read. */
  let keyAt = -1;
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
    const isMade = isRead(name) && !isLater;
    const like = value === layout.fields[keyAt]?.value ? keyAt : -1;
    lines.push(...valueOf(check, i, { isRead: isMade, text: texts.length, like, hint: lent ? name : null }));
    if (isLater) lines.push('const idStart = s, idEnd = p;');
    else if (check.kind === 'text' && (isRead(name) || check.accepts)) {
      texts.push(textsOf(name));
      if (lent) lent.hints[name] ??= -1;
      if (name === 'key') {
        keyAt = i;
        lines.push('const keyStart = s, keyLength = p - s, keyHash = h;');
      }
    }
    if (isRead(name)) made.push({ name, kind: isLater ? 'later' : check.kind, value: `v${i}` });
  }
  lines.push(expect(literal + layout.after), 'if (p !== end) return null;');
  const { before, after } = lent ? filling(made) : { before: '', after: `return ${objectOf(made)};` };
  const body = `'use strict'; ${before} return (b, start, end) => { let p = start, s = 0, h = 0; const w = viewOf(b);\n${lines.join('\n')}\n${after}\n};`;
  // oxlint-disable-next-line typescript/no-implied-eval
  const create = new Function(...partNames, body) as (...parts: Parts) => LayoutDecoder;
  return create(endsText, texts, readAscii, viewOf, lent, powers, isRun);
}

/** What the source text calls them. */
const partNames = ['endsText', 'texts', 'readAscii', 'viewOf', 'lent', 'powers', 'isRun'] as const;
type Parts = readonly [
  Uint8Array,
  readonly Texts[],
  ReadAscii,
  CompileOptions['viewOf'],
  Lent | undefined,
  Float64Array,
  typeof isRun,
];

/** Whole numbers of so many digits, and these powers of ten, are exact doubles, so that their quotient is what `Number` gives (W. D. Clinger, 1990). */
const exactDigits = 15;
const powers = Float64Array.from({ length: exactDigits + 1 }, (_, k) => Number(`1e${k}`));

/** Whether the bytes from `one` on are those from `other` on. */
function isRun(bytes: Uint8Array, one: number, other: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (bytes[one + i] !== bytes[other + i]) return false;
  return true;
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

interface TextOptions {
  readonly isRead: boolean;
  /** Whose `Texts` it asks. */
  readonly text: number;
  /** The field that it was the same as, before it (−1: none): mostly it is again, and the same string then. */
  readonly like: number;
  /** Under which name its hint is noted. */
  readonly hint: string | null;
}

function valueOf(check: Exclude<FieldCheck, { kind: 'constant' }>, i: number, options: TextOptions): string[] {
  switch (check.kind) {
    case 'text':
      return textValue(check, i, options);
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
  { isRead, text, like, hint }: TextOptions,
): string[] {
  const isMade = isRead || accepts !== null;
  const length = max === Infinity ? `p - s < ${min}` : `p - s < ${min} || p - s > ${max}`;
  const scan = isMade ? '{ h = (Math.imul(h, 31) + b[p]) | 0; p++; }' : 'p++;';
  const lines = ['s = p; h = 0;', `while (p < end && endsText[b[p]] === 0) ${scan}`, `if (${length}) return null;`];
  if (!isMade) return lines;
  const note = (slot: string): string => (hint === null ? '' : `lent.hints[${JSON.stringify(hint)}] = ${slot};`);
  const found = [
    `v${i} = texts[${text}].at(b, s, p, h); if (v${i} === undefined) return null;`,
    note(`texts[${text}].slot`),
  ].join(' ');
  if (like < 0 || accepts) return [...lines, `let ${found}`];
  const isLike = 'h === keyHash && p - s === keyLength && isRun(b, s, keyStart, keyLength)';
  return [...lines, `let v${i}; if (${isLike}) { v${i} = v${like}; ${note('lent.hints.key')} } else { ${found} }`];
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

/** Digits, perhaps with a fraction; anything with an exponent is left to the slow path. What is not exact this way `Number` reads as `JSON.parse` does. */
function numberValue({ min, max }: { readonly min: number; readonly max: number }, i: number): string[] {
  const digits = `while (b[p] >= 48 && b[p] <= 57) { v${i} = v${i} * 10 + (b[p] - 48); p++; }`;
  return [
    `s = p; const n${i} = b[p] === 45; if (n${i}) p++;`,
    `const d${i} = p; let v${i} = 0, f${i} = 0; ${digits}`,
    `if (p === d${i} || p - s > 24 || (b[d${i}] === 48 && p - d${i} > 1)) return null;`,
    `if (b[p] === 46) { const q = ++p; ${digits} f${i} = p - q; if (f${i} === 0 || p - s > 40) return null; }`,
    'if (p > end) return null;',
    `if (p - d${i} > ${exactDigits}) v${i} = Number(readAscii(b, s, p));`,
    `else { v${i} /= powers[f${i}]; if (n${i}) v${i} = -v${i}; }`,
    bounds(`v${i}`, min, max),
  ];
}

function bounds(value: string, min: number, max: number): string {
  const checks = [min > -Infinity ? `${value} < ${min}` : '', max < Infinity ? `${value} > ${max}` : ''].filter(
    Boolean,
  );
  return checks.length === 0 ? '' : `if (${checks.join(' || ')}) return null;`;
}
