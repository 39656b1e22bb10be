// What comes behind the bodies of the outputs of one entry, their producer's position: the same for all but for its index.
// Guarantees: bytes are a function of the entry and the index, whenever they are written.
// Redelivery: no state but the memory that is written into.
import type { Block } from './blocks.ts';
import { type FixedText, fixedText, type JsonBytes, putFixed } from './json-bytes.ts';
import { putWhole } from './json-digits.ts';

/** What writing an index and its braces may touch. */
const indexBytes = 32;
const braces = 0x7d_7d;

export class Ending {
  /** Where bodies are written. */
  readonly into: JsonBytes;
  private readonly beforeIndex: FixedText;

  /** `common`: an object whose last member is an object as well, which gets the index. */
  constructor(into: JsonBytes, common: object) {
    this.into = into;
    this.beforeIndex = fixedText(`,${JSON.stringify(common).slice(1, -2)},"index":`);
  }

  /** Behind the body that was written last; its block is held for who asked. */
  close(index: number): { readonly block: Block; readonly start: number; readonly end: number } {
    const { into } = this;
    into.reopen().fixed(this.beforeIndex).number(index).ascii('}}');
    into.block.hold();
    return { block: into.block, start: into.start, end: into.cut() };
  }

  /** Whether so many bytes behind a body are enough. */
  fitsInto(bytes: number): boolean {
    return this.beforeIndex.length + indexBytes <= bytes;
  }

  /** Behind a body that was written before, over its brace at `at`; returns where it ends. */
  put({ view }: Block, at: number, index: number): number {
    const end = putWhole(view, putFixed(view, at, this.beforeIndex), index);
    view.setUint16(end, braces);
    return end + 2;
  }
}
