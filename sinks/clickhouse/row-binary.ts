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
  /** Bytes of columns, as they are. */
  raw(bytes: Uint8Array): void;
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

/** Up to this many characters a text is copied one by one: calls into Node cost more. */
const shortText = 48;
const twoTo32 = 2 ** 32;

/** An empty buffer; grows by doubling. */
export function createRowBuffer(): RowBuffer {
  return new GrowingRows();
}

class GrowingRows implements RowBuffer {
  private buffer: Buffer = Buffer.allocUnsafe(firstBytes);
  private view = viewOf(this.buffer);
  private at = 0;
  private ends: number[] = [];

  get rows(): number {
    return this.ends.length;
  }

  u8(value: number): void {
    this.room(1);
    this.buffer[this.at++] = value;
  }

  u32(value: number): void {
    this.room(4);
    this.view.setUint32(this.at, value, true);
    this.at += 4;
  }

  i32(value: number): void {
    this.room(4);
    this.view.setInt32(this.at, value, true);
    this.at += 4;
  }

  f64(value: number): void {
    this.room(8);
    this.view.setFloat64(this.at, value, true);
    this.at += 8;
  }

  u64(value: bigint): void {
    this.room(8);
    this.view.setBigUint64(this.at, value, true);
    this.at += 8;
  }

  i64(value: bigint): void {
    this.room(8);
    this.view.setBigInt64(this.at, value, true);
    this.at += 8;
  }

  /** In two halves: a bigint of its own costs more than the rest of the row. */
  timeMs(ms: number): void {
    this.room(8);
    const high = Math.floor(ms / twoTo32);
    this.view.setUint32(this.at, ms - high * twoTo32, true);
    this.view.setInt32(this.at + 4, high, true);
    this.at += 8;
  }

  nullableTimeMs(ms: number | null): void {
    this.u8(ms === null ? 1 : 0);
    if (ms !== null) this.timeMs(ms);
  }

  text(value: string): void {
    const { length } = value;
    if (length <= shortText) {
      this.room(1 + length);
      const { buffer, at } = this;
      let i = 0;
      for (; i < length; i++) {
        const code = value.charCodeAt(i);
        if (code > 0x7f) break;
        buffer[at + 1 + i] = code;
      }
      if (i === length) {
        buffer[at] = length;
        this.at = at + 1 + length;
        return;
      }
    }
    const bytes = Buffer.byteLength(value, 'utf8');
    this.length(bytes);
    this.room(bytes);
    this.at += this.buffer.write(value, this.at, bytes, 'utf8');
  }

  nullableText(value: string | null): void {
    this.u8(value === null ? 1 : 0);
    if (value !== null) this.text(value);
  }

  bytes(bytes: Uint8Array, start: number, end: number): void {
    this.length(end - start);
    this.room(end - start);
    if (end - start <= shortText) {
      const { buffer, at } = this;
      for (let i = start; i < end; i++) buffer[at + i - start] = bytes[i] as number;
    } else this.buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), this.at);
    this.at += end - start;
  }

  raw(bytes: Uint8Array): void {
    this.room(bytes.length);
    const { buffer, at } = this;
    for (let i = 0; i < bytes.length; i++) buffer[at + i] = bytes[i] as number;
    this.at += bytes.length;
  }

  nullableBytes(bytes: Uint8Array, start: number, end: number): void {
    this.u8(start < 0 ? 1 : 0);
    if (start >= 0) this.bytes(bytes, start, end);
  }

  length(count: number): void {
    this.room(8);
    let rest = count;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.buffer[this.at++] = (rest % 0x80) | 0x80;
    this.buffer[this.at++] = rest;
  }

  endRow(): void {
    this.ends.push(this.at);
  }

  dropRow(): void {
    this.at = this.size();
  }

  slice(from: number, to: number): Uint8Array {
    return this.buffer.subarray(from === 0 ? 0 : this.ends[from - 1], to === 0 ? 0 : this.ends[to - 1]);
  }

  size(): number {
    return this.ends.at(-1) ?? 0;
  }

  reset(): void {
    this.at = 0;
    this.ends = [];
    if (this.buffer.length > keptBytes) this.take(Buffer.allocUnsafe(firstBytes));
  }

  private room(bytes: number): void {
    const { buffer, at } = this;
    if (at + bytes <= buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(buffer.length * 2, at + bytes));
    buffer.copy(larger, 0, 0, at);
    this.take(larger);
  }

  private take(buffer: Buffer): void {
    this.buffer = buffer;
    this.view = viewOf(buffer);
  }
}

const viewOf = ({ buffer, byteOffset, byteLength }: Buffer): DataView => new DataView(buffer, byteOffset, byteLength);

/** Nullable(Float64). */
export function writeNullableF64(to: RowWriter, value: number | null): void {
  to.u8(value === null ? 1 : 0);
  if (value !== null) to.f64(value);
}
