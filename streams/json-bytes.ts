// JSON written as bytes, without a text in between: for results that are large and many.
// Guarantees: `number` and `text` write exactly what `JSON.stringify` gives, in UTF-8.
// Redelivery: no state but the room that is left in its block of memory.
import { type Block, Blocks, blockBytes } from './blocks.ts';
import { putFraction } from './json-number.ts';

/** Below, a loop is faster than `set`. */
const loopBytes = 48;
/** Characters of a number at most. */
const longestNumber = 25;
const encoder = new TextEncoder();
const wordBytes = 8;
/** `null` as one little-endian word. */
const nullWord = 0x6c_6c_75_6e;
const zero = 0x30;
const quote = 0x22;
const backslash = 0x5c;

export class JsonBytes {
  private readonly blocks = new Blocks();
  private memory = this.blocks.take(blockBytes);
  private bytes = this.memory.bytes;
  private view = this.memory.view;
  /** Where the value that is being written began, and where it goes on. */
  private from = 0;
  private at = 0;

  /** Bytes as they are. */
  raw(part: Uint8Array): this {
    const { length } = part;
    this.makeRoom(length);
    const { bytes, at } = this;
    if (length > loopBytes) bytes.set(part, at);
    else for (let i = 0; i < length; i++) bytes[at + i] = part[i] as number;
    this.at = at + length;
    return this;
  }

  /**
   * The inside of an object whose names are always the same: `values` in their order, what is not a number as null, flags (`isFlag`) as true
   * where they are 1.
   */
  named({ words, firstWord, lengths, isFlag }: FieldNames, values: ArrayLike<number>): this {
    this.makeRoom(lengths.length * (longestNumber + wordBytes) + words.length * wordBytes);
    const { bytes, view } = this;
    let lastNumber = Number.NaN;
    let lastFrom = 0;
    let lastEnd = 0;
    for (let place = 0; place < lengths.length; place++) {
      // Eight bytes at a time; what is too much at the end of a name is written over.
      const until = firstWord[place + 1] as number;
      for (let word = firstWord[place] as number, to = this.at; word < until; word++, to += wordBytes)
        view.setFloat64(to, words[word] as number, true);
      this.at += lengths[place] as number;
      const value = values[place] as number;
      if (Number.isNaN(value)) {
        view.setUint32(this.at, nullWord, true);
        this.at += 4;
      } else if (isFlag[place] === 1) this.at = put(bytes, this.at, value === 1 ? 'true' : 'false');
      else if (value >= 0 && (value | 0) === value) this.digits(value | 0, 1);
      else if (!Number.isFinite(value)) this.at = put(bytes, this.at, 'null');
      else if (value === lastNumber) {
        // Neighbours are often the same, and digits are dear.
        for (let i = lastFrom; i < lastEnd; i++) bytes[this.at++] = bytes[i] as number;
      } else {
        lastNumber = value;
        lastFrom = this.at;
        lastEnd = this.at =
          Math.floor(value) === value ? put(bytes, this.at, String(value)) : putFraction(bytes, this.at, values, place);
      }
    }
    return this;
  }

