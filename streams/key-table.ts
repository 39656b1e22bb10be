// The numbers of keys, found by the text of the key. A Map of so many keys is looked for in memory that is far away three or four times a
// look, and the collector goes through all of it; here one place tells that a key is not held, which of most new ones it is not.
// Guarantees: as a Map from text to number, and no slower by much where keys were made to collide: these are in a Map.
// Redelivery: knows no events.

const SLOTS_AT_FIRST = 64;
/** 2^32 over the golden ratio (Knuth, The Art of Computer Programming 3, 6.4). */
const SPREAD = 0x9e3779b1;
/** So many places are looked at. With half of all free, more are next to never needed, but for keys that somebody made to collide. */
const LOOKS_MAX = 32;

export class KeyTable {
  size = 0;
  private readonly keyOf: (keyNumber: number) => string;
  /** Open addressing: the hash of a key and its number, in turn; number −1 where nothing is. At most half full. */
  private table = emptyTable(SLOTS_AT_FIRST);
  private shift = 32 - Math.log2(SLOTS_AT_FIRST);
  /** Keys whose places were all taken. */
  private readonly others = new Map<string, number>();
  private readonly hashOf: (key: string) => number;

  /** `keyOf`: the text of a number that is in the table. `hashOf`: 32 bits, signed. */
  constructor(keyOf: (keyNumber: number) => string, hashOf = fnv1a) {
    this.keyOf = keyOf;
    this.hashOf = hashOf;
  }

  /** −1 where it is not in the table. */
  find(key: string): number {
    const at = this.placeOf(key, this.hashOf(key));
    const found = at < 0 ? -1 : (this.table[at + 1] as number);
    return found < 0 && this.others.size > 0 ? (this.others.get(key) ?? -1) : found;
  }

  /** For a key that is not in the table. */
  add(key: string, keyNumber: number): void {
    if (++this.size * 4 > this.table.length) this.grow();
    this.put(key, this.hashOf(key), keyNumber);
  }

  /** For a key that is in the table. What follows it moves up, so that no look ends too early. */
  delete(key: string): void {
    this.size--;
    if (this.others.delete(key)) return;
    const { table } = this;
    const last = table.length - 2;
    let free = this.placeOf(key, this.hashOf(key));
    for (let at = (free + 2) & last; (table[at + 1] as number) >= 0; at = (at + 2) & last) {
      const wanted = this.firstAt(table[at] as number);
      // Where it wants to be lies behind the free place, on the way to where it is: it stays.
      if (((at - wanted) & last) < ((at - free) & last)) continue;
      table[free] = table[at] as number;
      table[free + 1] = table[at + 1] as number;
      free = at;
    }
    table[free + 1] = -1;
  }

  private put(key: string, hash: number, keyNumber: number): void {
    const at = this.placeOf(key, hash);
    if (at < 0) return void this.others.set(key, keyNumber);
    this.table[at] = hash;
    this.table[at + 1] = keyNumber;
  }

  /** Where the key is, or would be put; −1: nowhere. */
  private placeOf(key: string, hash: number): number {
    const { table } = this;
    const last = table.length - 2;
    let at = this.firstAt(hash);
    for (let looks = 0; looks < LOOKS_MAX; looks++) {
      const keyNumber = table[at + 1] as number;
      if (keyNumber < 0 || (table[at] === hash && this.keyOf(keyNumber) === key)) return at;
      at = (at + 2) & last;
    }
    return -1;
  }

  private firstAt(hash: number): number {
    return (Math.imul(hash, SPREAD) >>> this.shift) * 2;
  }

  private grow(): void {
    const held = this.table;
    this.table = emptyTable(held.length);
    this.shift--;
    for (let at = 0; at < held.length; at += 2) {
      const keyNumber = held[at + 1] as number;
      if (keyNumber >= 0) this.put(this.keyOf(keyNumber), held[at] as number, keyNumber);
    }
  }
}

const emptyTable = (slots: number): Int32Array => new Int32Array(2 * slots).fill(-1);

/** FNV-1a over the characters. */
function fnv1a(key: string): number {
  let hash = 0x811c9dc5 | 0;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return hash;
}
