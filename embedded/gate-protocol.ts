import type { Socket } from 'node:net';

/** The gate's wire: one JSON value a line, over loopback TCP. Partitions are named `topic-partition`. */
export type GateRequest =
  | { readonly kind: 'take'; readonly name: string; readonly needBytes: number; readonly wantBytes: number }
  | {
      readonly kind: 'delivered';
      readonly items: readonly (readonly [name: string, nextOffset: number, bytes: number])[];
    }
  | { readonly kind: 'leave' };

export type GateReply =
  /** First of all; `chunkBytes` is how much credit to ask for at once. */
  | { readonly kind: 'hello'; readonly chunkBytes: number }
  | { readonly kind: 'grant'; readonly name: string; readonly bytes: number }
  /** No room: a grant follows when there is. */
  | { readonly kind: 'closed'; readonly name: string }
  /** Nobody configured reads this topic: never ask again. */
  | { readonly kind: 'unbounded'; readonly name: string };

const lineCharactersMax = 1024 * 1024;

/** Calls `take` for each whole line. A peer that sends longer ones is cut off. */
export function readLines(socket: Socket, take: (value: unknown) => void): void {
  let rest = '';
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(JSON.parse(line) as unknown);
    if (rest.length > lineCharactersMax) socket.destroy();
  });
}

/** Writes one line. */
export function writeLine(socket: Socket, value: GateRequest | GateReply): void {
  if (socket.writable) socket.write(`${JSON.stringify(value)}\n`);
}
