// One socket as the gateway sees it: frames out, counted, and whether it takes more. Frames are sent at most once: what a slow
// socket must not get is never handed to it.
import type { WebSocket } from 'ws';
import type { GatewayLimits } from './limits.ts';
import type { GatewayMetrics } from './gateway-metrics.ts';

export interface Link {
  /** False while too much waits in the socket; heartbeats and errors go out all the same. */
  isWritable(): boolean;
  send(frame: string | Buffer): void;
  /** Says goodbye, and cuts the socket when that takes too long. Later frames are dropped. */
  close(code: number, reason: string): void;
}

/** `onDrain`: the socket takes frames again, after `isWritable` had said no. */
export function createLink(
  socket: WebSocket,
  limits: GatewayLimits,
  metrics: GatewayMetrics,
  onDrain: () => void,
): Link {
  let inFlight = 0;
  let wasBlocked = false;
  let isClosing = false;

  const isWritable = (): boolean => {
    const hasRoom = inFlight < limits.clientQueueMax && socket.bufferedAmount < limits.clientQueueBytesMax;
    wasBlocked ||= !hasRoom;
    return hasRoom && !isClosing;
  };
  const sent = (): void => {
    inFlight -= 1;
    if (!wasBlocked || isClosing) return;
    wasBlocked = false;
    if (isWritable()) onDrain();
  };
  return {
    isWritable,
    send(frame) {
      if (isClosing || socket.readyState !== socket.OPEN) return;
      inFlight += 1;
      metrics.frames.inc();
      metrics.bytes.inc(frame.length);
      socket.send(frame, { binary: false, compress: false }, sent);
    },
    close(code, reason) {
      if (isClosing) return;
      isClosing = true;
      socket.close(code, reason);
      const cut = setTimeout(() => socket.terminate(), limits.closeTimeoutMs);
      socket.once('close', () => clearTimeout(cut));
    },
  };
}
