/**
 * The contract of everything that rows are written to. `write` resolves when the rows are durable; writing the same
 * identities at the same revisions again changes nothing, so redelivery is harmless.
 */
export interface Sink<Row> {
  readonly name: string;
  /** Resolves when durable. Rejects with a `SinkError`; the caller decides about trying again. */
  write(rows: readonly Row[]): Promise<void>;
  close(): Promise<void>;
}

/** `unavailable` (retryable): the store does not answer. `full` (retryable): it is out of disk or memory. `rejected`: it will never take these rows. */
export type SinkErrorCode = 'unavailable' | 'full' | 'rejected';

export class SinkError extends Error {
  readonly code: SinkErrorCode;
  readonly retryable: boolean;
  constructor(code: SinkErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'SinkError';
    this.code = code;
    this.retryable = code !== 'rejected';
  }
}
