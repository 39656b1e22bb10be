// JSON written as bytes, without a text in between: for results that are large and many.
// Guarantees: `number` and `text` write exactly what `JSON.stringify` gives, in UTF-8.
// Redelivery: no state but the room that is left in its block of memory.
import { type Block, Blocks, blockBytes } from './blocks.ts';
import { putPadded, putWhole } from './json-digits.ts';
import { putFraction } from './json-number.ts';

/** Below, a loop is faster than `set`. */
const loopBytes = 48;
/** Bytes that writing a number may touch. */
const numberBytes = 32;
const encoder = new TextEncoder();
const wordBytes = 8;
/** Words of a name that are written without a loop. */
const wordsLeast = 4;
/** `null` as one little-endian word. */
const nullWord = 0x6c_6c_75_6e;
const trueWord = 0x65_75_72_74;
/** `fals`. */
const falseWord = 0x73_6c_61_66;
const lastOfFalse = 0x65;
const quote = 0x22;
/** 1: stands in a string as it is. */
const isPlain = Uint8Array.from({ length: 0x7f }, (_, code) => Number(code >= 0x20 && code !== quote && code !== 0x5c));

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

  /** As `raw`, faster. */
  fixed(text: FixedText): this {
    this.makeRoom(text.words.length * wordBytes);
    this.at = putFixed(this.view, this.at, text);
    return this;
  }

  /**
   * The inside of an object whose names are always the same: `values` in their order, what is not a number as null, flags (`isFlag`) as true
   * where they are 1.
   */
  named({ words, wordsEach, lengths, isFlag }: FieldNames, values: ArrayLike<number>): this {
    this.makeRoom(lengths.length * (numberBytes + wordsEach * wordBytes));
    const { bytes, view } = this;
    let { at } = this;
    let lastNumber = Number.NaN;
    let lastFrom = 0;
    let lastEnd = 0;
    for (let place = 0, word = 0; place < lengths.length; place++, word += wordsEach) {
      // Eight bytes at a time; what is too much at the end of a name is written over.
      view.setFloat64(at, words[word] as number, true);
      view.setFloat64(at + wordBytes, words[word + 1] as number, true);
      view.setFloat64(at + 2 * wordBytes, words[word + 2] as number, true);
      view.setFloat64(at + 3 * wordBytes, words[word + 3] as number, true);
      for (let more = wordsLeast; more < wordsEach; more++)
        view.setFloat64(at + more * wordBytes, words[word + more] as number, true);
      at += lengths[place] as number;
      const value = values[place] as number;
      const whole = value | 0;
      if (isFlag[place] === 1 && value === value) at = putFlag(view, at, value === 1);
      else if (whole === value && whole >= 0) at = putWhole(view, at, whole);
      else if (value === lastNumber) {
        // Neighbours are often the same, and digits are dear.
        for (let i = 0; i < lastEnd - lastFrom; i += 4) view.setInt32(at + i, view.getInt32(lastFrom + i, true), true);
        at += lastEnd - lastFrom;
      } else if (Number.isFinite(value)) {
        lastNumber = value;
        lastFrom = at;
        lastEnd = at =
          Math.floor(value) === value ? put(bytes, at, String(value)) : putFraction(view, at, values, place);
      } else {
        view.setUint32(at, nullWord, true);
        at += 4;
      }
    }
    this.at = at;
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
      if (code >= isPlain.length || isPlain[code] === 0) return this.escaped(value);
      bytes[at++] = code;
    }
    bytes[at++] = quote;
    this.at = at;
    return this;
  }

  /** A string of characters that need no escape, in quotes, as it stands in `from[start, end)`. */
  plain(from: Uint8Array, start: number, end: number): this {
    this.makeRoom(end - start + 2);
    const { bytes } = this;
    let { at } = this;
    bytes[at++] = quote;
    for (let i = start; i < end; i++) bytes[at++] = from[i] as number;
    bytes[at++] = quote;
    this.at = at;
    return this;
  }

  /** A number; what is none, or not finite, as `null`. */
  number(value: number): this {
    if (!(value >= 0 && value < 1e15 && Math.floor(value) === value))
      return this.ascii(Number.isFinite(value) ? String(value) : 'null');
    this.makeRoom(numberBytes);
    const { view } = this;
    if (value < 1e8) this.at = putWhole(view, this.at, value | 0);
    else {
      const high = Math.floor(value / 1e8);
      this.at = putPadded(view, putWhole(view, this.at, high | 0), value - high * 1e8, 8);
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

  get end(): number {
    return this.at;
  }

  /** As `take`, but only says where it ends. */
  cut(): number {
    this.from = this.at;
    return this.at;
  }

  /** Makes sure that so many bytes are free behind what was written, in one block with it. */
  reserve(length: number): this {
    this.makeRoom(length);
    return this;
  }

  /** Leaves what was written since the last `take` or `cut`, and what was reserved behind it, to who goes on there; the block is held for it. */
  leave(reserved: number): void {
    this.memory.hold();
    this.from = this.at += reserved;
  }

  private escaped(value: string): this {
    return this.utf8(JSON.stringify(value));
  }

  private utf8(text: string): this {
    this.makeRoom(text.length * 3);
    this.at += encoder.encodeInto(text, this.bytes.subarray(this.at)).written;
    return this;
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

/** UTF-8 in words of eight bytes, as doubles (none is not a number: that would take bytes that UTF-8 has not). */
export interface FixedText {
  readonly words: Float64Array;
  /** Bytes of it. */
  readonly length: number;
}

export function fixedText(text: string): FixedText {
  const { length } = encoder.encode(text);
  const bytes = new Uint8Array(Math.ceil(length / wordBytes) * wordBytes);
  encoder.encodeInto(text, bytes);
  const view = new DataView(bytes.buffer);
  const words = Float64Array.from({ length: bytes.length / wordBytes }, (_, i) => view.getFloat64(i * wordBytes, true));
  return { words, length };
}

/** Returns where it ends; up to seven bytes behind that are written over. */
export function putFixed(view: DataView, at: number, { words, length }: FixedText): number {
  for (let i = 0; i < words.length; i++) view.setFloat64(at + i * wordBytes, words[i] as number, true);
  return at + length;
}

/** Names of fields as they are written, with quotes, comma and colon. */
export interface FieldNames {
  /** As in `FixedText`, of each so many. */
  readonly words: Float64Array;
  readonly wordsEach: number;
  /** Bytes of each. */
  readonly lengths: Uint8Array;
  /** 1: true or false. */
  readonly isFlag: Uint8Array;
}

/** Names of at most 200 characters below 128. */
export function fieldNames(names: readonly string[], isFlag: (name: string) => boolean): FieldNames {
  const texts = names.map((name, i) => `${i === 0 ? '' : ','}${JSON.stringify(name)}:`);
  const wordsEach = Math.max(wordsLeast, ...texts.map((text) => Math.ceil(text.length / wordBytes)));
  return {
    words: Float64Array.from(texts.flatMap((text) => [...fixedText(text.padEnd(wordsEach * wordBytes)).words])),
    ...{ wordsEach, lengths: Uint8Array.from(texts, (text) => text.length) },
    isFlag: Uint8Array.from(names, (name) => (isFlag(name) ? 1 : 0)),
  };
}

function putFlag(view: DataView, at: number, isSet: boolean): number {
  if (isSet) {
    view.setUint32(at, trueWord, true);
    return at + 4;
  }
  view.setUint32(at, falseWord, true);
  view.setUint8(at + 4, lastOfFalse);
  return at + 5;
}

function put(bytes: Uint8Array, at: number, characters: string): number {
  for (let i = 0; i < characters.length; i++) bytes[at + i] = characters.charCodeAt(i);
  return at + characters.length;
}