  /** A string, in quotes; null as `null`. */
  text(value: string | null): this {
    if (value === null) return this.ascii('null');
    const { length } = value;
    this.makeRoom(length + 2);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = quote;
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i);
      if (code < 0x20 || code > 0x7e || code === quote || code === backslash) return this.escaped(value);
      bytes[at++] = code;
    }
    bytes[at++] = quote;
    this.at = at;
    return this;
  }

  /** A number; what is none, or not finite, as `null`. */
  number(value: number): this {
    if (!(value >= 0 && value < 1e15 && Math.floor(value) === value))
      return this.ascii(Number.isFinite(value) ? String(value) : 'null');
    this.makeRoom(16);
    if (value < 1e9) this.digits(value, 1);
    else {
      const high = Math.floor(value / 1e9);
      this.digits(high, 1);
      this.digits(value - high * 1e9, 9);
    }
    return this;
  }

  /** What `JSON.stringify` gives for a value. */
  value(value: unknown): this {
    return this.utf8(JSON.stringify(value));
  }

  /** Characters below 128, as they are. */
  ascii(characters: string): this {
    this.makeRoom(characters.length);
    this.at = put(this.bytes, this.at, characters);
    return this;
  }

  /** Takes the last byte back: of an object its closing brace, so that more fields may follow. */
  reopen(): this {
    this.at -= 1;
    return this;
  }

  /** What was written since the last call. It stays as it is; keeping it keeps its block. */
  take(): Uint8Array {
    const { bytes, start } = this;
    this.memory.hold();
    return bytes.subarray(start, this.cut());
  }

  /** The memory that holds what was written since the last `take` or `cut`, from `start` on; written anew unless it is held. */
  get block(): Block {
    return this.memory;
  }

  get start(): number {
    return this.from;
  }

  /** As `take`, but only says where it ends. */
  cut(): number {
    this.from = this.at;
    return this.at;
  }

  private escaped(value: string): this {
    return this.utf8(JSON.stringify(value));
  }

  private utf8(text: string): this {
    this.makeRoom(text.length * 3);
    this.at += encoder.encodeInto(text, this.bytes.subarray(this.at)).written;
    return this;
  }

  /** A whole number below 2^31, with zeros in front up to `least` digits. */
  private digits(value: number, least: number): void {
    const { bytes } = this;
    if (value < 10 && least === 1) {
      bytes[this.at++] = zero + value;
      return;
    }
    if (value < 100 && least === 1) {
      const tens = (value / 10) | 0;
      bytes[this.at] = zero + tens;
      bytes[this.at + 1] = zero + value - tens * 10;
      this.at += 2;
      return;
    }
    let count = 1;
    for (let limit = 10; count < least || value >= limit; limit *= 10) count++;
    let rest = value | 0;
    for (let at = this.at + count - 1; at >= this.at; at--) {
      const next = (rest / 10) | 0;
      bytes[at] = zero + rest - next * 10;
      rest = next;
    }
    this.at += count;
  }

  private makeRoom(length: number): void {
    if (this.at + length <= this.bytes.length) return;
    const full = this.memory;
    const begun = full.bytes.subarray(this.from, this.at);
    this.memory = this.blocks.take(begun.length + length <= blockBytes ? blockBytes : 2 * (begun.length + length));
    this.bytes = this.memory.bytes;
    this.view = this.memory.view;
    this.bytes.set(begun);
    full.release();
    this.at = begun.length;
    this.from = 0;
  }
}

/** Names of fields as they are written, with quotes, comma and colon, in words of eight bytes (of ASCII none is not a number). */
export interface FieldNames {
  readonly words: Float64Array;
  /** The first word of each name, and the end. */
  readonly firstWord: Uint32Array;
  /** Bytes of each. */
  readonly lengths: Uint8Array;
  /** 1: true or false. */
  readonly isFlag: Uint8Array;
}

/** Names of at most 200 characters below 128. */
export function fieldNames(names: readonly string[], isFlag: (name: string) => boolean): FieldNames {
  const texts = names.map((name, i) => encoder.encode(`${i === 0 ? '' : ','}${JSON.stringify(name)}:`));
  const firstWord = new Uint32Array(names.length + 1);
  for (const [i, text] of texts.entries())
    firstWord[i + 1] = (firstWord[i] as number) + Math.ceil(text.length / wordBytes);
  const bytes = new Uint8Array((firstWord[names.length] as number) * wordBytes);
  for (const [i, text] of texts.entries()) bytes.set(text, (firstWord[i] as number) * wordBytes);
  const view = new DataView(bytes.buffer);
  return {
    words: Float64Array.from({ length: bytes.length / wordBytes }, (_, i) => view.getFloat64(i * wordBytes, true)),
    ...{ firstWord, lengths: Uint8Array.from(texts, (text) => text.length) },
    isFlag: Uint8Array.from(names, (name) => (isFlag(name) ? 1 : 0)),
  };
}

function put(bytes: Uint8Array, at: number, characters: string): number {
  for (let i = 0; i < characters.length; i++) bytes[at + i] = characters.charCodeAt(i);
  return at + characters.length;
}
