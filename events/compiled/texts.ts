/** Bytes of ASCII as a string of its own: it keeps nothing else alive. */
export type ReadAscii = (bytes: Uint8Array, start: number, end: number) => string;

const SLOTS_MIN = 1 << 14;
const SLOTS_MAX = 1 << 16;
/** So many look-ups, which tell ten thousand values that come again from those that do not; then what rarely finds anything is spared for a while. */
const TRIAL = 1 << 16;
const REST = 1 << 20;

/**
 * The strings of one field, remembered by their bytes: a key or a country that comes again is the same string again, with its
 * hash known and its schema checked once. Holds at most 65,536 strings; a field whose values rarely repeat is only read.
 */
export class Texts {
  /** Where the last text is remembered, below 65,536; −1: nowhere. */
  slot = -1;
  private readonly read: ReadAscii;
  private readonly accepts: ((text: string) => boolean) | null;
  private slots = SLOTS_MIN;
  private known = emptySlots(SLOTS_MIN);
  private lookups = 0;
  private found = 0;
  private restLeft = 0;

  constructor(read: ReadAscii, accepts: ((text: string) => boolean) | null) {
    this.read = read;
    this.accepts = accepts;
  }

  /** The ASCII text in `bytes[start, end)`, whose hash the caller has made; undefined when the schema refuses it. */
  at(bytes: Uint8Array, start: number, end: number, hash: number): string | undefined {
    if (this.restLeft > 0) {
      this.restLeft--;
      this.slot = -1;
      return this.fresh(bytes, start, end);
    }
    const slot = (hash ^ (hash >>> 14)) & (this.slots - 1);
    this.slot = slot;
    const known = this.known[slot];
    if (known !== undefined && isSame(known, bytes, start, end)) {
      this.found++;
      this.lookups++;
      return known;
    }
    if (++this.lookups >= TRIAL) this.weigh();
    const text = this.fresh(bytes, start, end);
    if (text !== undefined) this.known[slot] = text;
    return text;
  }

  private fresh(bytes: Uint8Array, start: number, end: number): string | undefined {
    const text = this.read(bytes, start, end);
    return this.accepts === null || this.accepts(text) ? text : undefined;
  }

  private weigh(): void {
    if (this.found * 4 < this.lookups) {
      this.restLeft = REST;
      this.known.fill(undefined);
    } else if (this.found * 16 < this.lookups * 15 && this.slots < SLOTS_MAX) {
      this.slots *= 4;
      this.known = emptySlots(this.slots);
    }
    this.lookups = 0;
    this.found = 0;
  }
}

const emptySlots = (slots: number): (string | undefined)[] => new Array<string | undefined>(slots).fill(undefined);

function isSame(text: string, bytes: Uint8Array, start: number, end: number): boolean {
  const { length } = text;
  if (length !== end - start) return false;
  for (let i = 0; i < length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false;
  return true;
}
