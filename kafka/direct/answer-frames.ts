/** Who asked: gives memory for an answer as soon as its length is known, and is handed it when it is whole. */
export interface AnswerTaker {
  /** Null: nobody has asked this; what follows cannot be told apart any more. */
  room(correlationId: number, length: number): Buffer | null;
  whole(correlationId: number, answer: Buffer): void;
}

/** Length and correlation id, before each answer. */
const headBytes = 8;
/** Where heads and short answers are read to. */
const scratchBytes = 16 * 1024;

/**
 * Cuts what comes from a broker into answers. A socket that can read into memory of ours reads into `target()`, which is the answer's own as
 * soon as its length is known: its bytes are then copied by nobody. Throws a `FrameError` for what no answer begins with.
 */
export class AnswerFrames {
  readonly #taker: AnswerTaker;
  readonly #scratch = Buffer.allocUnsafeSlow(scratchBytes);
  readonly #head = Buffer.alloc(headBytes);
  #headFilled = 0;
  #correlationId = 0;
  #answer: Buffer | null = null;
  #filled = 0;

  constructor(taker: AnswerTaker) {
    this.#taker = taker;
  }

  /** Where the next bytes are to be read to, and then told by `filled`. */
  target(): Buffer {
    return this.#answer ? this.#answer.subarray(this.#filled) : this.#scratch;
  }

  /** So many bytes were read into what `target` gave. */
  filled(bytes: number): void {
    if (!this.#answer) return this.take(this.#scratch, bytes);
    this.#filled += bytes;
    this.#endIfWhole(this.#answer);
  }

  /** Bytes that came elsewhere: [0, end) of these. */
  take(bytes: Buffer, end = bytes.length): void {
    for (let at = 0; at < end;) {
      if (this.#answer) {
        const copied = bytes.copy(this.#answer, this.#filled, at, end);
        at += copied;
        this.#filled += copied;
        this.#endIfWhole(this.#answer);
      } else {
        const copied = bytes.copy(this.#head, this.#headFilled, at, end);
        at += copied;
        this.#headFilled += copied;
        if (this.#headFilled === headBytes) this.#begin();
      }
    }
  }

  #begin(): void {
    this.#headFilled = 0;
    const length = this.#head.readInt32BE(0) - 4;
    this.#correlationId = this.#head.readInt32BE(4);
    const answer = length < 0 ? null : this.#taker.room(this.#correlationId, length);
    if (!answer) throw new FrameError(`an answer of ${length} bytes to ${this.#correlationId}, which nobody asked`);
    this.#answer = answer;
    this.#filled = 0;
    this.#endIfWhole(answer);
  }

  #endIfWhole(answer: Buffer): void {
    if (this.#filled < answer.length) return;
    this.#answer = null;
    this.#taker.whole(this.#correlationId, answer);
  }
}

/** Not an answer. */
export class FrameError extends Error {}
