/**
 * What stops the reading of a file. `file_missing`, `file_unreadable`: nothing was read; `file_damaged`: it ends or breaks in the
 * middle, what came before is good; `header_wrong`: the columns are not those of the mapping; `mapping_invalid`: see the lines
 * of the message; `row_rejected`: a bad row in strict mode. None is worth trying again before a person changed something.
 */
export type FileErrorCode =
  'file_missing' | 'file_unreadable' | 'file_damaged' | 'header_wrong' | 'mapping_invalid' | 'row_rejected';

export class FileError extends Error {
  readonly code: FileErrorCode;
  readonly retryable = false;
  constructor(code: FileErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'FileError';
    this.code = code;
  }
}
