// Numbers and texts one behind the other, to be packed piece by piece and read again in the same order.
// Guarantees: what was put is taken; the same gives the same bytes. Redelivery: no state that lasts.
import type { Packing } from './place-slices.ts';
import { NumberRow } from './number-row.ts';
import { packed, unpacked } from './pieces.ts';

/** A text takes as long to pack as so many bytes of numbers. */
const textBytes = 64;
/** Times as two numbers of 31 bits, so that all are small. */
const timeBase = 2 ** 31;

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
    piece() {
      const { numbers, texts } = row.taken();
      return packed([smallest(numbers), texts]);
    },
  };
}

/** −2³¹ to 2³¹−1 take half the room of others. */
function smallest(numbers: Float64Array): Int32Array | Float64Array {
  for (let at = 0; at < numbers.length; at++) if (numbers[at] !== ((numbers[at] as number) | 0)) return numbers;
  return Int32Array.from(numbers);
}

/** A piece, again. */
export class MixedReader {
  private readonly numbers: Int32Array | Float64Array;
  private readonly texts: readonly string[];
  private at = 0;
  private textAt = 0;

  constructor(piece: Uint8Array) {
    [this.numbers, this.texts] = unpacked(piece) as readonly [Int32Array | Float64Array, readonly string[]];
  }

  get isAtEnd(): boolean {
    return this.at >= this.numbers.length;
  }

  take(): number {
    return this.numbers[this.at++] as number;
  }

  takeList(): number[] {
    return Array.from({ length: this.take() }, () => this.take());
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
