/**
 * Memory of answers and of requests, used again once nobody needs what lies in it. New memory for each is as much as everything that is
 * read and written, and V8 looks through its whole heap for every 64 MB of it. Holds at most `bytesMax` that nobody uses; what is
 * never given back is left to the collector.
 */
export class MemoryPool {
  readonly #bytesMax: number;
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** At least `length` bytes, with anything in them. */
  take(length: number): Buffer {
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const size = (this.#free[i] as Buffer).length;
      if (size >= length && (best < 0 || size < (this.#free[best] as Buffer).length)) best = i;
    }
    if (best < 0) return Buffer.allocUnsafeSlow(roundedUp(length));
    const [memory] = this.#free.splice(best, 1) as [Buffer];
    this.#freeBytes -= memory.length;
    return memory;
  }

  /** What `take` gave; whoever gives it back may neither read nor write it any more, nor may a socket. */
  give(memory: Buffer): void {
    this.#free.push(memory);
    this.#freeBytes += memory.length;
    // The smallest are of least use.
    while (this.#freeBytes > this.#bytesMax) {
      let least = 0;
      for (let i = 1; i < this.#free.length; i++)
        if ((this.#free[i] as Buffer).length < (this.#free[least] as Buffer).length) least = i;
      this.#freeBytes -= (this.#free.splice(least, 1)[0] as Buffer).length;
    }
  }
}

/** So that what is of about one size fits each other's memory. */
function roundedUp(length: number): number {
  const unit = length < 65_536 ? 4_096 : 65_536;
  return Math.max(1, Math.ceil(length / unit)) * unit;
}
