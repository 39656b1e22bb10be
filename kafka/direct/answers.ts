/**
 * Memory that answers are gathered in, used again once nobody needs anything that came in one. New memory for each answer is as much
 * as everything that is read, and V8 looks through its whole heap for every 64 MB of it. Holds at most `bytesMax` that nobody uses;
 * an answer of which a part is never released is left to the collector.
 */
export class AnswerPool {
  readonly #bytesMax: number;
  readonly #free: Buffer[] = [];
  #freeBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  answer(): Answer {
    return new Answer(this);
  }

  /** At least `length` bytes, with anything in them. */
  take(length: number): Buffer {
    let best = -1;
    for (let i = 0; i < this.#free.length; i++) {
      const size = (this.#free[i] as Buffer).length;
      if (size >= length && (best < 0 || size < (this.#free[best] as Buffer).length)) best = i;
    }
    if (best < 0) return Buffer.allocUnsafeSlow(Math.ceil(length / roundBytes) * roundBytes);
    const [memory] = this.#free.splice(best, 1) as [Buffer];
    this.#freeBytes -= memory.length;
    return memory;
  }

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

/** So that answers of about one size fit each other's memory. */
const roundBytes = 64 * 1024;

/** One answer, and how many still need what came in it: at first who asked for it. */
export class Answer {
  readonly #pool: AnswerPool;
  #memory: Buffer | null = null;
  #users = 1;

  constructor(pool: AnswerPool) {
    this.#pool = pool;
  }

  /** Memory for the answer, where it does not come in one piece. */
  readonly room = (length: number): Buffer => {
    this.#memory = this.#pool.take(length);
    return this.#memory.subarray(0, length);
  };

  /** One user more; gives what he calls once when he needs it no longer. */
  hold(): () => void {
    this.#users++;
    let isHeld = true;
    return () => {
      if (isHeld) this.release();
      isHeld = false;
    };
  }

  release(): void {
    if (--this.#users > 0 || !this.#memory) return;
    this.#pool.give(this.#memory);
    this.#memory = null;
  }
}
