// Numbers and texts one behind the other, to be packed piece by piece and read again in the same order.
// Guarantees: what was put is taken; the same gives the same bytes.
// Redelivery: no state that lasts.
import type { Packing } from './place-slices.ts';
import { NumberRow } from './number-row.ts';
import { packed, unpacked } from './pieces.ts';

/** A text takes as long to pack as so many bytes of numbers. */
const textBytes = 64;
/** Times as two numbers of 31 bits, so that all are small. */
const timeBase = 2 ** 31;

const headerBytes = 8;

export class MixedRow {
  private readonly numbers = new NumberRow();
  private texts: string[] = [];

  put(number: number): void {
    this.numbers.put(number);
  }

  /** How many, and these. */
  putList(numbers: readonly number[]): void {
    this.numbers.put(numbers.length);
    this.numbers.putAll(numbers);
  }

  putTime(ms: number): void {
    const high = Number.isFinite(ms) ? Math.floor(ms / timeBase) : ms;
    this.numbers.put(high);
    this.numbers.put(Number.isFinite(ms) ? ms - high * timeBase : 0);
  }

  putText(text: string): void {
    this.texts.push(text);
  }

  putTexts(texts: readonly string[]): void {
    this.numbers.put(texts.length);
    for (const text of texts) this.texts.push(text);
  }

  add({ numbers, texts }: Mixed): void {
    this.numbers.putAll(numbers);
    for (const text of texts) this.texts.push(text);
  }

  get bytes(): number {
    return 4 * this.numbers.length + textBytes * this.texts.length;
  }

  /**
   * The same as bytes: how many numbers and of how many bytes each (−2³¹ to 2³¹−1 take half the room of others), these, and the texts. One
   * piece of memory and no other: so large a one counts for the collector as much as all that is small.
   */
  piece(): Uint8Array {
    const { length } = this.numbers;
    const width = this.numbers.areSmall() ? 4 : 8;
    const texts = packed(this.texts);
    const bytes = new Uint8Array(headerBytes + length * width + texts.length);
    const numbers =
      width === 4
        ? new Int32Array(bytes.buffer, headerBytes, length)
        : new Float64Array(bytes.buffer, headerBytes, length);
    new Int32Array(bytes.buffer, 0, 2).set([length, width]);
    this.numbers.copyTo(numbers);
    bytes.set(texts, headerBytes + length * width);
    this.numbers.length = 0;
    this.texts = [];
    return bytes;
  }

  /** What was put since it was taken last. */
  taken(): Mixed {
    const taken = { numbers: this.numbers.taken(), texts: this.texts };
    this.numbers.length = 0;
    this.texts = [];
    return taken;
  }
}

export interface Mixed {
  readonly numbers: Float64Array;
  readonly texts: readonly string[];
}

/** `write` puts what is at a place behind what is in the row. */
export function mixedOf(write: (place: number, into: MixedRow) => void): Packing<Mixed> {
  const row = new MixedRow();
  const one = new MixedRow();
  return {
    copy(place) {
      write(place, one);
      return one.taken();
    },
    add: (place) => write(place, row),
    addCopy: (copy) => row.add(copy),
    bytes: () => row.bytes,
    piece: () => row.piece(),
  };
}

/** A piece, again. */
export class MixedReader {
  private readonly numbers: Int32Array | Float64Array;
  private readonly texts: readonly string[];
  private at = 0;
  private textAt = 0;

  constructor(piece: Uint8Array) {
    // On a border of its own.
    const { buffer } = new Uint8Array(piece);
    const [length = 0, width = 4] = new Int32Array(buffer, 0, 2);
    this.numbers =
      width === 4 ? new Int32Array(buffer, headerBytes, length) : new Float64Array(buffer, headerBytes, length);
    this.texts = unpacked(new Uint8Array(buffer, headerBytes + length * width)) as readonly string[];
  }

  get isAtEnd(): boolean {
    return this.at >= this.numbers.length;
  }

  take(): number {
    return this.numbers[this.at++] as number;
  }

  takeList(count = this.take()): number[] {
    const list: number[] = [];
    for (let left = count; left > 0; left--) list.push(this.take());
    return list;
  }

  takeTime(): number {
    const high = this.take();
    return high * timeBase + this.take();
  }

  takeText(): string {
    return this.texts[this.textAt++] as string;
  }

  takeTexts(): string[] {
    return Array.from({ length: this.take() }, () => this.takeText());
  }
}
