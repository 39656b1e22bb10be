import { checkServerMessage } from './check.ts';
import { closeCode, liveProtocol, type ClientMessage, type LiveCredential, type ServerMessage } from './messages.ts';

/** As much of a WebSocket as is used: the browser's and the one of the package `ws` both fit. */
export interface SocketLike {
  send(data: string): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void;
  addEventListener(type: 'error', listener: (event: object) => void): void;
}

export type Connect = (url: string) => SocketLike;

export interface ConnectionOptions {
  readonly url: string;
  readonly connect: Connect;
  readonly credential: () => LiveCredential | Promise<LiveCredential>;
  /** The server has accepted the credential. */
  readonly onReady: () => void;
  /** Everything but hello, ready and heartbeats. */
  readonly onMessage: (message: ServerMessage) => void;
  /** Once, last. 1006: the socket just ended. */
  readonly onClose: (code: number, reason: string) => void;
}

export interface Connection {
  send(message: ClientMessage): void;
  close(): void;
}

/** Until the server has said how often it pings. */
const firstSilenceMaxMs = 20_000;
/** Missed pings that mean that nobody is there. */
const silentHeartbeats = 2.5;

/** One socket from hello to close: gives the credential, answers pings, and gives up on a server that has gone silent. */
export function openConnection(options: ConnectionOptions): Connection {
  let silenceMaxMs = firstSilenceMaxMs;
  let silence: ReturnType<typeof setTimeout> | undefined;
  let lastError: string | null = null;
  let hasClosed = false;

  const finish = (code: number, reason: string): void => {
    if (hasClosed) return;
    hasClosed = true;
    clearTimeout(silence);
    options.onClose(code, reason);
  };
  const giveUp = (code: number, reason: string): void => {
    // The close event of a dead link comes late or never: not waited for.
    finish(code, reason);
    socket?.close(closeCode.normal);
  };
  const heard = (): void => {
    clearTimeout(silence);
    silence = setTimeout(() => giveUp(closeCode.heartbeatMissed, 'the server has gone silent'), silenceMaxMs);
  };
  const send = (message: ClientMessage): void => {
    if (!hasClosed) socket?.send(JSON.stringify(message));
  };
  const greet = async (protocol: number): Promise<void> => {
    if (protocol !== liveProtocol)
      return giveUp(closeCode.badMessage, `the server speaks protocol ${protocol}, this client ${liveProtocol}`);
    try {
      send({ kind: 'auth', ...(await options.credential()) });
    } catch {
      giveUp(1006, 'no credential could be had');
    }
  };
  const take = (message: ServerMessage): void => {
    switch (message.kind) {
      case 'hello':
        silenceMaxMs = message.heartbeatMs * silentHeartbeats;
        return void greet(message.protocol);
      case 'ready':
        return options.onReady();
      case 'ping':
        return send({ kind: 'pong', n: message.n });
      case 'pong':
        return;
      case 'error':
        lastError = message.message;
        return options.onMessage(message);
      default:
        return options.onMessage(message);
    }
  };

  const socket = tryConnect(options, finish);
  if (!socket) return { send: () => {}, close: () => {} };
  heard();
  listen(
    socket,
    (message) => {
      if (hasClosed) return;
      heard();
      if (message) take(message);
    },
    (code, reason) => finish(code, lastError ?? (reason || 'the connection was lost')),
  );
  return {
    send,
    close: () => giveUp(closeCode.normal, ''),
  };
}

/** Every text frame is passed on; null for one that is not understood: a kind that this client does not know yet is no error. */
function listen(
  socket: SocketLike,
  onFrame: (message: ServerMessage | null) => void,
  onClose: (code: number, reason: string) => void,
): void {
  socket.addEventListener('message', ({ data }) => {
    const checked = typeof data === 'string' ? checkServerMessage(data) : null;
    onFrame(checked?.kind === 'ok' ? checked.message : null);
  });
  socket.addEventListener('error', () => {});
  socket.addEventListener('close', ({ code, reason }) => onClose(code, reason));
}

/** The constructor of a socket throws on a URL that it cannot take. */
function tryConnect(options: ConnectionOptions, finish: (code: number, reason: string) => void): SocketLike | null {
  try {
    return options.connect(options.url);
  } catch (error) {
    queueMicrotask(() => finish(closeCode.badMessage, error instanceof Error ? error.message : String(error)));
    return null;
  }
}
