import { sizeOf } from './digest.ts';

/**
 * The bytes of a snapshot as rows of `snapshot_bytes`, and back: `FORMAT RowBinary`, cut into parts, so that no single value is
 * large. Pure. Joining what is not all of it gives other bytes: whoever joins checks a hash.
 */
export interface Upload {
  readonly pipeline: string;
  readonly version: number;
  readonly shard: number;
  readonly upload: string;
}

/** Columns of what `rowsOf` gives. */
export const byteColumns = 'pipeline, version, shard, upload, part, bytes';

const partBytesMax = 1_048_576;

export const partsOf = (size: number): number => Math.ceil(size / partBytesMax);

/** One row a part, each a buffer of its own, made when it is asked for: of the pieces, one behind the other. */
export function* rowsOf(upload: Upload, pieces: readonly Uint8Array[]): Generator<Uint8Array> {
  const prefix = Buffer.concat([text(upload.pipeline), u32(upload.version), u32(upload.shard), text(upload.upload)]);
  let part = 0;
  for (const slices of partsFrom(pieces)) {
    const length = sizeOf(slices);
    yield Buffer.concat([prefix, u32(part++), varUint(length), ...slices]);
  }
}

/** What each part is made of. */
function* partsFrom(pieces: readonly Uint8Array[]): Generator<readonly Uint8Array[]> {
  let slices: Uint8Array[] = [];
  let room = partBytesMax;
  for (const piece of pieces)
    for (let at = 0; at < piece.length;) {
      const slice = piece.subarray(at, at + room);
      slices.push(slice);
      at += slice.length;
      room -= slice.length;
      if (room > 0) continue;
      yield slices;
      slices = [];
      room = partBytesMax;
    }
  if (slices.length > 0) yield slices;
}

/** The values of one String column in `FORMAT RowBinary`, joined. Null when it is cut off. */
export function joined(rows: Buffer): Uint8Array | null {
  const parts: Buffer[] = [];
  for (let at = 0; at < rows.length;) {
    let length = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = rows[at++];
      if (byte === undefined) return null;
      length += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
    }
    if (at + length > rows.length) return null;
    parts.push(rows.subarray(at, at + length));
    at += length;
  }
  return new Uint8Array(Buffer.concat(parts));
}

function varUint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.from([...bytes, rest]);
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

const text = (value: string): Buffer => Buffer.concat([varUint(Buffer.byteLength(value)), Buffer.from(value)]);
