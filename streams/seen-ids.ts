/**
 * Which ids were seen, as 128-bit hashes, each with the minute of event time that it belongs to. They stand one behind the other in
 * the order in which they came (20 bytes an id), and an open-addressing table of a hash word and a place (8 bytes a slot) finds
 * them: an id that is new costs one look into memory. Minutes expire as a whole: their ids count as absent at once, and are swept
 * when the rows are full, so expiry costs O(1) an id. What it answers depends only on the calls made, never on the layout.
 */
export interface SeenIdsState {
  /** Four words an id. */
  readonly hashes: Int32Array;
  /** Minute of each id. */
  readonly minutes: Int32Array;
  readonly oldestMinute: number;
}

const FORGOTTEN = -0x80000000;
const EVERYTHING = FORGOTTEN + 1;
const ROWS_MIN = 1024;
/** Rows for each live id after a sweep: what comes before the next one pays for it. */
const ROWS_PER_LIVE = 1.7;
/** Slots for each row: at most three in five are taken. */
const SLOTS_PER_ROW = 5 / 3;

export class SeenIds {
  private rows = ROWS_MIN;
  private hashes = new Int32Array(ROWS_MIN * 4);
  private minutes = new Int32Array(ROWS_MIN);
  /** Rows that are taken, by expired and forgotten ids as well. */
  private used = 0;
  private slots = 0;
  /** Second word of the hash and row + 1, in turn; 0: nobody's. */
  private table: Int32Array = new Int32Array(0);
  private live = 0;
  private liveOfMinute = new Map<number, { count: number }>();
  private lastMinute = EVERYTHING;
  private ofLastMinute = { count: 0 };
  private oldestMinute = EVERYTHING;

  constructor() {
    this.make(ROWS_MIN);
  }

  /** Ids that are remembered now. */
  get size(): number {
    return this.live;
  }

  has(hash: Int32Array): boolean {
    return this.find(hash) >= 0;
  }

  /** Remembers an id that `has` does not know. Minutes already expired are not remembered. */
  add(hash: Int32Array, minute: number): void {
    if (minute < this.oldestMinute) return;
    if (this.used === this.rows) this.sweep();
    this.append(hash, 0, minute);
    this.live++;
    this.countOf(minute).count++;
  }

  forget(hash: Int32Array): void {
    const row = this.find(hash);
    if (row < 0) return;
    this.countOf(this.minutes[row] as number).count--;
    this.minutes[row] = FORGOTTEN;
    this.live--;
  }

  /** All ids of minutes before `oldestMinute` are unknown from now on. It never goes back. */
  expireBefore(oldestMinute: number): void {
    if (oldestMinute <= this.oldestMinute) return;
    this.oldestMinute = oldestMinute;
    for (const [minute, { count }] of this.liveOfMinute) {
      if (minute >= oldestMinute) continue;
      this.live -= count;
      this.liveOfMinute.delete(minute);
    }
    this.lastMinute = EVERYTHING;
  }

  /** The live ids, compact. */
  snapshot(): SeenIdsState {
    const hashes = new Int32Array(this.live * 4);
    const minutes = new Int32Array(this.live);
    let to = 0;
    for (let row = 0; row < this.used; row++) {
      const minute = this.minutes[row] as number;
      if (minute < this.oldestMinute) continue;
      for (let word = 0; word < 4; word++) hashes[to * 4 + word] = this.hashes[row * 4 + word] as number;
      minutes[to++] = minute;
    }
    return { hashes, minutes, oldestMinute: this.oldestMinute };
  }

  restore({ hashes, minutes, oldestMinute }: SeenIdsState): void {
    this.oldestMinute = oldestMinute;
    this.lastMinute = EVERYTHING;
    this.liveOfMinute = new Map();
    for (const minute of minutes) this.countOf(minute).count++;
    this.fill(hashes, minutes);
  }

  private find(hash: Int32Array): number {
    const { table, hashes } = this;
    const a = hash[0] as number;
    const b = hash[1] as number;
    const last = table.length - 2;
    for (let at = this.slotOf(a); table[at + 1] !== 0; at = at === last ? 0 : at + 2) {
      if (table[at] !== b) continue;
      const row = (table[at + 1] as number) - 1;
      const from = row * 4;
      if (hashes[from] !== a || hashes[from + 2] !== hash[2] || hashes[from + 3] !== hash[3]) continue;
      if ((this.minutes[row] as number) >= this.oldestMinute) return row;
    }
    return -1;
  }

  /** Where in the table a search begins: the first word as a share of all slots. */
  private slotOf(word: number): number {
    return Math.floor(((word >>> 0) * this.slots) / 2 ** 32) * 2;
  }

  private append(words: Int32Array, from: number, minute: number): void {
    const { table, hashes } = this;
    const row = this.used++;
    for (let word = 0; word < 4; word++) hashes[row * 4 + word] = words[from + word] as number;
    this.minutes[row] = minute;
    const last = table.length - 2;
    let at = this.slotOf(words[from] as number);
    while (table[at + 1] !== 0) at = at === last ? 0 : at + 2;
    table[at] = words[from + 1] as number;
    table[at + 1] = row + 1;
  }

  private countOf(minute: number): { count: number } {
    if (minute === this.lastMinute) return this.ofLastMinute;
    let known = this.liveOfMinute.get(minute);
    if (!known) this.liveOfMinute.set(minute, (known = { count: 0 }));
    this.lastMinute = minute;
    this.ofLastMinute = known;
    return known;
  }

  /** Lets go of what has expired, and grows or shrinks to what is left. */
  private sweep(): void {
    const { hashes, minutes } = this.snapshot();
    this.fill(hashes, minutes);
  }

  private fill(hashes: Int32Array, minutes: Int32Array): void {
    this.make(Math.max(ROWS_MIN, Math.ceil(minutes.length * ROWS_PER_LIVE)));
    this.live = minutes.length;
    for (let row = 0; row < minutes.length; row++) this.append(hashes, row * 4, minutes[row] as number);
  }

  private make(rows: number): void {
    this.rows = rows;
    this.hashes = new Int32Array(rows * 4);
    this.minutes = new Int32Array(rows);
    this.used = 0;
    this.slots = Math.ceil(rows * SLOTS_PER_ROW);
    this.table = new Int32Array(this.slots * 2);
  }
}
