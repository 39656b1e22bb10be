// Reads a CSV or JSON Lines file as rows, streaming, each with its line. Rows that cannot be read come out as `bad` in their place,
// so that they can be reported and counted; nothing is skipped silently. Reading again gives the same rows.
import type { Readable } from 'node:stream';
import { csvRows } from './csv.ts';
import { jsonlRows } from './jsonl.ts';

export type FileFormat = 'csv' | 'jsonl';

export interface BadRow {
  readonly kind: 'bad';
  /** Line of the file, from 1. */
  readonly line: number;
  readonly column: string | null;
  /** What is wrong and what to do about it. */
  readonly message: string;
}

export type FileRow =
  /** CSV only: comes first. */
  | { readonly kind: 'header'; readonly columns: readonly string[] }
  | { readonly kind: 'row'; readonly line: number; readonly values: Readonly<Record<string, unknown>> }
  | BadRow;

/** The rows of `content` in order. Throws a `FileError` where it cannot go on. */
export function readRows(file: string, format: FileFormat, content: Readable): AsyncGenerator<FileRow> {
  return format === 'csv' ? csvRows(file, content) : jsonlRows(file, content);
}
