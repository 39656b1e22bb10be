import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

/** Hashed before others have their turn: a millisecond or two. */
const turnBytes = 1_048_576;

/** SHA-256 of the pieces, one behind the other. A large one holds up nobody. */
export async function digestOf(pieces: readonly Uint8Array[]): Promise<Buffer> {
  const hash = createHash('sha256');
  let hashed = 0;
  for (const piece of pieces)
    for (let at = 0; at < piece.length; at += turnBytes) {
      const part = piece.subarray(at, at + turnBytes);
      hash.update(part);
      hashed += part.length;
      if (hashed < turnBytes) continue;
      hashed = 0;
      await setImmediate();
    }
  return hash.digest();
}

export const sizeOf = (pieces: readonly Uint8Array[]): number => pieces.reduce((sum, { length }) => sum + length, 0);
