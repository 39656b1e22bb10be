// The numbers of keys, found by the text of the key. A Map of so many keys is looked for in memory that is far away three or four times a
// look, and the collector goes through all of it; here a place holds the characters of a short key beside its number, so that one look tells.
// Guarantees: as a Map from text to number, and no slower by much where keys were made to collide: these are in a Map.
// Redelivery: knows no events.
import type { RecordBatch } from '../sources/source.ts';

const SLOTS_AT_FIRST = 64;
/** 2^32 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4). */
const SPREAD = 0x9e3779b1;
/** So many places are looked at. With half of all free, more are next to never needed, but for keys that somebody made to collide. */
const LOOKS_MAX = 32;

// A slot is half a line of the cache: number (−1 where nothing is), hash, length, and twenty characters of a byte each, zeros behind them.
const SLOT = 8;
const HASH = 1;
const LENGTH = 2;
const TEXT = 3;
const TEXT_LENGTH_MAX = 4 * (SLOT - TEXT);
/** Instead of a length: the key is longer, or of other characters, and its text is where its number says. */
const ELSEWHERE = -1;

/** Columns of a batch of records. */
export type KeyBytes = Pick<RecordBatch, 'bytes' | 'keyStart' | 'keyEnd'>;

export class KeyTable {
  size = 0;
  private readonly keyOf: (keyNumber: number) => string;
  /** Open addressing. At most half full. */
  private table = emptyTable(SLOTS_AT_FIRST);
  private shift = 32 - Math.log2(SLOTS_AT_FIRST);
  /** Keys whose places were all taken. */
  private readonly others = new Map<string, number>();
  private readonly hashOf: (hash: number) => number;
  /** The key that was read last, as it would be in a slot. */
  private readonly asked = new Int32Array(SLOT);
  /** Of the keys that are guessed. */
  private hashes = new Int32Array(0);

  /** `keyOf`: the text of a number that is in the table. `hashOf`: for tests, what becomes of a hash of 32 bits, signed. */
  constructor(keyOf: (keyNumber: number) => string, hashOf = (hash: number): number => hash) {
    this.keyOf = keyOf;
    this.hashOf = hashOf;
  }

  /** −1 where it is not in the table. */
  find(key: string): number {
    this.read(key);
    const at = this.placeOf(key);
    const found = at < 0 ? -1 : (this.table[at] as number);
    return found < 0 && this.others.size > 0 ? (this.others.get(key) ?? -1) : found;
  }

  /**
   * The numbers of keys that stand as ASCII in `bytes`, by their hashes alone; −1 where there is none. All are looked for at once, so that
   * what is far away is waited for together: `find` has them near then.
   */
  guess({ bytes, keyStart, keyEnd }: KeyBytes, from: number, numbers: Int32Array): void {
    const count = numbers.length;
    if (this.hashes.length < count) this.hashes = new Int32Array(count);
    const { hashes, table } = this;
    for (let i = 0; i < count; i++) {
      const hash = this.hashOf(hashOfBytes(bytes, keyStart[from + i] as number, keyEnd[from + i] as number));
      hashes[i] = hash;
      numbers[i] = this.firstAt(hash);
    }
    const last = table.length - SLOT;
    for (let i = 0; i < count; i++) {
      let at = numbers[i] as number;
      const hash = hashes[i] as number;
      for (let looks = 1; looks < LOOKS_MAX && (table[at] as number) >= 0 && table[at + HASH] !== hash; looks++)
        at = (at + SLOT) & last;
      numbers[i] = table[at] as number;
    }
  }

  /** The number of the key; where it is not in the table, that is this one from here on. */
  add(key: string, keyNumber: number): number {
    const known = this.find(key);
    if (known >= 0) return known;
    if (++this.size * 2 * SLOT > this.table.length) this.grow();
    const at = this.placeOf(key);
    this.asked[0] = keyNumber;
    if (at < 0) this.others.set(key, keyNumber);
    else copySlot(this.asked, 0, this.table, at);
    return keyNumber;
  }

