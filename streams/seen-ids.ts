/**
 * Which ids were seen, as 128-bit hashes in one open-addressing table of 32-bit words (20 bytes a slot, against some 80 in a
 * Set), each with the minute of event time that it belongs to. Minutes expire as a whole: their ids count as absent at once, and
 * their slots are swept when the table is rebuilt, so expiry costs O(1) an id. What it answers depends only on the calls made,
 * never on the layout.
 */
export interface SeenIdsState {
  /** Four words an id. */
  readonly hashes: Int32Array;
  /** Minute of each id. */
  readonly minutes: Int32Array;
  readonly oldestMinute: number;
}

const EMPTY = -0x80000000;
const FORGOTTEN = EMPTY + 1;
const EVERYTHING = EMPTY + 2;
const SLOTS_MIN = 1024;

export class SeenIds {
  private slots = SLOTS_MIN;
  private hashes = new Int32Array(SLOTS_MIN * 4);
  private minutes = new Int32Array(SLOTS_MIN).fill(EMPTY);
  /** Slots that are not empty, expired ones included. */
  private used = 0;
  private live = 0;
  private liveOfMinute = new Map<number, number>();
  private oldestMinute = EVERYTHING;

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
    if (this.used >= this.slots * 0.6) this.rebuild();
    this.insert(hash, 0, minute);
    this.live++;
    this.liveOfMinute.set(minute, (this.liveOfMinute.get(minute) ?? 0) + 1);
  }

  forget(hash: Int32Array): void {
    const slot = this.find(hash);
    if (slot < 0) return;
    const minute = this.minutes[slot] as number;
    this.minutes[slot] = FORGOTTEN;
    this.live--;
    this.liveOfMinute.set(minute, (this.liveOfMinute.get(minute) ?? 1) - 1);
  }

  /** All ids of minutes before `oldestMinute` are unknown from now on. It never goes back. */
  expireBefore(oldestMinute: number): void {
    if (oldestMinute <= this.oldestMinute) return;
    this.oldestMinute = oldestMinute;
    for (const [minute, count] of this.liveOfMinute) {
      if (minute >= oldestMinute) continue;
      this.live -= count;
      this.liveOfMinute.delete(minute);
    }
  }

  /** The live ids, compact. */
  snapshot(): SeenIdsState {
    const hashes = new Int32Array(this.live * 4);
    const minutes = new Int32Array(this.live);
    let count = 0;
    for (let slot = 0; slot < this.slots; slot++) {
      const minute = this.minutes[slot] as number;
      if (minute < this.oldestMinute) continue;
      hashes.set(this.hashes.subarray(slot * 4, slot * 4 + 4), count * 4);
      minutes[count++] = minute;
    }
    return { hashes, minutes, oldestMinute: this.oldestMinute };
  }

  restore({ hashes, minutes, oldestMinute }: SeenIdsState): void {
    this.oldestMinute = oldestMinute;
    this.live = minutes.length;
    this.liveOfMinute = new Map();
    for (const minute of minutes) this.liveOfMinute.set(minute, (this.liveOfMinute.get(minute) ?? 0) + 1);
    this.fill(hashes, minutes);
  }

  private find(hash: Int32Array): number {
    const { hashes, minutes, oldestMinute } = this;
    const mask = this.slots - 1;
    const a = hash[0] as number;
    const b = hash[1] as number;
    const c = hash[2] as number;
    const d = hash[3] as number;
    for (let slot = a & mask; minutes[slot] !== EMPTY; slot = (slot + 1) & mask) {
      const at = slot * 4;
      if (hashes[at] !== a || hashes[at + 1] !== b || hashes[at + 2] !== c || hashes[at + 3] !== d) continue;
      if ((minutes[slot] as number) >= oldestMinute) return slot;
    }
    return -1;
  }

  private insert(words: Int32Array, from: number, minute: number): void {
    const mask = this.slots - 1;
    let slot = (words[from] as number) & mask;
    while (this.minutes[slot] !== EMPTY) slot = (slot + 1) & mask;
    for (let i = 0; i < 4; i++) this.hashes[slot * 4 + i] = words[from + i] as number;
    this.minutes[slot] = minute;
    this.used++;
  }

  /** Sweeps what has expired, and grows or shrinks so that the live ids fill at most 30 %. */
  private rebuild(): void {
    const { hashes, minutes } = this.snapshot();
    this.fill(hashes, minutes);
  }

  private fill(hashes: Int32Array, minutes: Int32Array): void {
    this.slots = SLOTS_MIN;
    while (this.slots * 0.3 < minutes.length) this.slots *= 2;
    this.hashes = new Int32Array(this.slots * 4);
    this.minutes = new Int32Array(this.slots).fill(EMPTY);
    this.used = 0;
    for (let i = 0; i < minutes.length; i++) this.insert(hashes, i * 4, minutes[i] as number);
  }
}
