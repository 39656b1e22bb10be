/**
 * Reads a ClickHouse statement just far enough to know where an INSERT's rows begin. The embedded engine ends inline rows at a
 * blank line and runs the rest as SQL, so the front never hands it rows inline: they go to a file, which needs this split.
 */
export type Statement =
  | {
      readonly kind: 'query';
      /** The last top-level `FORMAT name`, or null. */
      readonly format: string | null;
      /** True when something follows a `;`. */
      readonly isMulti: boolean;
    }
  | {
      readonly kind: 'insert';
      readonly format: string;
      /** Where `FROM INFILE …` goes: before SETTINGS, FORMAT or VALUES. */
      readonly infileAt: number;
      /** The end of the statement without FORMAT or VALUES. */
      readonly headEnd: number;
      /** Where the rows begin. */
      readonly dataStart: number;
    }
  | { readonly kind: 'unsupported'; readonly reason: string };

/** Splits `sql` (any single-byte decoding: positions are then byte positions). Never throws: what it does not know is a query. */
export function readStatement(sql: string): Statement {
  const tokens = tokenize(sql);
  const first = tokens.next().value;
  if (!first) return { kind: 'query', format: null, isMulti: false };
  return isWord(first, 'INSERT') ? readInsert(sql, tokens) : readQuery(first, tokens);
}

interface Token {
  readonly kind: 'word' | 'quoted' | 'string' | 'symbol';
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Depth of round, square and curly brackets around it. */
  readonly depth: number;
}

function readQuery(first: Token, tokens: Iterator<Token, undefined>): Statement {
  let format: string | null = null;
  let previous = first;
  let isEnded = first.text === ';';
  for (let token = tokens.next().value; token; token = tokens.next().value) {
    if (isEnded) return { kind: 'query', format, isMulti: true };
    if (token.text === ';' && token.kind === 'symbol') isEnded = true;
    else if (token.kind === 'word' && token.depth === 0 && isWord(previous, 'FORMAT')) format = token.text;
    previous = token;
  }
  return { kind: 'query', format, isMulti: false };
}

/** `INSERT INTO [TABLE|FUNCTION] name [(columns)] [SETTINGS …] FORMAT name | VALUES | SELECT …`, read after INSERT. */
function readInsert(sql: string, tokens: Iterator<Token, undefined>): Statement {
  let token = tokens.next().value;
  if (token && isWord(token, 'INTO')) token = tokens.next().value;
  if (token && (isWord(token, 'TABLE') || isWord(token, 'FUNCTION'))) token = tokens.next().value;
  let infileAt = -1;
  let afterName = false;
  for (; token; token = tokens.next().value) {
    if (!afterName) {
      afterName = true;
      continue;
    }
    if (token.text === '.' && token.kind === 'symbol') afterName = false;
    if (token.kind === 'symbol' && token.text === ';') return readQuery(token, tokens);
    if (token.kind !== 'word' || token.depth !== 0) continue;
    if (isWord(token, 'SELECT') || isWord(token, 'WITH')) return readInsertSelect(token, tokens);
    if (isWord(token, 'FROM'))
      return { kind: 'unsupported', reason: 'INSERT FROM INFILE over HTTP: send the rows in the body' };
    if (isWord(token, 'SETTINGS') && infileAt < 0) infileAt = token.start;
    const at = infileAt < 0 ? token.start : infileAt;
    if (isWord(token, 'VALUES'))
      return { kind: 'insert', format: 'Values', infileAt: at, headEnd: token.start, dataStart: token.end };
    if (isWord(token, 'FORMAT')) {
      const name = tokens.next().value;
      if (name?.kind !== 'word') break;
      return {
        kind: 'insert',
        format: name.text,
        infileAt: at,
        headEnd: token.start,
        dataStart: skipLineEnd(sql, name.end),
      };
    }
  }
  return { kind: 'query', format: null, isMulti: false };
}

function readInsertSelect(first: Token, tokens: Iterator<Token, undefined>): Statement {
  let previous = first;
  for (let token = tokens.next().value; token; token = tokens.next().value) {
    if (token.text === '(' && isWord(previous, 'INPUT'))
      return { kind: 'unsupported', reason: 'INSERT … SELECT … FROM input(…): insert into the table itself' };
    if (token.kind === 'symbol' && token.text === ';') return readQuery(token, tokens);
    previous = token;
  }
  return { kind: 'query', format: null, isMulti: false };
}

function skipLineEnd(sql: string, from: number): number {
  let at = from;
  while (sql[at] === ' ' || sql[at] === '\t' || sql[at] === '\f') at += 1;
  if (sql[at] === '\r') at += 1;
  if (sql[at] === '\n') at += 1;
  return at;
}

const isWord = (token: Token, word: string): boolean => token.kind === 'word' && token.text.toUpperCase() === word;

// Spaces, comments, quoted things with \ and doubled quotes, heredocs, words, and single symbols; an unclosed one runs to the end.
const tokenPattern =
  /(?<skip>[\s\0]+|--[^\n]*|#[ !][^\n]*|\/\*[^]*?(?:\*\/|$))|(?<string>'(?:[^'\\]+|\\[^]|'')*(?:'|$))|(?<quoted>"(?:[^"\\]+|\\[^]|"")*(?:"|$)|`(?:[^`\\]+|\\[^]|``)*(?:`|$))|(?<heredoc>\$(?<tag>\w*)\$[^]*?(?:\$\k<tag>\$|$))|(?<word>[\w\x80-\uffff]+)|[^]/y;

function* tokenize(sql: string): Generator<Token, undefined> {
  const pattern = new RegExp(tokenPattern);
  let depth = 0;
  for (let match = pattern.exec(sql); match && match[0] !== ''; match = pattern.exec(sql)) {
    const groups = match.groups ?? {};
    if (groups['skip'] !== undefined) continue;
    const text = match[0];
    const kind =
      groups['word'] !== undefined
        ? 'word'
        : groups['quoted'] !== undefined
          ? 'quoted'
          : groups['string'] !== undefined || groups['heredoc'] !== undefined
            ? 'string'
            : 'symbol';
    if (kind === 'symbol' && (text === ')' || text === ']' || text === '}')) depth -= 1;
    yield { kind, text, start: match.index, end: match.index + text.length, depth };
    if (kind === 'symbol' && (text === '(' || text === '[' || text === '{')) depth += 1;
  }
  return undefined;
}
