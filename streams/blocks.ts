// Memory that values are written into, used again once nobody needs what lies in it: as new memory for each, it was most of what made the
// collector run. Guarantees: a block is only written anew when everyone who held it, and who wrote it, has let go.
// Redelivery: no state but memory that is free.

/** Several values share a block: a buffer of its own for each would cost more than writing it. */
export const blockBytes = 65_536;
/** 16 MB; what is more than that is left to the collector. */
const freeBlocksMax = 256;

export class Blocks {
  readonly #free: Block[] = [];

  /** At least `length` bytes, with anything in them, held by who asked. */
  take(length: number): Block {
    const block = (length <= blockBytes && this.#free.pop()) || new Block(Math.max(blockBytes, length), this);
    block.hold();
    return block;
  }

  give(block: Block): void {
    if (block.bytes.length === blockBytes && this.#free.length < freeBlocksMax) this.#free.push(block);
  }
}

export class Block {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly #blocks: Blocks;
  #holders = 0;

  constructor(length: number, blocks: Blocks) {
    // Not cleared: only what was written is ever handed out.
    this.bytes = new Uint8Array(Buffer.allocUnsafeSlow(length).buffer);
    this.view = new DataView(this.bytes.buffer);
    this.#blocks = blocks;
  }

  hold(): void {
    this.#holders++;
  }

  /** Once for each `hold`: who calls it neither reads nor writes the block any more. */
  release(): void {
    if (--this.#holders === 0) this.#blocks.give(this);
  }
}
