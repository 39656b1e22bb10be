// Numbers one behind the other, to be packed as they are, and read again in the same order: a million small arrays and objects would
// take seconds. Guarantees: what was put is taken. Redelivery: no state that lasts.

export class NumberRow {
  private numbers = new Float64Array(1_024);
  length = 0;

  put(number: number): void {
    if (this.length === this.numbers.length) this.makeRoomFor(1);
    this.numbers[this.length++] = number;
  }

  putAll(numbers: ArrayLike<number>, from = 0, end = numbers.length): void {
    this.makeRoomFor(end - from);
    for (let at = from; at < end; at++) this.numbers[this.length++] = numbers[at] as number;
  }

  /** A copy of what was put since it was empty. */
  taken(): Float64Array<ArrayBuffer> {
    return this.numbers.slice(0, this.length);
  }

  copyTo(numbers: Int32Array | Float64Array): void {
    for (let at = 0; at < this.length; at++) numbers[at] = this.numbers[at] as number;
  }

  /** All are whole numbers from −2³¹ to 2³¹−1. */
  areSmall(): boolean {
    for (let at = 0; at < this.length; at++) if (this.numbers[at] !== ((this.numbers[at] as number) | 0)) return false;
    return true;
  }

  private makeRoomFor(count: number): void {
    if (this.length + count <= this.numbers.length) return;
    const larger = new Float64Array(Math.max(2 * this.numbers.length, this.length + count));
    larger.set(this.numbers);
    this.numbers = larger;
  }
}

/** What was put, again. */
export class NumberReader {
  private readonly numbers: Float64Array;
  private at = 0;

  constructor(buffer: ArrayBuffer) {
    this.numbers = new Float64Array(buffer);
  }

  get isAtEnd(): boolean {
    return this.at >= this.numbers.length;
  }

  take(): number {
    return this.numbers[this.at++] as number;
  }

  takeAll(count: number): Float64Array {
    this.at += count;
    return this.numbers.subarray(this.at - count, this.at);
  }
}
