// What SQL from people may say, judged on the text that the engine's own parser printed: one statement, no comments, nothing quoted that
// need not be. Guarantees that only statements that read come through, and none that reads files, addresses, other servers or what
// other people ask. The engine's own rights and `readonly` stand behind it; neither is enough alone. No state.

/** Why a statement is refused, for a person; null when it may run. `tableFunctions`: all that the engine has, in lower case. */
export function refusalOf(printed: string, tableFunctions: ReadonlySet<string>): string | null {
  const tokens = tokensOf(printed);
  return (
    beginning(tokens) ??
    tokens.reduce<string | null>((why, _, at) => why ?? refusedAt(tokens, at, tableFunctions), null)
  );
}

interface Token {
  readonly kind: 'name' | 'symbol' | 'text';
  /** Names without their quotes. */
  readonly text: string;
  readonly isQuoted: boolean;
}

const readers = new Set(['SELECT', 'WITH', 'SHOW', 'DESCRIBE', 'EXPLAIN', 'EXISTS']);
/** What SHOW may show: nothing about other people, their rights or the server. */
const shown = new Set(['TABLES', 'FULL', 'COLUMNS', 'CREATE', 'DATABASES', 'INDEXES', 'FUNCTIONS']);
/** Table functions that make rows of nothing or of other tables that are judged themselves. */
const harmlessTableFunctions = new Set([
  ...['numbers', 'numbers_mt', 'zeros', 'zeros_mt', 'primes', 'generate_series', 'generateseries', 'generaterandom'],
  ...['values', 'null', 'view', 'format'],
]);
/** Functions that read files or ask servers, or hold a thread for nothing. */
const refusedFunctions = new Set([
  ...['file', 'executable', 'catboostevaluate', 'hascolumnintable', 'showcertificate', 'getserversetting'],
  ...['sleep', 'sleepeachrow', 'dictget', 'joinget', 'joingetornull'],
]);
const systemTables = new Set([
  ...['one', 'numbers', 'numbers_mt', 'zeros', 'tables', 'columns', 'databases', 'functions', 'data_type_families'],
]);

function beginning(tokens: readonly Token[]): string | null {
  const first = tokens.find(({ text }) => text !== '(');
  if (!first || first.isQuoted || !readers.has(first.text.toUpperCase()))
    return 'only SELECT, WITH, SHOW, DESCRIBE, EXPLAIN and EXISTS may be asked here';
  const second = tokens[tokens.indexOf(first) + 1];
  const isShow = first.text.toUpperCase() === 'SHOW';
  if (isShow && !shown.has(second?.text.toUpperCase() ?? ''))
    return 'SHOW may show tables, columns, databases, functions and CREATE statements';
  return null;
}

function refusedAt(tokens: readonly Token[], at: number, tableFunctions: ReadonlySet<string>): string | null {
  const { kind, text, isQuoted } = tokens[at] as Token;
  if (kind !== 'name') return null;
  const name = text.toLowerCase();
  const next = tokens[at + 1];
  if (next?.text === '(' && next.kind === 'symbol') {
    if (refusedFunctions.has(name) || name.startsWith('dictget')) return `the function ${text} may not be used here`;
    if (tableFunctions.has(name) && !harmlessTableFunctions.has(name))
      return `the table function ${text} may not be used here`;
  }
  if (name === 'system' && next?.text === '.' && !systemTables.has(tokens[at + 2]?.text.toLowerCase() ?? ''))
    return `of the database system only ${[...systemTables].join(', ')} may be read here`;
  if (isQuoted) return null;
  if (name === 'outfile') return 'INTO OUTFILE may not be used here';
  // In a subquery the engine lets a setting be changed, whatever `readonly` says.
  if (name === 'settings' && next?.kind === 'name' && tokens[at + 2]?.text === '=')
    return 'SETTINGS may not be used here';
  if (name === 'format' && next?.kind === 'name' && at + 2 === tokens.length)
    return 'leave FORMAT out: the answer is JSON';
  return null;
}

const tokenPattern =
  /\s+|(?<text>'(?:[^'\\]|\\[^])*')|(?<quoted>`(?:[^`\\]|\\[^])*`|"(?:[^"\\]|\\[^])*")|(?<name>[\w$\u0080-\uffff]+)|[^]/gy;

function tokensOf(printed: string): Token[] {
  const tokens: Token[] = [];
  for (const match of printed.matchAll(tokenPattern)) {
    const { text, quoted, name } = match.groups ?? {};
    if (text !== undefined) tokens.push({ kind: 'text', text: '', isQuoted: true });
    else if (quoted !== undefined) tokens.push({ kind: 'name', text: unquoted(quoted), isQuoted: true });
    else if (name !== undefined) tokens.push({ kind: 'name', text: name, isQuoted: false });
    else if (match[0].trim() !== '') tokens.push({ kind: 'symbol', text: match[0], isQuoted: false });
  }
  return tokens;
}

const unquoted = (quoted: string): string => quoted.slice(1, -1).replace(/\\([^])/g, '$1');
