// The open sockets: accepted up to a limit, heard, looked at about once a second, closed together.
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { WebSocketServer, type RawData, type WebSocket } from 'ws';
import { createLink } from './link.ts';
import { createSession, type Session, type SessionHost } from './session.ts';

export interface Sockets {
  accept(request: IncomingMessage, socket: Duplex, head: Buffer, peer: { readonly isLocal: boolean }): void;
  beat(): void;
  size(): number;
  /** Refuses new ones; resolves when all are closed or cut. */
  close(code: number, reason: string): Promise<void>;
}

export function createSockets(host: SessionHost): Sockets {
  const { limits, metrics } = host;
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: limits.messageBytesMax,
    // Five times the messages a second without it (compression of small frames costs more than it saves here).
    perMessageDeflate: false,
  });
  const sessions = new Map<WebSocket, Session>();
  let isClosed = false;

  const open = (socket: WebSocket, peer: { readonly isLocal: boolean }): void => {
    const link = createLink(socket, limits, metrics, () => session.pump());
    const session: Session = createSession(host, link, peer);
    sessions.set(socket, session);
    socket.on('message', (data, isBinary) => session.receive(isBinary ? null : textOf(data)));
    // Says its reason to the client by itself (1009 too big, 1002, 1007); the close event follows.
    socket.on('error', () => metrics.badMessages.inc());
    socket.on('close', () => {
      sessions.delete(socket);
      session.end();
    });
  };
  return {
    size: () => sessions.size,
    accept(request, socket, head, peer) {
      if (isClosed || sessions.size >= limits.clientsMax) {
        metrics.refused.inc();
        socket.end(
          'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n',
        );
        return;
      }
      server.handleUpgrade(request, socket, head, (opened) => open(opened, peer));
    },
    beat() {
      for (const session of sessions.values()) session.beat();
    },
    async close(code, reason) {
      isClosed = true;
      const closed = [...sessions].map(([socket, session]) => {
        const gone = new Promise<void>((resolve) => socket.once('close', () => resolve()));
        session.close(code, reason);
        return gone;
      });
      await Promise.all(closed);
      server.close();
    },
  };
}

/** Answers an upgrade with 503: come back soon. */
export function refuseUpgrade(socket: Duplex): void {
  socket.on('error', () => socket.destroy());
  socket.end('HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
}

function textOf(data: RawData): string {
  if (Array.isArray(data)) return Buffer.concat(data).toString();
  return Buffer.isBuffer(data) ? data.toString() : Buffer.from(data).toString();
}
