// CSV (RFC 4180, with a header line) as rows. A row with a stray quote or another number of fields than the header comes out as
// `bad`; a quote that is never closed stops the reading, because what follows it cannot be told apart. Reading again gives the same.
// The parser of `csv-parse` is given one row at a time: on a stream it may swallow good rows after a bad one.
import type { Readable } from 'node:stream';
import { parse } from 'csv-parse/sync';
import { FileError } from './error.ts';
import { linesOf, rowCharsMax } from './lines.ts';
import type { FileRow } from './rows.ts';

interface RawRow {
  readonly line: number;
  readonly text: string;
  readonly hasQuotes: boolean;
}

/** Rows with the header's names as columns. Empty lines are passed over. */
export async function* csvRows(file: string, content: Readable): AsyncGenerator<FileRow> {
  let columns: readonly string[] | null = null;
  for await (const raw of rawRows(file, content)) {
    const fields = fieldsOf(raw);
    if (columns === null) yield { kind: 'header', columns: (columns = headerOf(file, fields)) };
    else yield rowOf(columns, fields, raw.line);
  }
}

/** Lines, joined where a quoted field goes over several. */
async function* rawRows(file: string, content: Readable): AsyncGenerator<RawRow> {
  let line = 0;
  let open: { readonly line: number; text: string } | null = null;
  for await (const text of linesOf(file, content)) {
    line += 1;
    const isTurning = text.includes('"') && text.split('"').length % 2 === 0;
    if (open === null && !isTurning) {
      if (text.trim() !== '') yield { line, text, hasQuotes: text.includes('"') };
    } else if (open === null) open = { line, text };
    else {
      open.text += `\n${text}`;
      if (open.text.length > rowCharsMax) break;
      if (!isTurning) continue;
      yield { ...open, hasQuotes: true };
      open = null;
    }
  }
  if (open) throw new FileError('file_damaged', `${file}:${open.line}: a quote is opened and never closed`);
}

function fieldsOf({ text, hasQuotes }: RawRow): readonly string[] | null {
  if (!hasQuotes) return text.split(',');
  try {
    return parse(text, { relax_column_count: true })[0] ?? null;
  } catch {
    return null;
  }
}

function headerOf(file: string, columns: readonly string[] | null): readonly string[] {
  if (columns === null)
    throw new FileError('header_wrong', `${file}: line 1 is not CSV; a quote inside a quoted name is written twice`);
  const twice = columns.find((name, i) => columns.indexOf(name) !== i);
  if (twice !== undefined) throw new FileError('header_wrong', `${file}: line 1 names the column "${twice}" twice`);
  return columns;
}

function rowOf(columns: readonly string[], fields: readonly string[] | null, line: number): FileRow {
  const bad = (message: string): FileRow => ({ kind: 'bad', line, column: null, message });
  if (fields === null) return bad('is not CSV; a quote inside a quoted field is written twice');
  if (fields.length !== columns.length)
    return bad(`has ${fields.length} fields where the header has ${columns.length}; is a comma or quote missing?`);
  const values = Object.create(null) as Record<string, string>;
  for (let i = 0; i < columns.length; i++) values[columns[i] as string] = fields[i] as string;
  return { kind: 'row', line, values };
}
