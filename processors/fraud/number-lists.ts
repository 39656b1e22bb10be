// Lists of numbers of many entities in shared blocks of memory: as arrays and objects of their own they are most of what the collector
// marks and copies, and each is one more place to wait for. Guarantees: a list keeps its order; what is given back is used again.
// Redelivery: the same calls leave the same lists.
import type { NumberReader, NumberRow } from '../../streams/number-row.ts';
import { roomFor } from '../../streams/room-for.ts';

/** Numbers a page; what is larger has a page of its own. */
const pageBits = 16;
const pageNumbers = 1 << pageBits;
/** 64 bytes: a line of the processor's cache. */
const smallestBits = 3;
/** What a list holds more room for goes back as soon as it is empty. */
const keptBits = 5;

/** Memory in blocks of 2^bits numbers. An address is page · 2^16 + place in the page; at most 16 GB. */
export class Blocks {
  readonly pages: Float64Array[] = [];
  private readonly unused: number[][] = [];
  /** The rest of the page that is handed out now. */
  private next = 0;
  private end = 0;

  take(bits: number): number {
    const unused = this.unused[bits]?.pop();
    if (unused !== undefined) return unused;
    const length = 1 << bits;
    if (length > pageNumbers) return this.addPage(length);
    if (this.next + length > this.end) {
      this.next = this.addPage(pageNumbers);
      this.end = this.next + pageNumbers;
    }
    this.next += length;
    return this.next - length;
  }

  give(address: number, bits: number): void {
    while (this.unused.length <= bits) this.unused.push([]);
    this.unused[bits]?.push(address);
  }

  private addPage(length: number): number {
    return (this.pages.push(new Float64Array(length)) - 1) << pageBits;
  }
}

/** Of each list: address, items, and the bits of its block (0: none). */
const stride = 3;

/** Lists by number, from 0 on, of items of `width` numbers each. */
export class NumberLists {
  private readonly blocks: Blocks;
  private readonly width: number;
  private facts = new Int32Array(64 * stride);

  constructor(blocks: Blocks, width: number) {
    this.blocks = blocks;
    this.width = width;
  }

  /** To be called before a list is used for the first time. */
  makeRoomFor(list: number): void {
    this.facts = roomFor(this.facts, (list + 1) * stride);
  }

  count(list: number): number {
    return this.facts[list * stride + 1] as number;
  }

  /** Where the list's numbers are: item i begins at `from + i · width`. Good until something is appended. */
  page(list: number): Float64Array {
    return this.blocks.pages[(this.facts[list * stride] as number) >>> pageBits] ?? nothing;
  }

  from(list: number): number {
    return (this.facts[list * stride] as number) & (pageNumbers - 1);
  }

  /** Makes room for one more item at the end; returns where it begins, for whom calls to write it there. */
  append(list: number): number {
    const { facts, width } = this;
    const of = list * stride;
    const count = facts[of + 1] as number;
    const bits = facts[of + 2] as number;
    if (bits === 0 || (count + 1) * width > 1 << bits) this.grow(of, bits);
    facts[of + 1] = count + 1;
    return ((facts[of] as number) & (pageNumbers - 1)) + count * width;
  }

  /** Keeps the first so many items. */
  truncate(list: number, count: number): void {
    this.facts[list * stride + 1] = count;
    if (count === 0 && (this.facts[list * stride + 2] as number) > keptBits) this.clear(list);
  }

  /** Gives its memory back. */
  clear(list: number): void {
    const { facts } = this;
    const of = list * stride;
    if (facts[of + 2] !== 0) this.blocks.give(facts[of] as number, facts[of + 2] as number);
    facts.fill(0, of, of + stride);
  }

  /** How many items, and these. */
  write(list: number, into: NumberRow): void {
    const count = this.count(list);
    const from = this.from(list);
    into.put(count);
    into.putAll(this.page(list), from, from + count * this.width);
  }

  /** Into a list that is empty. */
  read(list: number, from: NumberReader): void {
    const count = from.take();
    for (let i = 0; i < count; i++) {
      const at = this.append(list);
      this.page(list).set(from.takeAll(this.width), at);
    }
  }

  private grow(of: number, bits: number): void {
    const { blocks, facts, width } = this;
    const wanted = Math.max(smallestBits, bits + 1);
    const address = blocks.take(wanted);
    if (bits > 0) {
      const old = facts[of] as number;
      const from = old & (pageNumbers - 1);
      const used = (facts[of + 1] as number) * width;
      const to = blocks.pages[address >>> pageBits] as Float64Array;
      const page = blocks.pages[old >>> pageBits] as Float64Array;
      to.set(page.subarray(from, from + used), address & (pageNumbers - 1));
      blocks.give(old, bits);
    }
    facts[of] = address;
    facts[of + 2] = wanted;
  }
}

const nothing = new Float64Array(0);
