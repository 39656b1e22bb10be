// What can be wrong between us and RabbitMQ, as one of four codes. Classified by AMQP's reply codes and Node's error codes, never by text.
// Each is tried again: what an operator must mend can be mended meanwhile, and what was not acknowledged comes again.
export type AmqpErrorCode = 'amqp_unavailable' | 'amqp_refused' | 'amqp_queue_missing' | 'amqp_failed';

export class AmqpError extends Error {
  readonly code: AmqpErrorCode;
  /** It may pass by itself. */
  readonly retryable: boolean;
  constructor(code: AmqpErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'AmqpError';
    this.code = code;
    this.retryable = code === 'amqp_unavailable';
  }
}

/** Reply codes of AMQP 0-9-1 (specification, 1.2) that say something to an operator. */
const byReplyCode: ReadonlyMap<unknown, AmqpErrorCode> = new Map([
  [320, 'amqp_unavailable'], // connection-forced: an operator, or a shutdown
  [541, 'amqp_unavailable'], // internal-error
  [403, 'amqp_refused'], // access-refused
  [530, 'amqp_refused'], // not-allowed: the virtual host
  [404, 'amqp_queue_missing'], // not-found
]);

/**
 * The client's error in our words. `during` a handshake an error without any code is the server hanging up, which RabbitMQ does to a
 * user, password or virtual host that it does not take; later it is a connection that is gone.
 */
export function toAmqpError(error: unknown, during: 'handshake' | 'consuming'): AmqpError {
  if (error instanceof AmqpError) return error;
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  const message = error instanceof Error ? error.message : 'the connection was closed';
  if (typeof code === 'number') return new AmqpError(byReplyCode.get(code) ?? 'amqp_failed', message, error);
  const isRefusal = during === 'handshake' && code === undefined;
  return new AmqpError(isRefusal ? 'amqp_refused' : 'amqp_unavailable', message, error);
}
