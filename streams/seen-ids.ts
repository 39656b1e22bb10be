import type { BegunSnapshot, SlicedState } from '../tasks/contract.ts';
import { bufferOf } from './pieces.ts';
import { packedWidth, SeenSlices } from './seen-slices.ts';

/**
 * Which ids were seen, as 128-bit hashes, each with the minute of event time that it belongs to. They stand one behind the other in
 * the order in which they came (20 bytes an id), and an open-addressing table finds them: a byte of the hash for each slot, and beside it
 * the row. Whether an id is new, the bytes say alone, nearly always, and these are few enough to stay near the processor; the row is
 * written without being read first. Minutes expire as a whole: their ids count as absent at once, and are swept when the rows are
 * full, so expiry costs O(1) an id. What it answers depends only on the calls made, never on the layout.
 */
const FORGOTTEN = -0x80000000;
const EVERYTHING = FORGOTTEN + 1;
const ROWS_MIN = 1024;
/** Rows for each live id after a sweep: what comes before the next one pays for it. */
const ROWS_PER_LIVE = 2;
/** Slots for each row: at most three in five are taken. */
const SLOTS_PER_ROW = 5 / 3;

export class SeenIds {
  private rows = ROWS_MIN;
  hashes = new Int32Array(ROWS_MIN * 4);
  minutes = new Int32Array(ROWS_MIN);
  /** Rows that are taken, by expired and forgotten ids as well. */
  private used = 0;
  /** Of each slot a byte of the hash; 0: nobody's. */
  private prints: Uint8Array = new Uint8Array(0);
  /** Of each slot the row. */
  private rowAt: Int32Array = new Int32Array(0);
  private live = 0;
  private liveOfMinute = new Map<number, { count: number }>();
  private lastMinute = EVERYTHING;
  private ofLastMinute = { count: 0 };
  private oldestMinute = EVERYTHING;
  private readonly slices = new SeenSlices();

  constructor() {
    this.tabulate();
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
    const row = this.used++;
    for (let word = 0; word < 4; word++) this.hashes[row * 4 + word] = hash[word] as number;
    this.minutes[row] = minute;
    this.enter(row);
    this.live++;
    this.countOf(minute).count++;
  }

  forget(hash: Int32Array): void {
    const row = this.find(hash);
    if (row < 0) return;
    const minute = this.minutes[row] as number;
    this.slices.beforeForget(row, minute);
    this.countOf(minute).count--;
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
  beginSnapshot(pieceBytes: number): BegunSnapshot {
    const { used, oldestMinute } = this;
    return this.slices.begin({ rows: () => this, used, oldestMinute, pieceBytes });
  }

  restore({ head, pieces }: SlicedState): void {
    const packed = new Int32Array(bufferOf(pieces));
    const count = packed.length / packedWidth;
    const hashes = new Int32Array(4 * count);
    const minutes = new Int32Array(count);
    for (let row = 0; row < count; row++) {
      const from = row * packedWidth;
      for (let word = 0; word < 4; word++) hashes[row * 4 + word] = packed[from + word] as number;
      minutes[row] = packed[from + 4] as number;
    }
    this.oldestMinute = head as number;
    this.lastMinute = EVERYTHING;
    this.liveOfMinute = new Map();
    for (const minute of minutes) this.countOf(minute).count++;
    this.live = count;
    this.resize(hashes, minutes);
    this.tabulate();
  }

  private find(hash: Int32Array): number {
    const { prints, hashes } = this;
    const a = hash[0] as number;
    const b = hash[1] as number;
    const wanted = printOf(b);
    const last = prints.length - 1;
    for (let at = this.slotOf(a); ; at = at === last ? 0 : at + 1) {
      const print = prints[at] as number;
      if (print === 0) return -1;
      if (print !== wanted) continue;
      const row = this.rowAt[at] as number;
      const from = row * 4;
      if (hashes[from] !== a || hashes[from + 1] !== b) continue;
      if (hashes[from + 2] !== hash[2] || hashes[from + 3] !== hash[3]) continue;
      if ((this.minutes[row] as number) >= this.oldestMinute) return row;
    }
  }

  /** Where in the table a search begins: the first word as a share of all slots. */
  private slotOf(word: number): number {
    return Math.floor(((word >>> 0) * this.prints.length) / 2 ** 32);
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
    this.slices.beforeSweep();
    const { hashes, minutes } = this;
    let to = 0;
    for (let row = 0; row < this.used; row++) {
      const minute = minutes[row] as number;
      if (minute < this.oldestMinute) continue;
      if (to < row) for (let word = 0; word < 4; word++) hashes[to * 4 + word] = hashes[row * 4 + word] as number;
      minutes[to++] = minute;
    }
    this.resize(hashes.subarray(0, to * 4), minutes.subarray(0, to));
    this.tabulate();
  }

  /** Rows for these and as many more. */
  private resize(hashes: Int32Array, minutes: Int32Array): void {
    this.used = minutes.length;
    const rows = Math.max(ROWS_MIN, Math.ceil(minutes.length * ROWS_PER_LIVE));
    // Memory that fits is kept: new memory beside the old would be the most that is ever needed.
    if (hashes.buffer === this.hashes.buffer && rows <= this.rows && rows * 2 > this.rows) return;
    this.rows = rows;
    this.hashes = new Int32Array(rows * 4);
    this.hashes.set(hashes);
    this.minutes = new Int32Array(rows);
    this.minutes.set(minutes);
  }

  /** The table of the rows that are used. */
  private tabulate(): void {
    const slots = Math.ceil(this.rows * SLOTS_PER_ROW);
    if (this.prints.length === slots) this.prints.fill(0);
    else {
      this.prints = new Uint8Array(slots);
      this.rowAt = new Int32Array(slots);
    }
    for (let row = 0; row < this.used; row++) this.enter(row);
  }

  private enter(row: number): void {
    const { prints } = this;
    const last = prints.length - 1;
    let at = this.slotOf(this.hashes[row * 4] as number);
    while (prints[at] !== 0) at = at === last ? 0 : at + 1;
    prints[at] = printOf(this.hashes[row * 4 + 1] as number);
    this.rowAt[at] = row;
  }
}

/** Never 0. */
const printOf = (word: number): number => word & 0xff || 0xff;
