/**
 * Reads `FORMAT RowBinary` where it lies: strings come as places in the buffer, nothing is copied. Throws a RangeError on a
 * buffer that is cut off. Pure.
 */
export interface RowReader {
  isAtEnd(): boolean;
  u8(): number;
  i64(): bigint;
  /** The number before a string's bytes or an array's elements. */
  length(): number;
  /** Skips a string; `end` is then `position()`. Gives its start. */
  bytes(): number;
  position(): number;
}

/** Starts at the first byte. */
export function createRowReader(buffer: Buffer): RowReader {
  let at = 0;
  const take = (bytes: number): number => {
    const from = at;
    if (from + bytes > buffer.length) throw new RangeError('cut off inside a row');
    at += bytes;
    return from;
  };
  const length = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 0x80) {
      const byte = buffer.readUInt8(take(1));
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
  };
  return {
    isAtEnd: () => at >= buffer.length,
    u8: () => buffer.readUInt8(take(1)),
    i64: () => buffer.readBigInt64LE(take(8)),
    length,
    bytes: () => take(length()),
    position: () => at,
  };
}
