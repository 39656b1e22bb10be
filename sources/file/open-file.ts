// Opens a file of events for streaming, gzip or plain (by its first bytes, not its name). It holds no more of it in memory
// than a few chunks. Reading it again gives the same bytes.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { type Readable, pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { FileError } from './error.ts';

export interface OpenedFile {
  /** The content, unpacked. */
  readonly content: Readable;
  /** Size on disk. */
  readonly sizeBytes: number;
  /** How much of `sizeBytes` has been read so far. */
  readBytes(): number;
}

/** Throws a `FileError` (`file_missing`, `file_unreadable`); a broken gzip shows as an error of `content`. */
export async function openFile(file: string): Promise<OpenedFile> {
  const { isGzip, sizeBytes } = await inspect(file);
  const raw = createReadStream(file);
  const content = isGzip ? pipeline(raw, createGunzip(), () => {}) : raw;
  return { content, sizeBytes, readBytes: () => raw.bytesRead };
}

async function inspect(file: string): Promise<{ readonly isGzip: boolean; readonly sizeBytes: number }> {
  try {
    const handle = await open(file);
    try {
      const { size, isDirectory } = await handle
        .stat()
        .then((stat) => ({ size: stat.size, isDirectory: stat.isDirectory() }));
      if (isDirectory) throw new FileError('file_unreadable', `${file} is a folder; name a file`);
      const start = Buffer.alloc(2);
      await handle.read(start, 0, 2, 0);
      return { isGzip: start.readUInt16BE() === 0x1f8b, sizeBytes: size };
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof FileError) throw error;
    const isMissing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    if (isMissing) throw new FileError('file_missing', `${file} does not exist`, error);
    throw new FileError('file_unreadable', `${file} cannot be read: ${(error as Error).message}`, error);
  }
}

/** A failure of the content as a `FileError`. */
export function damaged(file: string, error: unknown): FileError {
  if (error instanceof FileError) return error;
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const what = code.startsWith('Z_')
    ? 'the gzip data is broken or cut off; get the file again'
    : (error as Error).message;
  return new FileError('file_damaged', `${file}: ${what}`, error);
}
