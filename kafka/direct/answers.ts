import type { MemoryPool } from './memory-pool.ts';

/** One answer, and how many still need what came in it: at first who asked for it. */
export class Answer {
  readonly #pool: MemoryPool;
  #memory: Buffer | null = null;
  #users = 1;

  constructor(pool: MemoryPool) {
    this.#pool = pool;
  }

  /** Memory for the answer. */
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
