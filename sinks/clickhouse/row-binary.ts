/**
 * Rows for `INSERT … FORMAT RowBinary`, built column by column into one growing buffer. Guarantees that bytes arrive as they
 * are (no escaping, no text encoding) and that rows can be taken apart again. Half the engine's time of JSONCompactEachRow,
 * a third of ours.
 */
export interface RowWriter {
  u8(value: number): void;
  u32(value: number): void;
  i32(value: number): void;
  f64(value: number): void;
  u64(value: bigint): void;
  i64(value: bigint): void;
  /** DateTime64(3): whole ms since 1970. */
  timeMs(ms: number): void;
  nullableTimeMs(ms: number | null): void;
  /** String or LowCardinality(String). */
  text(value: string): void;
  nullableText(value: string | null): void;
  /** `bytes[start, end)` as String. */
  bytes(bytes: Uint8Array, start: number, end: number): void;
  /** As `bytes`; start −1: null. */
  nullableBytes(bytes: Uint8Array, start: number, end: number): void;
  /** The count before an array's elements. */
  length(count: number): void;
  /** Ends a row. */
  endRow(): void;
  /** Forgets what was written since the last `endRow`. */
  dropRow(): void;
}

/** Whole rows, as one or more go over the wire. */
export interface RowBlock {
  readonly rows: number;
  /** Rows [from, to) as bytes: a view, good until the next `reset`. */
  slice(from: number, to: number): Uint8Array;
}

export interface RowBuffer extends RowWriter, RowBlock {
  /** Bytes of whole rows. */
  size(): number;
  reset(): void;
}

const firstBytes = 64 * 1024;
/** A buffer that one huge batch made larger than this is let go at `reset`. */
const keptBytes = 32 * 2 ** 20;

/** An empty buffer; grows by doubling. */
export function createRowBuffer(): RowBuffer {
  let buffer = Buffer.allocUnsafe(firstBytes);
  let at = 0;
  let ends: number[] = [];
  const room = (bytes: number): void => {
    if (at + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + bytes));
    buffer.copy(larger, 0, 0, at);
    buffer = larger;
  };
  const varUint = (value: number): void => {
    room(8);
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) buffer[at++] = (rest % 0x80) | 0x80;
    buffer[at++] = rest;
  };
  const put = (bytes: number, write: () => number): void => {
    room(bytes);
    at = write();
  };
  const writer: RowWriter = {
    u8: (value) => put(1, () => buffer.writeUInt8(value, at)),
    u32: (value) => put(4, () => buffer.writeUInt32LE(value, at)),
    i32: (value) => put(4, () => buffer.writeInt32LE(value, at)),
    f64: (value) => put(8, () => buffer.writeDoubleLE(value, at)),
    u64: (value) => put(8, () => buffer.writeBigUInt64LE(value, at)),
    i64: (value) => put(8, () => buffer.writeBigInt64LE(value, at)),
    timeMs: (ms) => put(8, () => buffer.writeBigInt64LE(BigInt(ms), at)),
    nullableTimeMs: (ms) => {
      writer.u8(ms === null ? 1 : 0);
      if (ms !== null) writer.timeMs(ms);
    },
    text: (value) => {
      const bytes = Buffer.byteLength(value, 'utf8');
      varUint(bytes);
      put(bytes, () => at + buffer.write(value, at, bytes, 'utf8'));
    },
    nullableText: (value) => {
      writer.u8(value === null ? 1 : 0);
      if (value !== null) writer.text(value);
    },
    bytes: (bytes, start, end) => {
      varUint(end - start);
      room(end - start);
      buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at);
      at += end - start;
    },
    nullableBytes: (bytes, start, end) => {
      writer.u8(start < 0 ? 1 : 0);
      if (start >= 0) writer.bytes(bytes, start, end);
    },
    length: varUint,
    endRow: () => void ends.push(at),
    dropRow: () => (at = ends.at(-1) ?? 0),
  };
  return {
    ...writer,
    get rows() {
      return ends.length;
    },
    slice: (from, to) => buffer.subarray(from === 0 ? 0 : ends[from - 1], to === 0 ? 0 : ends[to - 1]),
    size: () => ends.at(-1) ?? 0,
    reset: () => {
      at = 0;
      ends = [];
      if (buffer.length > keptBytes) buffer = Buffer.allocUnsafe(firstBytes);
    },
  };
}

/** Nullable(Float64). */
export function writeNullableF64(to: RowWriter, value: number | null): void {
  to.u8(value === null ? 1 : 0);
  if (value !== null) to.f64(value);
}
