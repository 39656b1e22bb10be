// JSON Lines as rows: one JSON object a line. A line that is not one comes out as `bad`. Reading again gives the same rows.
import type { Readable } from 'node:stream';
import { linesOf } from './lines.ts';
import type { FileRow } from './rows.ts';

/** Rows with the object's fields as columns. Empty lines are passed over. */
export async function* jsonlRows(file: string, content: Readable): AsyncGenerator<FileRow> {
  let line = 0;
  for await (const text of linesOf(file, content)) {
    line += 1;
    if (text.trim() !== '') yield rowOf(text, line);
  }
}

function rowOf(text: string, line: number): FileRow {
  try {
    const values: unknown = JSON.parse(text);
    if (typeof values === 'object' && values !== null && !Array.isArray(values))
      return { kind: 'row', line, values: values as Record<string, unknown> };
    return { kind: 'bad', line, column: null, message: 'is not a JSON object; write one {...} on each line' };
  } catch {
    return { kind: 'bad', line, column: null, message: 'is not JSON; write one {...} on each line' };
  }
}
