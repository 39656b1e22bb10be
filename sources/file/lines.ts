// Splits a text stream into lines (`\n` or `\r\n`, with or without a byte order mark), streaming. A line over the limit stops the
// reading with a `FileError`. Reading again gives the same lines.
import type { Readable } from 'node:stream';
import { FileError } from './error.ts';
import { damaged } from './open-file.ts';

/** Longest line or row, in characters. */
export const rowCharsMax = 1_048_576;

/** The lines in order, without their ends. Closes `content` when it is done or left. */
export async function* linesOf(file: string, content: Readable): AsyncGenerator<string> {
  content.setEncoding('utf8');
  let rest = '';
  let isFirst = true;
  try {
    for await (const chunk of content as AsyncIterable<string>) {
      const parts = (rest + (isFirst ? chunk.replace(/^\ufeff/, '') : chunk)).split('\n');
      isFirst = false;
      rest = parts.pop() ?? '';
      if (rest.length > rowCharsMax)
        throw new FileError(
          'file_damaged',
          `${file}: a line is longer than ${rowCharsMax} characters; is this a text file?`,
        );
      for (const line of parts) yield line.endsWith('\r') ? line.slice(0, -1) : line;
    }
    if (rest !== '') yield rest;
  } catch (error) {
    throw damaged(file, error);
  } finally {
    content.destroy();
  }
}