  /** For a key that is in the table. What follows it moves up, so that no look ends too early. */
  delete(key: string): void {
    this.size--;
    // Asked first how many there are: of most keys it would be the only look at the hash of their text.
    if (this.others.size > 0 && this.others.delete(key)) return;
    const { table } = this;
    const last = table.length - SLOT;
    this.read(key);
    let free = this.placeOf(key);
    for (let at = (free + SLOT) & last; (table[at] as number) >= 0; at = (at + SLOT) & last) {
      const wanted = this.firstAt(table[at + HASH] as number);
      // Where it wants to be lies behind the free place, on the way to where it is: it stays.
      if (((at - wanted) & last) < ((at - free) & last)) continue;
      copySlot(table, at, table, free);
      free = at;
    }
    table[free] = -1;
  }

  /** Into `asked`, but for its number. */
  private read(key: string): void {
    const { asked } = this;
    const { length } = key;
    let hash = length;
    let isShort = length <= TEXT_LENGTH_MAX;
    if (isShort) {
      let [word, seen, to] = [0, 0, TEXT];
      for (let i = 0; i < length; i++) {
        const code = key.charCodeAt(i);
        seen |= code;
        word |= code << (8 * (i & 3));
        if ((i & 3) === 3 || i === length - 1) {
          asked[to++] = word;
          hash = mixed(hash, word);
          word = 0;
        }
      }
      while (to < SLOT) asked[to++] = 0;
      isShort = seen <= 0xff;
    }
    if (!isShort) for (let i = 0; i < length; i++) hash = mixed(hash, key.charCodeAt(i));
    asked[HASH] = this.hashOf(hash);
    asked[LENGTH] = isShort ? length : ELSEWHERE;
  }

  /** Where the key that was read is, or would be put; −1: nowhere. */
  private placeOf(key: string): number {
    const { table, asked } = this;
    const last = table.length - SLOT;
    const hash = asked[HASH] as number;
    let at = this.firstAt(hash);
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const keyNumber = table[at] as number;
      if (keyNumber < 0 || (table[at + HASH] === hash && this.isAsked(at, key))) return at;
      at = (at + SLOT) & last;
    }
    return -1;
  }

  private isAsked(at: number, key: string): boolean {
    const { table, asked } = this;
    const length = asked[LENGTH] as number;
    if (table[at + LENGTH] !== length) return false;
    if (length === ELSEWHERE) return this.keyOf(table[at] as number) === key;
    return (
      table[at + TEXT] === asked[TEXT] &&
      table[at + TEXT + 1] === asked[TEXT + 1] &&
      table[at + TEXT + 2] === asked[TEXT + 2] &&
      table[at + TEXT + 3] === asked[TEXT + 3] &&
      table[at + TEXT + 4] === asked[TEXT + 4]
    );
  }

  private firstAt(hash: number): number {
    return (Math.imul(hash, SPREAD) >>> this.shift) * SLOT;
  }

  private grow(): void {
    const held = this.table;
    const table = emptyTable((2 * held.length) / SLOT);
    const last = table.length - SLOT;
    this.table = table;
    this.shift--;
    for (let from = 0; from < held.length; from += SLOT) {
      const keyNumber = held[from] as number;
      if (keyNumber < 0) continue;
      let at = this.firstAt(held[from + HASH] as number);
      let looks = 0;
      for (; looks < LOOKS_MAX && (table[at] as number) >= 0; looks++) at = (at + SLOT) & last;
      if (looks === LOOKS_MAX) this.others.set(this.keyOf(keyNumber), keyNumber);
      else copySlot(held, from, table, at);
    }
  }
}

const emptyTable = (slots: number): Int32Array => new Int32Array(SLOT * slots).fill(-1);

function copySlot(from: Int32Array, fromAt: number, to: Int32Array, toAt: number): void {
  for (let i = 0; i < SLOT; i++) to[toAt + i] = from[fromAt + i] as number;
}

/** A multiplication moves no bit down, so the shift does. */
function mixed(hash: number, word: number): number {
  const product = Math.imul(hash ^ word, SPREAD);
  return product ^ (product >>> 15);
}

/** As of the text, where it is ASCII. */
function hashOfBytes(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  let hash = length;
  if (length > TEXT_LENGTH_MAX) for (let at = start; at < end; at++) hash = mixed(hash, bytes[at] as number);
  else {
    let word = 0;
    for (let i = 0; i < length; i++) {
      word |= (bytes[start + i] as number) << (8 * (i & 3));
      if ((i & 3) === 3 || i === length - 1) {
        hash = mixed(hash, word);
        word = 0;
      }
    }
  }
  return hash;
}
