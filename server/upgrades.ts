import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { isLocalRequest } from './access.ts';

/** Takes a socket over, and answers for it from then on. */
export type HandleUpgrade = (
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  peer: { readonly isLocal: boolean },
) => void;

/** Hands upgrades on `path` to whoever takes them now, once they are judged; all others are answered. `destroy` cuts those still open. */
export function upgrades(
  server: Server,
  path: string,
  taker: () => HandleUpgrade | null,
  access: { allows(request: IncomingMessage): boolean },
): { destroy(): void } {
  const open = new Set<Duplex>();
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy());
    if ((request.url ?? '').split('?', 1)[0] !== path) return answer(socket, '404 Not Found');
    if (!access.allows(request)) return answer(socket, '403 Forbidden');
    const take = taker();
    if (!take) return answer(socket, '503 Service Unavailable');
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    take(request, socket, head, { isLocal: isLocalRequest(request) });
  });
  return { destroy: () => open.forEach((socket) => socket.destroy()) };
}

function answer(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
