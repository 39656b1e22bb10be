/** `port_busy`: somebody else listens there; `unsafe_bind`: reachable from outside without any credential. Neither is retried. */
export type ServerErrorCode = 'port_busy' | 'address_unavailable' | 'unsafe_bind';

/** Why the server does not start; its message is the one line that a person needs. */
export class ServerError extends Error {
  readonly code: ServerErrorCode;
  readonly retryable = false;
  constructor(code: ServerErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'ServerError';
    this.code = code;
  }
}

/** Node's listen error in our words; anything unknown is given back. */
export function listenError(error: unknown, host: string, port: number): unknown {
  const code = (error as NodeJS.ErrnoException | null)?.code;
  if (code === 'EADDRINUSE')
    return new ServerError(
      'port_busy',
      `port ${port} on ${host} is in use: stop what listens there, or set server.port (MILLRACE_SERVER_PORT)`,
      error,
    );
  if (code === 'EADDRNOTAVAIL' || code === 'EACCES' || code === 'ENOTFOUND')
    return new ServerError(
      'address_unavailable',
      `cannot listen on ${host} port ${port} (${code}): set server.host and server.port`,
      error,
    );
  return error;
}
